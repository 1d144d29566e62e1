"""Templates that are recognised but cannot be rendered, such as Handlebars. Each says why, and what to do.

Handlebars has no suitable library for Python, as of November 2026. pybars3 (2019) and pybars4 (2021) have no wheels and
need PyMeta3 (2015). python-handlebars has three releases, the last in 2024. handlebars runs the original in js2py,
which is unmaintained. None of them reports the line that wrote a text. Handlebars itself needs Node.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.configuration import StudioSettings
from keyturn.emails.gallery.naming import files_meant_by
from keyturn.emails.gallery.opening import OtherEngine, open_gallery
from keyturn.emails.gallery.sizes import LARGEST
from keyturn.errors import KeyturnError, TemplateInvalid
from keyturn.languages import Language
from keyturn.mail.rendering.engine import Engine, EngineFault
from keyturn.plain_files import paths_below, read_plain_text

WhyNot = Callable[[str], tuple[str, int | None]]
"""Returns why a template cannot be rendered, and the line that shows it."""


def open_not_drawn(
    directory: Path,
    settings: StudioSettings | None,
    *,
    name: str,
    suffixes: tuple[str, ...],
    why_not: WhyNot,
    fix: str,
    sandboxed: bool = True,
) -> Gallery:
    """Return the gallery over a folder whose engine, `name`, is missing. `fix`: what to do."""
    other = OtherEngine(
        engine=_NotDrawn(name, directory.resolve(), why_not, fix),
        make_environment=_no_trees,
        suffixes=suffixes,
        files_meant_by=files_meant_by,
        finds_branches=False,
    )
    return open_gallery(directory, settings=settings, sandboxed=sandboxed, other=other)


class _NotDrawn(Engine):
    def __init__(self, name: str, folder: Path, why_not: WhyNot, fix: str) -> None:
        self.name = name
        self._folder, self._why_not, self._fix = folder, why_not, fix

    def render(self, file: str, values: Mapping[str, Any], language: Language) -> str:  # noqa: ARG002 - an engine's
        path = self._folder / file
        message, line = self._why_not(read_plain_text(path, errors="replace"))
        raise TemplateInvalid(str(path), line, message) from EngineFault(self.name, "not-drawn", message, self._fix)


def _no_trees(_: Language) -> Environment:
    return Environment()  # noqa: S701 - it has no loader, and draws nothing


HANDLEBARS = (".hbs", ".handlebars")
FIX = (
    "Compile the templates to HTML and open that folder, or let your app send its mails to "
    "`keyturn studio --smtp 1025`, which shows and checks each mail on arrival."
)

_TAG = re.compile(r"\{\{\{?~?\s*(?:([#^])\s*(\w+)|(>)\s*([\w./-]+))")
_MOST_TOLD = 3


class CannotDraw(KeyturnError):
    """A folder has templates of a missing engine. The message says what to do."""


def open_handlebars(
    directory: Path, settings: StudioSettings | None = None, *, sandboxed: bool = True, is_needed: bool = True
) -> Gallery:
    """Return the gallery over a folder of Handlebars. Raises CannotDraw if rendering `is_needed`."""
    if is_needed:
        files = sorted(file for file in paths_below(directory) if file.suffix.lower() in HANDLEBARS)
        told = recognised("\n".join(map(_text_of, files[:100])))
        raise CannotDraw(f"{directory} contains Handlebars templates{_with(told)}, which Keyturn cannot render. {FIX}")
    return open_not_drawn(
        directory, settings, name="Handlebars", suffixes=HANDLEBARS, why_not=_why_not, fix=FIX, sandboxed=sandboxed
    )


def _text_of(file: Path) -> str:
    try:
        return read_plain_text(file, LARGEST, errors="replace")
    except OSError:
        return ""


def recognised(text: str) -> list[str]:
    """Return the first few kinds of Handlebars tags in a text, as written."""
    found = (f"{{{{{one[1] or one[3]}{' ' if one[3] else ''}{one[2] or one[4]}}}}}" for one in _TAG.finditer(text))
    return list(dict.fromkeys(found))[:_MOST_TOLD]


def _why_not(source: str) -> tuple[str, int | None]:
    first = _TAG.search(source)
    message = f"this is a Handlebars template{_with(recognised(source))}, which Keyturn cannot render"
    return message, source.count("\n", 0, first.start()) + 1 if first else None


def _with(told: list[str]) -> str:
    return f" ({', '.join(told)})" if told else ""
