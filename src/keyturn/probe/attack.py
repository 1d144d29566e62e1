"""An attack, its outcome and the report. `attacks.toml` has a row for each attack, in the order in which they run."""

import tomllib
from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec import Struct

from keyturn.errors import KeyturnError


class CannotProbe(KeyturnError):
    """The probe cannot begin; the text says what to give it."""


class Verdict(StrEnum):
    """The verdict on one attack. `UNSURE`: the answers allow both readings, and the outcome says which."""

    PASSED = "passed"
    FAILED = "failed"
    UNSURE = "unsure"
    NOT_TRIED = "not-tried"


class Undecided(KeyturnError):
    """An attack that has no verdict; the text says why."""

    verdict = Verdict.UNSURE


class NotTried(Undecided):
    verdict = Verdict.NOT_TRIED


class Attack(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of `attacks.toml`.

    `title`: what is wrong if the attack succeeds.
    `authority`: what asks for the defence: OWASP, CWE, an RFC or a CVE.
    `gain`: what an attacker gains.
    `fix`: how to defend, in one or two sentences.
    """

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
    """What one attack showed, and the exchanges that prove it."""

    attack: Attack
    verdict: Verdict
    why: str
    exchanges: tuple[Exchange, ...] = ()


class Report(Struct, frozen=True):
    """The outcomes of a run, in the order of `attacks.toml`. `target`: the URL. `seconds`: how long it took.

    `stopped`: the user ended it before its end.
    """

    target: str
    outcomes: tuple[Outcome, ...]
    seconds: float
    stopped: bool = False

    @property
    def failed(self) -> bool:
        return any(outcome.verdict is Verdict.FAILED for outcome in self.outcomes)


ATTACKS: dict[str, Attack] = {
    name: msgspec.convert({"name": name, **row}, Attack)
    for name, row in tomllib.loads(Path(__file__).with_name("attacks.toml").read_text("utf-8")).items()
}
