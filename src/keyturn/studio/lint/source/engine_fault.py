"""A fault that an engine beside Jinja reports, by the rule that it breaks."""

from typing import Literal

FaultKind = Literal[
    "error", "missing-template", "syntax", "unknown-filter", "unknown-library", "unknown-tag"
]


class EngineFault(Exception):
    """The cause of a TemplateInvalid.

    `engine`: its name, such as "Django".
    `kind`: the name of the rule in the engine's group.
    `fix`: what to do.
    """

    def __init__(self, engine: str, kind: FaultKind, fix: str) -> None:
        self.engine = engine
        self.kind = kind
        self.fix = fix
        super().__init__(f"{engine}: {kind}")
