"""The interface for template engines other than Jinja."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, Protocol, Self

from keyturn.errors import TemplateInvalid
from keyturn.languages import Language

FaultKind = Literal[
    "error",
    "host-filter",
    "host-tag",
    "limit",
    "missing-template",
    "not-drawn",
    "syntax",
    "unknown-filter",
    "unknown-library",
    "unknown-tag",
]
"""Kinds of mistakes. Host kinds are not mistakes: the app that sends the mail has these parts."""


class Engine(Protocol):
    """Renders templates by their names in `Folders`. `name`: the engine's name. `filters`: all its filters."""

    name: str

    @property
    def filters(self) -> Collection[str]:
        return ()

    def render(self, file: str, values: Mapping[str, Any], language: Language) -> str:
        """Return the rendered template, byte for byte as in the project's own app.

        The text records the source of each part (`emails/lint/source`). Raises TemplateInvalid: from an EngineFault, or
        from an error that a limit raises.
        """

    def unknown_names(self, file: str) -> Iterable[TemplateInvalid]:
        """Return an EngineFault's TemplateInvalid for each unknown filter and tag, which rendering skips."""
        del file
        return ()

    def with_draft(self, file: str, text: str) -> Self:
        """Return the same engine with this text in place of a file; itself if it can read only the disk."""
        del file, text
        return self


class EngineFault(Exception):
    """A mistake in a template as its engine reports it: the reason, the column, and a fix.

    `engine`: its name, such as Liquid. `by_itself`: the template fails with any values.
    """

    def __init__(
        self,
        engine: str,
        kind: FaultKind,
        message: str,
        fix: str,
        column: int | None = None,
        *,
        by_itself: bool = False,
    ) -> None:
        self.engine, self.kind, self.message, self.fix, self.column = engine, kind, message, fix, column
        self.by_itself = by_itself
        super().__init__(message)
