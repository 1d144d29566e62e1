"""What stands in for Jinja where a project's templates are written for another engine."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from keyturn.languages import Language

FaultKind = Literal["error", "missing-template", "syntax", "unknown-filter", "unknown-library", "unknown-tag"]


class Engine(Protocol):
    """Renders templates by their names, as `Folders` has them. `name` is the engine's own."""

    name: str

    def render(self, file: str, values: Mapping[str, Any], language: Language) -> str:
        """Return what a template makes of values, to the byte as the project's own app does.

        The text knows the places that it comes from (`emails/lint/source`). Raises TemplateInvalid: from an
        EngineFault, or from what a limit raises.
        """
        ...


class EngineFault(Exception):
    """What is wrong with a template, as its engine says it: why, in which column, and what to do about it."""

    def __init__(self, kind: FaultKind, message: str, fix: str, column: int | None = None) -> None:
        self.kind, self.message, self.fix, self.column = kind, message, fix, column
        super().__init__(message)
