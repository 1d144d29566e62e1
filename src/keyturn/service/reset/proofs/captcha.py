"""Cloudflare Turnstile and hCaptcha, which judge answers over HTTP."""

import asyncio
import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec

from keyturn.bounded_pool import PoolFull, Turns
from keyturn.hosts import host_in
from keyturn.http_client import CallFailed, HttpClient
from keyturn.mail.port.check_result import CheckResult
from keyturn.service.client import Client
from keyturn.service.problems.proofs import Challenge, ChallengeMethod
from keyturn.service.problems.requests import Busy, ChallengeUnready
from keyturn.service.reset.proofs.judge import ACTION, AnswerFault
from keyturn.service.settings import ChallengeSettings, Settings

_PATIENCE = timedelta(seconds=3)
"""Time for one call, because a user waits for it. Turnstile may get a second call."""

_MOST_AT_ONCE = 32
_MOST_WAITING = 256
_OK = 200
_BAD_REQUEST = 400
_LIMITED = 429


class _Service(NamedTuple):
    """`longest`: characters of an answer; a longer one is refused without a call."""

    method: ChallengeMethod
    url: str
    longest: int


_SERVICES: Mapping[str, _Service] = {
    # https://developers.cloudflare.com/turnstile/get-started/server-side-validation
    "turnstile": _Service(
        "turnstile", "https://challenges.cloudflare.com/turnstile/v0/siteverify", 2048
    ),
    # https://docs.hcaptcha.com/#verify-the-user-response-server-side
    "hcaptcha": _Service("hcaptcha", "https://api.hcaptcha.com/siteverify", 8192),
}

_SHAPE = re.compile(r"[\w.-]+", re.ASCII)

_MISCONFIGURED = {"missing-input-secret", "invalid-input-secret"}
"""Codes that the operator has to fix."""

_EXPIRED = re.compile("expired|duplicate|already-seen")
"""In codes such as "timeout-or-duplicate" and "invalid-or-already-seen-response"."""

_ELSEWHERE = {"sitekey-secret-mismatch", "not-using-dummy-secret"}
"""hCaptcha's codes for an answer from another site, or for the test keys. A client can cause them,
so the settings are at fault only if every answer gets one. Any other code, such as "bad-request",
means a wrong answer.
"""

_COMPLAINTS = _MISCONFIGURED | _ELSEWHERE
"""Codes that an invalid answer gets only if the settings are wrong."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A service's verdict on an answer.

    `hostname`, `action`: the site and the form where the answer was given.
    `codes`: why it was refused.
    """

    success: bool
    hostname: str | None = None
    action: str | None = None
    codes: tuple[str, ...] = msgspec.field(name="error-codes", default=())


class Captcha:
    """Judges answers through a service. Answers from other sites than `hosts`, or for another form,
    are refused.

    Each call needs one of a limited number of places before its time-out starts. If none is free
    within half of the time-out, or if the service answers 429, Busy is raised. Clients can cause
    that, so no request is let through then.
    """

    def __init__(
        self, settings: ChallengeSettings, hosts: Collection[str], timeout: timedelta = _PATIENCE
    ) -> None:
        service = _SERVICES[settings.method]
        self.widget = Challenge(service.method, settings.site_key, ACTION)
        self.url = settings.url or service.url
        self._longest = service.longest
        self._is_turnstile = service.method == "turnstile"
        self._form = {"secret": str(settings.secret)}
        # Without the site's key, hCaptcha would accept answers for any site of the same account.
        if not self._is_turnstile:
            self._form["sitekey"] = settings.site_key
        self._hosts = hosts
        self._timeout = timeout.total_seconds()
        self._places = Turns(_MOST_AT_ONCE, _MOST_WAITING)
        self._http = HttpClient(self._timeout, most_at_once=_MOST_AT_ONCE)

    async def close(self) -> None:
        await self._http.close()

    def issue(self) -> Mapping[str, Any]:
        return {}

    async def verify(self, answer: str, client: Client) -> AnswerFault | None:
        if len(answer) > self._longest or not _SHAPE.fullmatch(answer):
            return "malformed"
        return self._fault_in(await self._ask_for(answer, client))

    async def _ask_for(self, answer: str, client: Client) -> Verdict:
        more = {}
        if client.ip_address:
            more["remoteip"] = client.ip_address
        if self._is_turnstile:
            more["idempotency_key"] = str(uuid4())
        try:
            return await self.ask(answer, **more)
        except ChallengeUnready:
            # hCaptcha has no idempotency key, so the user must solve another challenge.
            if not self._is_turnstile:
                raise
            return await self.ask(answer, **more)  # the same key gets the lost verdict again

    def _fault_in(self, verdict: Verdict) -> AnswerFault | None:
        """Return what is wrong with an answer. Raises ChallengeUnready if the settings are."""
        refused = _MISCONFIGURED.intersection(verdict.codes)
        if refused:
            raise ChallengeUnready(f"challenge.secret is refused: {', '.join(sorted(refused))}")
        if _EXPIRED.search(" ".join(verdict.codes)):
            return "expired"
        if not verdict.success and _ELSEWHERE.isdisjoint(verdict.codes):
            return "wrong"
        if not verdict.success or verdict.hostname not in self._hosts:
            return "elsewhere"
        if self._is_turnstile and verdict.action != ACTION:
            return "elsewhere"
        return None

    async def ask(self, answer: str, **more: str) -> Verdict:
        """Return the verdict.

        Raises Busy, and ChallengeUnready if the reply is neither a yes nor a no.
        """
        try:
            async with asyncio.timeout(self._timeout / 2) as waiting, self._places.turn():
                waiting.reschedule(None)  # the client has a time-out of its own
                reply = await self._http.ask(
                    "POST", self.url, data={**self._form, "response": answer, **more}
                )
        except (TimeoutError, PoolFull):
            raise Busy from None
        except CallFailed as error:
            raise ChallengeUnready(str(error)) from None
        if reply.status == _LIMITED:
            raise Busy
        verdict = None
        if reply.status in {_OK, _BAD_REQUEST}:
            verdict = reply.read(Verdict)
        if verdict is None or "internal-error" in verdict.codes:
            raise ChallengeUnready(f"no verdict, with status {reply.status}")
        # Both services say why they refuse an answer. A bare {"success": false} may come from a
        # gateway.
        is_clear = reply.status == _OK if verdict.success else bool(verdict.codes)
        if not is_clear:
            raise ChallengeUnready(f"a doubtful verdict, with status {reply.status}")
        return verdict


async def check(settings: Settings) -> list[CheckResult]:
    """Send the service an invalid answer, for the doctor.

    Its reply shows whether it accepts the secret.
    """
    chosen = settings.challenge
    if chosen.method not in _SERVICES:  # Keyturn makes and checks ALTCHA's puzzles itself
        return []
    service = Captcha(chosen, hosts=())
    host = host_in(service.url)
    try:
        verdict = await service.ask("nobody")
    except ChallengeUnready as error:
        fix = "Let this machine connect to it. Until it answers, requests for links are refused."
        return [CheckResult("challenge", "fail", f"{host}: {error}", fix)]
    finally:
        await service.close()
    refused = [code for code in verdict.codes if code in _COMPLAINTS]
    if refused:
        fix = "Copy challenge.secret and challenge.site_key again, both from the same site."
        return [
            CheckResult(
                "challenge", "fail", f"{host} refuses the secret: {', '.join(refused)}", fix
            )
        ]
    if verdict.success:
        fix = "These are test keys, which accept every answer. Use the keys of your own site."
        return [CheckResult("challenge", "warn", f"{host} accepts a made-up answer", fix)]
    return [CheckResult("challenge", "ok", f"{host} answers, and accepts the secret")]
