"""The port of the judges of answers to challenges."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from keyturn.service.client import Client
from keyturn.service.problems.proofs import Challenge

ACTION = "request_reset"
"""The purpose of an answer. An answer for another form is refused."""

AnswerFault = Literal["malformed", "forged", "wrong", "expired", "replayed", "elsewhere"]
"""What is wrong with an answer, for the metrics."""


class Judge(Protocol):
    """Judges answers. `widget`: what a form shows."""

    widget: Challenge

    def issue(self) -> Mapping[str, Any]:
        """Return what a form needs afresh each time."""

    async def verify(self, answer: str, client: Client) -> AnswerFault | None:
        """Return what is wrong with an answer; None if it is right.

        Raises ChallengeUnready, Busy.
        """

    async def close(self) -> None:
        """Close the connections and threads."""
