"""Challenges, which show that a person, or at least a browser at some cost, requests a link."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import msgspec

from keyturn.service.problems.proofs import ChallengeRequired
from keyturn.service.problems.requests import ChallengeUnready, TooManyRequests
from keyturn.service.reset.ground import Ground
from keyturn.service.reset.proofs.judges import Altcha, Captcha
from keyturn.service.reset.records.client import Client
from keyturn.service.settings import Settings
from keyturn.service.telemetry.logs import LogEvent, reset_log


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The challenge part of a request: the answer as the widget wrote it, or that the browser runs no scripts."""

    text: str = ""
    without_script: bool = False


class RequestChallenge:
    """Requires an answer always, or only while there are more requests than people make (OWASP ASVS 2.4.1, 6.3.1).

    `on_failure`: without a verdict, "closed" refuses the request (ASVS 16.5.3). "open" accepts it, and the limits of
    requests hold as they do without a challenge.
    It accepts a few requests without an answer from browsers that run no scripts. They are too few to help an attacker
    who needs thousands.
    """

    def __init__(self, judge: Altcha | Captcha, settings: Settings, ground: Ground) -> None:
        self._judge = judge
        self.asked, self.close = judge.asked, judge.close
        self.is_always_asked = settings.challenge.when == "always"
        self._is_open = settings.challenge.on_failure == "open"
        self._limits, self._meters = ground.limits, ground.meters

    async def issue(self, client: Client) -> Mapping[str, Any]:
        """Return the data that a form needs afresh each time. Raises TooManyRequests."""
        await self._limits.count("challenge", client)
        return self._judge.issue()

    async def require(self, client: Client, answer: Answer) -> None:
        """Return if the request may go on. Raises ChallengeRequired, ChallengeUnready, TooManyRequests, Busy."""
        if not self.is_always_asked and not await self._limits.is_busy(client):
            return
        if not answer.text:
            await self._require_leave(answer, client)
            return
        await self._limits.count("challenge", client)  # right or wrong, an answer costs work to check
        try:
            fault = await self._judge.verify(answer.text, client)
        except ChallengeUnready as error:
            self._meters.challenge("failed")
            reset_log.error(LogEvent("challenge.unanswered", reason=error, taken=self._is_open))
            if not self._is_open:
                raise
            return
        self._meters.challenge(fault or "passed")
        if fault:  # a form needs to know only whether a fresh answer would help
            raise ChallengeRequired("expired" if fault in {"expired", "replayed"} else "refused", self.asked)

    async def _require_leave(self, answer: Answer, client: Client) -> None:
        """Return if the browser runs no scripts and its request may go on. Raises ChallengeRequired."""
        if answer.without_script:
            with suppress(TooManyRequests):
                await self._limits.count("without_script", client, "without_script_overall")
                self._meters.challenge("without_script")
                return
        self._meters.challenge("missing")
        raise ChallengeRequired("missing", self.asked)


def build(settings: Settings, ground: Ground) -> RequestChallenge | None:
    """Return the check of requests; None if the settings name no challenge. Raises SettingsInvalid."""
    judge: Altcha | Captcha
    chosen = settings.challenge
    match chosen.method:
        case "none":
            return None
        case "altcha":
            judge = Altcha(ground.secrets, _host(settings.base_url), ground.records.database)
        case _:
            # The pages that may request a link: ours, and those that the settings allow to call the API.
            own = settings.base_url, settings.forgot_url.format(base_url=settings.base_url)
            judge = Captcha(chosen, [_host(url) for url in (*own, *settings.server.allowed_origins)])
    return RequestChallenge(judge, settings, ground)


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
