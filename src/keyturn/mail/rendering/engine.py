"""The interface for a template engine other than Jinja: Django's."""

from collections.abc import Collection, Mapping
from typing import Any, Literal, Protocol

from keyturn.mail.languages import Language

FaultKind = Literal["error", "missing-template", "syntax", "unknown-filter", "unknown-library", "unknown-tag"]
"""Kinds of mistakes, named as the rules are."""


class Engine(Protocol):
    """Renders templates by their names in `Folders`. `name`: the engine's name. `filters`: all its filters."""

    name: str

    @property
    def filters(self) -> Collection[str]: ...

    def render(self, file: str, values: Mapping[str, Any], language: Language) -> str:
        """Return the rendered template, byte for byte as in the project's own app.

        The text records the source of each part (`studio/lint/source`). Raises TemplateInvalid: from an EngineFault, or
        from an error that a limit raises.
        """


class EngineFault(Exception):
    """A mistake in a template as its engine reports it: the reason, the column, and a fix.

    `engine`: its name. `by_itself`: the template fails with any values.
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
