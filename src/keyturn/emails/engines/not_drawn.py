"""Templates that are recognised and cannot be drawn: the list has them, and each says why not, and what to do."""

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from jinja2 import Environment

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.configuration import StudioSettings
from keyturn.emails.gallery.naming import files_meant_by
from keyturn.emails.gallery.opening import OtherEngine, open_gallery
from keyturn.errors import TemplateInvalid
from keyturn.languages import Language
from keyturn.mail.rendering.engine import EngineFault
from keyturn.plain_files import read_plain_text

WhyNot = Callable[[str], tuple[str, int | None]]
"""Says of a template's text why it cannot be drawn, and at which line that shows."""


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
    """Return the gallery over a folder whose engine there is not. `name` is that of the engine, `fix` what to do."""
    other = OtherEngine(
        engine=_NotDrawn(name, directory.resolve(), why_not, fix),
        make_environment=_no_trees,
        suffixes=suffixes,
        files_meant_by=files_meant_by,
        finds_branches=False,
    )
    return open_gallery(directory, settings=settings, sandboxed=sandboxed, other=other)


class _NotDrawn:
    """An engine that says of each template what there would have to be for it."""

    def __init__(self, name: str, folder: Path, why_not: WhyNot, fix: str) -> None:
        self.name = name
        self.filters: Collection[str] = ()
        self._folder, self._why_not, self._fix = folder, why_not, fix

    def render(self, file: str, values: Mapping[str, Any], language: Language) -> str:  # noqa: ARG002 - an engine's
        path = self._folder / file
        message, line = self._why_not(read_plain_text(path, errors="replace"))
        raise TemplateInvalid(str(path), line, message) from EngineFault(self.name, "not-drawn", message, self._fix)

    def unknown_names(self, _: str) -> Iterable[TemplateInvalid]:
        return ()

    def with_draft(self, _: str, __: str) -> Self:
        return self


def _no_trees(_: Language) -> Environment:
    return Environment()  # noqa: S701 - it has no loader, and draws nothing
