"""An attack, what it showed, and the report.

`attacks.toml` has a row for each, in the order in which they run.
"""

import tomllib
from enum import StrEnum
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct

from keyturn.errors import KeyturnError
from keyturn.probe.page import Page


class CannotProbe(KeyturnError):
    """The probe cannot begin; the text says what to give it."""


class Verdict(StrEnum):
    """The verdict on one attack.

    `UNSURE`: the answers allow both readings, and the outcome says which.
    """

    PASSED = "passed"
    FAILED = "failed"
    UNSURE = "unsure"
    NOT_TRIED = "not-tried"


class AttackEnded(KeyturnError):
    """What an attack showed, with the answers that prove it.

    Attacks return it; a step that cannot go on raises it.
    """

    def __init__(self, verdict: Verdict, why: str, *pages: Page) -> None:
        super().__init__(why)
        self.verdict = verdict
        self.pages = pages


class Limited(AttackEnded):
    """A limit of the application answered 429."""


passed = partial(AttackEnded, Verdict.PASSED)
failed = partial(AttackEnded, Verdict.FAILED)
unsure = partial(AttackEnded, Verdict.UNSURE)
not_tried = partial(AttackEnded, Verdict.NOT_TRIED)


class Attack(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of `attacks.toml`, which says what its fields mean."""

    name: str
    title: str
    authority: tuple[str, ...]
    gain: str
    fix: str


class Exchange(Struct, frozen=True):
    """A request and its answer as short texts. Secrets are shortened, and passwords left out."""

    request: str
    answer: str


class Outcome(Struct, frozen=True):
    """A finding as the report has it."""

    attack: Attack
    verdict: Verdict
    why: str
    exchanges: tuple[Exchange, ...] = ()


class ProbeReport(Struct, frozen=True):
    """The outcomes of a run, in the order of `attacks.toml`.

    `stopped`: the user ended it before its end.
    """

    target: str
    outcomes: tuple[Outcome, ...]
    seconds: float
    stopped: bool = False

    @property
    def failed(self) -> bool:
        return any(outcome.verdict is Verdict.FAILED for outcome in self.outcomes)


_ROWS = tomllib.loads(Path(__file__).with_name("attacks.toml").read_text("utf-8"))
ATTACKS = {name: msgspec.convert({"name": name, **row}, Attack) for name, row in _ROWS.items()}
