"""Engines beside Jinja.

No maintained library of Handlebars for Python reports the line of a text (November 2026).
"""

from typing import Literal

FaultKind = Literal[
    "error", "missing-template", "syntax", "unknown-filter", "unknown-library", "unknown-tag"
]


class EngineFault(Exception):
    def __init__(self, engine: str, kind: FaultKind, fix: str) -> None:
        self.engine, self.kind, self.fix = engine, kind, fix
        super().__init__(f"{engine}: {kind}")
