"""The port to whatever shows that a person, or at least a browser that took some trouble, asks for a link."""

import logging
from collections.abc import Mapping
from typing import Any, Literal, Protocol

import msgspec

from keyturn.errors import KeyturnError
from keyturn.problems.proofs import Challenge, ChallengeFlaw, ChallengeRequired
from keyturn.problems.requests import ChallengeUnready, TooManyRequests
from keyturn.reset.limits.rate_limits import RateLimits
from keyturn.reset.records.client import Client
from keyturn.reset.records.messages import ResetRequested
from keyturn.telemetry.logs import LogEvent
from keyturn.telemetry.meters import Meters

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


log = logging.getLogger("keyturn.reset")


class RequestChallenge:
    """Asks for an answer always, or only while more is asked for than people do (OWASP ASVS 2.4.1, 6.3.1).

    `on_failure` "closed" refuses what nobody can judge (ASVS 16.5.3); "open" takes it, and the limits of requests hold
    as they do without a challenge. `without_script` takes a few requests without an answer from browsers that run no
    scripts: so few that they are of no use to who asks by the thousand.
    """

    def __init__(
        self,
        challenge: ChallengeJudge,
        limits: RateLimits,
        *,
        when: Literal["always", "busy"],
        on_failure: Literal["closed", "open"],
        without_script: bool,
        meters: Meters,
    ) -> None:
        self.challenge = challenge
        self.is_always_asked = when == "always"
        self.takes_without_script = without_script
        self._limits = limits
        self._is_open = on_failure == "open"
        self._meters = meters

    @property
    def asked(self) -> Challenge:
        return self.challenge.asked

    async def issue(self, client: Client) -> Mapping[str, Any]:
        """Return what a form needs afresh each time. Raises TooManyRequests."""
        await self._limits.count("challenge", client)
        return self.challenge.issue()

    async def require(self, wanted: ResetRequested, answer: Answer) -> None:
        """Return where the request may go on. Raises ChallengeRequired, ChallengeUnready, TooManyRequests, Busy."""
        client = wanted.client
        if not self.is_always_asked and not await self._limits.is_busy(client):
            return
        if not answer.text:
            await self._require_leave(answer, client)
            return
        await self._limits.count("challenge", client)  # an answer costs us something, be it right or wrong
        try:
            await self.challenge.verify(answer.text, client)
        except AnswerRefused as refused:
            self._meters.challenge(refused.fault)
            raise ChallengeRequired(refused.flaw, self.asked) from None
        except ChallengeUnready as error:
            self._meters.challenge("failed")
            log.error(LogEvent("challenge.unanswered", reason=error, taken=self._is_open))
            if not self._is_open:
                raise
            return
        self._meters.challenge("passed")

    async def _require_leave(self, answer: Answer, client: Client) -> None:
        """Return where a browser without scripts may go on without an answer."""
        if answer.without_script and self.takes_without_script:
            try:
                await self._limits.count("without_script", client)
                await self._limits.count_overall("without_script_overall")
            except TooManyRequests:
                pass
            else:
                self._meters.challenge("without_script")
                return
        self._meters.challenge("missing")
        raise ChallengeRequired("missing", self.asked)

    async def close(self) -> None:
        await self.challenge.close()
