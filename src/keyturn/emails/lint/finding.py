"""What is wrong with a mail, where in its templates, and the way out."""

from typing import Literal

import msgspec

Severity = Literal["error", "warning", "note"]


class Place(msgspec.Struct, frozen=True, order=True):
    """A place in a template. `file` is relative to the templates' folder; `line` and `column` count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. Equal findings, from several samples, are one.

    `rule` is stable, "group/what-is-wrong"; `message` says what is wrong and `way_out` what to do about it, each in
    one sentence or two. None of them holds what only this sample or this sender brings, where it can be avoided.
    """

    rule: str
    severity: Severity
    message: str
    way_out: str
    place: Place
