"""Handlebars is recognised, and not drawn.

Its libraries for Python were looked at in November 2026. pybars3 is of 2019, pybars4 of 2021, both without a wheel and
over PyMeta3, of 2015; python-handlebars has three releases, the last of 2024; handlebars runs the original in js2py,
which nobody keeps. None of them tells which line of a template wrote what. Handlebars itself needs Node.
"""

import re
from pathlib import Path

from keyturn.emails.engines.not_drawn import open_not_drawn
from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.configuration import StudioSettings
from keyturn.emails.gallery.sizes import LARGEST
from keyturn.errors import KeyturnError
from keyturn.plain_files import paths_below, read_plain_text

HANDLEBARS = (".hbs", ".handlebars")
FIX = (
    "No library for Python is both kept and tells the lines of what it drew. Compile the templates to HTML and open "
    "that folder, or have your app send its mails to keyturn studio --smtp 1025: they are shown and checked as they "
    "arrive."
)

_TAG = re.compile(r"\{\{\{?~?\s*(?:([#^])\s*(\w+)|(>)\s*([\w./-]+))")
_MOST_TOLD = 3


class CannotDraw(KeyturnError):
    """A folder holds templates of an engine that there is not here. A sentence that says what to do."""


def open_handlebars(
    directory: Path, settings: StudioSettings | None = None, *, sandboxed: bool = True, is_needed: bool = True
) -> Gallery:
    """Return the gallery over a folder of Handlebars, whose templates say why they cannot be drawn.

    Raises CannotDraw, for the whole folder, where somebody needs them to be.
    """
    if is_needed:
        files = sorted(file for file in paths_below(directory) if file.suffix.lower() in HANDLEBARS)
        told = recognised("\n".join(map(_text_of, files[:100])))
        raise CannotDraw(f"{directory} holds templates of Handlebars{_with(told)}, which are not drawn. {FIX}")
    return open_not_drawn(
        directory, settings, name="Handlebars", suffixes=HANDLEBARS, why_not=_why_not, fix=FIX, sandboxed=sandboxed
    )


def _text_of(file: Path) -> str:
    try:
        return read_plain_text(file, LARGEST, errors="replace")
    except OSError:
        return ""


def recognised(text: str) -> list[str]:
    """Return the first few kinds of tags of Handlebars' own that a text has, as they are written."""
    found = (f"{{{{{one[1] or one[3]}{' ' if one[3] else ''}{one[2] or one[4]}}}}}" for one in _TAG.finditer(text))
    return list(dict.fromkeys(found))[:_MOST_TOLD]


def _why_not(source: str) -> tuple[str, int | None]:
    first = _TAG.search(source)
    message = f"this template is Handlebars{_with(recognised(source))}, which is not drawn"
    return message, source.count("\n", 0, first.start()) + 1 if first else None


def _with(told: list[str]) -> str:
    return f" ({', '.join(told)})" if told else ""
