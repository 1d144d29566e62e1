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
from keyturn.service.reset.proofs.challenge import ACTION, AnswerRefused, ChallengeJudge, Fault
from keyturn.service.reset.records.client import Client
from keyturn.service.settings import ChallengeSettings

_PATIENCE = timedelta(seconds=3)
"""For one call, because a user waits for it. Turnstile is asked once more."""

_MOST_AT_ONCE = 32
_MOST_WAITING = 256
_RETRY_AFTER = 5
_VERDICTS = {200, 400}
_OK, _LIMITED = 200, 429

_URLS: Mapping[ChallengeMethod, str] = {
    # https://developers.cloudflare.com/turnstile/get-started/server-side-validation
    "turnstile": "https://challenges.cloudflare.com/turnstile/v0/siteverify",
    # https://docs.hcaptcha.com/#verify-the-user-response-server-side
    "hcaptcha": "https://api.hcaptcha.com/siteverify",
}
_LONGEST: Mapping[ChallengeMethod, int] = {"turnstile": 2048, "hcaptcha": 8192}
"""Characters of an answer; a longer answer is refused without a call."""

_MISCONFIGURED = {"missing-input-secret", "invalid-input-secret"}
"""Codes that the operator has to fix."""

_FAULTS: Mapping[str, Fault] = {
    "timeout-or-duplicate": "expired",
    "invalid-or-already-seen-response": "expired",
    "expired-input-response": "expired",
    "already-seen-response": "expired",
    # hCaptcha's for an answer from another site, or for the test keys. A client can cause these, so the operator is not
    # at fault. If every answer gets one, the operator has to fix the settings.
    "sitekey-secret-mismatch": "elsewhere",
    "not-using-dummy-secret": "elsewhere",
}
"""What is wrong with an answer, by the code. Any other, as "bad-request", counts as wrong: a client can cause it."""

COMPLAINTS = _MISCONFIGURED | {code for code, fault in _FAULTS.items() if fault == "elsewhere"}
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
        self.url = settings.url or _URLS[settings.method]
        self._is_turnstile = settings.method == "turnstile"
        self._shape = re.compile(rf"[\w.-]{{1,{_LONGEST[settings.method]}}}", re.ASCII)
        self._secret = str(settings.secret)
        self._hosts = hosts
        self._timeout = timeout.total_seconds()
        self._places = Turns(_MOST_AT_ONCE, _MOST_WAITING)
        self._http = HttpClient(self._timeout, most_at_once=_MOST_AT_ONCE)

    async def verify(self, answer: str, client: Client) -> None:
        if not self._shape.fullmatch(answer):
            raise AnswerRefused("malformed")
        verdict = await self._ask_patiently(answer, {"remoteip": client.ip_address} if client.ip_address else {})
        if refused := _MISCONFIGURED.intersection(verdict.codes):
            raise ChallengeUnready(f"challenge.secret is refused: {', '.join(sorted(refused))}")
        faults = [_FAULTS[code] for code in verdict.codes if code in _FAULTS]
        if faults or not verdict.success:
            raise AnswerRefused(faults[0] if faults else "wrong")
        if verdict.hostname not in self._hosts or (self._is_turnstile and verdict.action != ACTION):
            raise AnswerRefused("elsewhere")

    async def close(self) -> None:
        await self._http.close()

    async def _ask_patiently(self, answer: str, more: Mapping[str, str]) -> Verdict:
        """Return the verdict. A lost one is requested again from Turnstile, with the idempotency key of the first call.

        hCaptcha has no such key: the user solves another challenge.
        """
        keyed = {**more, "idempotency_key": str(uuid4())} if self._is_turnstile else more
        try:
            return await self.ask(answer, **keyed)
        except ChallengeUnready:
            if not self._is_turnstile:
                raise
            return await self.ask(answer, **keyed)

    async def ask(self, answer: str, **more: str) -> Verdict:
        """Return the verdict. Raises ChallengeUnready if the reply is none, which means neither yes nor no, and Busy.

        hCaptcha is told the site: otherwise answers for any site of the same account would pass.
        """
        site = {} if self._is_turnstile else {"sitekey": self.asked.site_key}
        try:
            async with asyncio.timeout(self._timeout / 2) as waiting, self._places.turn():
                waiting.reschedule(None)  # the client has a time-out of its own
                return await self._post({"secret": self._secret, "response": answer, **site, **more})
        except TimeoutError:
            raise Busy(_RETRY_AFTER) from None
        except CallFailed as error:
            raise ChallengeUnready(str(error)) from None

    async def _post(self, form: Mapping[str, str]) -> Verdict:
        answer = await self._http.ask("POST", self.url, data=dict(form))
        if answer.status == _LIMITED:
            raise Busy(_RETRY_AFTER)
        if answer.status not in _VERDICTS:
            raise ChallengeUnready(f"status {answer.status}")
        verdict = answer.read(Verdict)
        if verdict is None:
            raise ChallengeUnready("the verdict cannot be read")
        if verdict.success and answer.status != _OK:
            raise ChallengeUnready(f"a positive verdict with status {answer.status}")
        if not verdict.success and not verdict.codes:  # both services say why; {"success": false} may be a gateway's
            raise ChallengeUnready("a negative verdict without a reason")
        if "internal-error" in verdict.codes:
            raise ChallengeUnready("internal-error")
        return verdict
