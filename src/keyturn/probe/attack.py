"""An attack, what it showed, and the report.

`attacks.toml` has a row for each, in the order in which they run.
"""

import tomllib
from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec import Struct

from keyturn.errors import KeyturnError
from keyturn.probe.page import Page


class CannotProbe(KeyturnError):
    """The probe cannot begin; the text says what to give it."""


class AttackVerdict(StrEnum):
    """The verdict on one attack.

    `UNSURE`: the answers allow both readings, and the result says which.
    """

    PASSED = "passed"
    FAILED = "failed"
    UNSURE = "unsure"
    NOT_TRIED = "not-tried"


class AttackFinding(Struct, frozen=True):
    """What an attack showed, with the answers that prove it."""

    verdict: AttackVerdict
    why: str
    pages: tuple[Page, ...] = ()


def passed(why: str, *pages: Page) -> AttackFinding:
    return AttackFinding(AttackVerdict.PASSED, why, pages)


def failed(why: str, *pages: Page) -> AttackFinding:
    return AttackFinding(AttackVerdict.FAILED, why, pages)


def unsure(why: str, *pages: Page) -> AttackFinding:
    return AttackFinding(AttackVerdict.UNSURE, why, pages)


class AttackEnded(KeyturnError):
    """A step of an attack cannot go on, so the attack ends with this finding."""

    def __init__(self, finding: AttackFinding) -> None:
        super().__init__(finding.why)
        self.finding = finding


class NotTried(AttackEnded):
    """An attack lacks something that it needs."""

    def __init__(self, why: str) -> None:
        super().__init__(AttackFinding(AttackVerdict.NOT_TRIED, why))


class Limited(NotTried):
    """A limit of the application answered 429."""


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


class AttackResult(Struct, frozen=True):
    """An attack and its finding, as the report has it."""

    attack: Attack
    verdict: AttackVerdict
    why: str
    exchanges: tuple[Exchange, ...] = ()


class ProbeReport(Struct, frozen=True):
    """The results of a run, in the order of `attacks.toml`; "outcomes" in JSON.

    `stopped`: the user ended it before its end.
    """

    target: str
    results: tuple[AttackResult, ...] = msgspec.field(name="outcomes")
    seconds: float
    stopped: bool = False

    @property
    def failed(self) -> bool:
        return any(result.verdict is AttackVerdict.FAILED for result in self.results)


_ROWS = tomllib.loads(Path(__file__).with_name("attacks.toml").read_text("utf-8"))
ATTACKS = {name: msgspec.convert({"name": name, **row}, Attack) for name, row in _ROWS.items()}
