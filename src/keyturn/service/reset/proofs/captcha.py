"""Challenges that a service judges: Cloudflare Turnstile and hCaptcha, through their call `siteverify`."""

import asyncio
import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from uuid import uuid4

import msgspec

from keyturn.http_client import CallFailed, HttpClient
from keyturn.service.problems.proofs import Challenge, ChallengeMethod
from keyturn.service.problems.requests import Busy, ChallengeUnready
from keyturn.service.reset.bounded_pool import Turns
from keyturn.service.reset.proofs.challenge import ACTION, ChallengeJudge, Fault
from keyturn.service.reset.records.client import Client
from keyturn.service.settings import ChallengeSettings

_PATIENCE = timedelta(seconds=3)
"""For one call, because a user waits for it. Turnstile is asked once more."""

_MOST_AT_ONCE = 32
_MOST_WAITING = 256
_RETRY_AFTER = 5
_OK, _BAD_REQUEST, _LIMITED = 200, 400, 429

_SERVICES: Mapping[ChallengeMethod, tuple[str, int]] = {
    # https://developers.cloudflare.com/turnstile/get-started/server-side-validation
    "turnstile": ("https://challenges.cloudflare.com/turnstile/v0/siteverify", 2048),
    # https://docs.hcaptcha.com/#verify-the-user-response-server-side
    "hcaptcha": ("https://api.hcaptcha.com/siteverify", 8192),
}
"""Addresses, and characters of an answer; a longer answer is refused without a call."""

_SHAPE = re.compile(r"[\w.-]+", re.ASCII)

_MISCONFIGURED = {"missing-input-secret", "invalid-input-secret"}
"""Codes that the operator has to fix."""

_EXPIRED = {
    "timeout-or-duplicate",
    "invalid-or-already-seen-response",
    "expired-input-response",
    "already-seen-response",
}
_ELSEWHERE = {"sitekey-secret-mismatch", "not-using-dummy-secret"}
"""hCaptcha's for an answer from another site, or for the test keys. A client can cause these, so the operator is not at
fault. If every answer gets one, the operator has to fix the settings.

Any other code, as "bad-request", counts as wrong: a client can cause it.
"""

COMPLAINTS = _MISCONFIGURED | _ELSEWHERE
"""Codes that an invalid answer gets only if the settings are wrong."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A service's verdict. `hostname` and `action` tell the page and the form where the answer was given."""

    success: bool
    hostname: str | None = None
    action: str | None = None
    codes: tuple[str, ...] = msgspec.field(name="error-codes", default=())


class Captcha(ChallengeJudge):
    """Judges answers through a service, and refuses answers from another site than `hosts`, or for another form.

    A call takes one of a limited number of places before its time-out starts. If no place is free within half of the
    time-out, or the service answers 429, Busy is raised. Clients can cause that by the hundred, so it must never let a
    request through.
    """

    def __init__(self, settings: ChallengeSettings, hosts: Collection[str], timeout: timedelta = _PATIENCE) -> None:
        assert settings.method != "none"
        self.asked = Challenge(settings.method, settings.site_key, ACTION)
        url, self._longest = _SERVICES[settings.method]
        self.url = settings.url or url
        self._is_turnstile = settings.method == "turnstile"
        # hCaptcha is told the site: otherwise answers for any site of the same account would pass.
        site = {} if self._is_turnstile else {"sitekey": settings.site_key}
        self._form = {"secret": str(settings.secret), **site}
        self._hosts = hosts
        self._timeout = timeout.total_seconds()
        self._places = Turns(_MOST_AT_ONCE, _MOST_WAITING)
        self._http = HttpClient(self._timeout, most_at_once=_MOST_AT_ONCE)

    async def verify(self, answer: str, client: Client) -> Fault | None:
        if len(answer) > self._longest or not _SHAPE.fullmatch(answer):
            return "malformed"
        more = {"remoteip": client.ip_address} if client.ip_address else {}
        if self._is_turnstile:
            more["idempotency_key"] = str(uuid4())
        try:
            verdict = await self.ask(answer, **more)
        except ChallengeUnready:
            if not self._is_turnstile:  # hCaptcha has no such key: the user solves another challenge
                raise
            verdict = await self.ask(answer, **more)  # a lost verdict is given again
        if refused := _MISCONFIGURED.intersection(verdict.codes):
            raise ChallengeUnready(f"challenge.secret is refused: {', '.join(sorted(refused))}")
        if not _EXPIRED.isdisjoint(verdict.codes):
            return "expired"
        if not verdict.success and _ELSEWHERE.isdisjoint(verdict.codes):
            return "wrong"
        is_for_us = verdict.hostname in self._hosts and (verdict.action == ACTION or not self._is_turnstile)
        return None if verdict.success and is_for_us else "elsewhere"

    async def close(self) -> None:
        await self._http.close()

    async def ask(self, answer: str, **more: str) -> Verdict:
        """Return the verdict. Raises Busy, and ChallengeUnready if the reply is none: neither a yes nor a no."""
        try:
            async with asyncio.timeout(self._timeout / 2) as waiting, self._places.turn():
                waiting.reschedule(None)  # the client has a time-out of its own
                reply = await self._http.ask("POST", self.url, data={**self._form, "response": answer, **more})
        except TimeoutError:
            raise Busy(_RETRY_AFTER) from None
        except CallFailed as error:
            raise ChallengeUnready(str(error)) from None
        if reply.status == _LIMITED:
            raise Busy(_RETRY_AFTER)
        verdict = reply.read(Verdict) if reply.status in {_OK, _BAD_REQUEST} else None
        if verdict is None or "internal-error" in verdict.codes:
            raise ChallengeUnready(f"no verdict, with status {reply.status}")
        # Both services say why they refuse an answer: {"success": false} may be a gateway's.
        if not (reply.status == _OK if verdict.success else verdict.codes):
            raise ChallengeUnready(f"a doubtful verdict, with status {reply.status}")
        return verdict
