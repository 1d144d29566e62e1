"""The interface for a template engine other than Jinja: Django's."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from keyturn.mail.languages import Language

FaultKind = Literal["error", "missing-template", "syntax", "unknown-filter", "unknown-library", "unknown-tag"]


class Engine(Protocol):
    """Renders templates by their names in `Folders`. `name`: the engine's name."""

    name: str

    def render(self, file: str, values: Mapping[str, Any], language: Language) -> str:
        """Return the rendered template with the source of each part (`studio/lint/source`). Raises TemplateInvalid."""

    def find_variables(self, files: Sequence[str]) -> Mapping[str, Any]:
        """Return the variables of files, with all that they use, by name, as the studio describes them."""


class EngineFault(Exception):
    """What an engine knows of a mistake in a template beside its place and its reason. `engine`: the engine's name."""

    def __init__(self, engine: str, kind: FaultKind, fix: str) -> None:
        self.engine, self.kind, self.fix = engine, kind, fix
        super().__init__(f"{engine}: {kind}")
