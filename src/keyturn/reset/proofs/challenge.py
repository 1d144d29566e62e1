"""The port to whatever shows that a person, or at least a browser that took some trouble, asks for a link."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import msgspec

from keyturn.errors import KeyturnError
from keyturn.problems.proofs import Challenge, ChallengeFlaw
from keyturn.reset.records.client import Client

ACTION = "request_reset"
"""What an answer is for; one for another form is none for this."""

Fault = Literal["malformed", "forged", "wrong", "expired", "replayed", "elsewhere"]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came with a request: the answer as the widget wrote it, or that the browser runs no scripts."""

    text: str = ""
    without_script: bool = False


class AnswerRefused(KeyturnError):
    """An answer is not good for this request; `fault` is for the figures."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault)

    @property
    def flaw(self) -> ChallengeFlaw:
        """What a form is told: whether a fresh one would do is all that matters to it."""
        return "expired" if self.fault in {"expired", "replayed"} else "refused"


class ChallengeJudge(Protocol):
    """Judges answers. `asked` is what a form needs to show it."""

    @property
    def asked(self) -> Challenge: ...

    def issue(self) -> Mapping[str, Any]:
        """Return what a form needs afresh each time; {} where a service sees to that."""
        ...

    async def verify(self, answer: str, client: Client) -> None:
        """Take an answer, once. Raises AnswerRefused; ChallengeUnready and Busy where nobody can tell."""
        ...

    async def close(self) -> None: ...
