"""What stands in for Jinja where templates are written for another engine."""

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
"""What may be wrong. Those of a host are no mistakes: where the mail is sent, somebody has them."""

ENGINES: Mapping[str, tuple[FaultKind, ...]] = {
    "Django": ("error", "missing-template", "syntax", "unknown-filter", "unknown-library", "unknown-tag"),
    "Handlebars": ("not-drawn",),
    "Liquid": (
        "error",
        "host-filter",
        "host-tag",
        "limit",
        "missing-template",
        "not-drawn",
        "syntax",
        "unknown-filter",
        "unknown-tag",
    ),
}
"""The engines beside Jinja by their names, and what each may say of a template."""


class Engine(Protocol):
    """Renders templates by their names, as `Folders` has them. `name` is the engine's own, `filters` are all it has."""

    name: str

    @property
    def filters(self) -> Collection[str]: ...

    def render(self, file: str, values: Mapping[str, Any], language: Language) -> str:
        """Return what a template makes of values, to the byte as the project's own app does.

        The text knows the places that it comes from (`emails/lint/source`). Raises TemplateInvalid: from an
        EngineFault, or from what a limit raises.
        """
        ...

    def unknown_names(self, file: str) -> Iterable[TemplateInvalid]:
        """Return each filter and tag of a file that there is not, and that it is drawn without, from an EngineFault."""
        ...

    def with_draft(self, file: str, text: str) -> Self:
        """Return the same engine, to which a file holds this text; itself where it knows none but the disk's."""
        ...


class EngineFault(Exception):
    """What is wrong with a template, as its engine says it: why, in which column, and what to do about it.

    `engine` is one of ENGINES. `by_itself`: the template fails with any values.
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
