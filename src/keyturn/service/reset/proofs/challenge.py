"""Challenges, which show that a person requests a link, or a browser that has paid with work.

Keyturn judges the answers of ALTCHA itself (`altcha.py`), and asks the `siteverify` of Cloudflare
Turnstile and of hCaptcha (`captcha.py`).
"""

from collections.abc import Mapping
from typing import Any

from keyturn.hosts import host_in
from keyturn.service.client import Client
from keyturn.service.problems.proofs import ChallengeRequired
from keyturn.service.problems.requests import ChallengeUnready
from keyturn.service.reset.proofs.altcha import Altcha
from keyturn.service.reset.proofs.captcha import Captcha
from keyturn.service.reset.proofs.judge import Judge
from keyturn.service.reset.stores import Stores
from keyturn.service.settings import Settings
from keyturn.service.telemetry.logs import LogEvent, reset_log


class RequestChallenge:
    """Requires the answer to a challenge (OWASP ASVS 2.4.1, 6.3.1).

    Without a verdict on the answer, a request is refused (ASVS 16.5.3).
    """

    def __init__(self, judge: Judge, stores: Stores) -> None:
        self._judge = judge
        self.widget = judge.widget
        self._limits = stores.limits
        self._meters = stores.meters

    async def close(self) -> None:
        await self._judge.close()

    async def issue(self, client: Client) -> Mapping[str, Any]:
        """Return the data that a form needs afresh each time. Raises TooManyRequests."""
        await self._limits.count("challenge", client)
        return self._judge.issue()

    async def require(self, client: Client, answer: str) -> None:
        """Check an answer, and return if it is right.

        Raises ChallengeRequired, ChallengeUnready, TooManyRequests, Busy.
        """
        if not answer:
            self._meters.challenge("missing")
            raise ChallengeRequired("missing", self.widget)
        await self._limits.count("challenge", client)  # a wrong answer costs work, too
        try:
            fault = await self._judge.verify(answer, client)
        except ChallengeUnready as error:
            self._meters.challenge("failed")
            reset_log.error(LogEvent("challenge.unanswered", reason=error))
            raise
        self._meters.challenge(fault or "passed")
        # The client learns only whether a fresh answer would help.
        if fault in {"expired", "replayed"}:
            raise ChallengeRequired("expired", self.widget)
        if fault:
            raise ChallengeRequired("refused", self.widget)


def build(settings: Settings, stores: Stores) -> RequestChallenge | None:
    """Return the check of answers; None if the settings name no challenge.

    Raises SettingsInvalid.
    """
    judge: Judge
    own = settings.base_url
    match settings.challenge.method:
        case "none":
            return None
        case "altcha":
            judge = Altcha(stores.keys, host_in(own), stores.database)
        case _:
            # The hosts of pages that may request a link: Keyturn's own, and those that the settings
            # allow to call the API.
            pages = own, settings.forgot_url.format(base_url=own), *settings.server.allowed_origins
            judge = Captcha(settings.challenge, set(map(host_in, pages)))
    return RequestChallenge(judge, stores)
