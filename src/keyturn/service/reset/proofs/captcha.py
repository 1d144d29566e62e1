"""Challenges that a service judges: Cloudflare Turnstile and hCaptcha, through their call `siteverify`."""

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any, Literal
from uuid import uuid4

import msgspec

from keyturn.http_client import CallFailed, HttpClient
from keyturn.service.problems.proofs import Challenge
from keyturn.service.problems.requests import Busy, ChallengeUnready
from keyturn.service.reset.bounded_pool import Turns
from keyturn.service.reset.proofs.challenge import ACTION, AnswerRefused
from keyturn.service.reset.records.client import Client

_PATIENCE = timedelta(seconds=3)
"""For one call, because a user waits for it. Turnstile is asked once more."""

_MOST_AT_ONCE = 32
_MOST_WAITING = 256
_RETRY_AFTER = 5
_VERDICTS = {200, 400}
_OK, _LIMITED = 200, 429


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A service's verdict. `hostname` and `action` tell the page and the form where the answer was given."""

    success: bool
    hostname: str | None = None
    action: str | None = None
    codes: tuple[str, ...] = msgspec.field(name="error-codes", default=())

    def names(self, codes: Collection[str]) -> str:
        """Return those of the verdict's codes that are in `codes`, for the log; "" if there is none."""
        return ", ".join(code for code in self.codes if code in codes)


class SiteVerify:
    """Asks a service at `url`. A reply that is no verdict raises ChallengeUnready: it means neither yes nor no.

    A call takes one of a limited number of places before its time-out starts. If no place is free within half of the
    time-out, or the service answers 429, Busy is raised. Clients can cause that by the hundred, so it must never let a
    request through.
    """

    def __init__(self, url: str, timeout: timedelta = _PATIENCE) -> None:
        self._url = url
        self._timeout = timeout.total_seconds()
        self._places = Turns(_MOST_AT_ONCE, _MOST_WAITING)
        self._http = HttpClient(self._timeout, most_at_once=_MOST_AT_ONCE)
        self.close = self._http.close

    async def ask(self, form: Mapping[str, str]) -> Verdict:
        """Return the verdict. Raises ChallengeUnready, Busy."""
        async with self._place():
            try:
                return await self._post(form)
            except (msgspec.MsgspecError, ValueError):
                raise ChallengeUnready("the verdict cannot be read") from None
            except CallFailed as error:
                raise ChallengeUnready(str(error)) from None

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._timeout / 2):
                    await stack.enter_async_context(self._places.turn())
            except TimeoutError:
                raise Busy(_RETRY_AFTER) from None
            yield

    async def _post(self, form: Mapping[str, str]) -> Verdict:
        answer = await self._http.ask("POST", self._url, data=dict(form))
        if answer.status == _LIMITED:
            raise Busy(_RETRY_AFTER)
        if answer.status not in _VERDICTS:
            raise ChallengeUnready(f"status {answer.status}")
        verdict = msgspec.json.decode(answer.body, type=Verdict)
        if verdict.success and answer.status != _OK:
            raise ChallengeUnready(f"a positive verdict with status {answer.status}")
        if not verdict.success and not verdict.codes:  # both services say why; {"success": false} may be a gateway's
            raise ChallengeUnready("a negative verdict without a reason")
        return verdict


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """Describes the differences between the services.

    `longest`: characters of an answer; a longer answer is refused without a call.
    `misconfigured`: codes that the operator has to fix.
    `spent`: codes after which the user solves another challenge.
    `elsewhere`: codes for an answer from another site. If every answer gets one, the operator has to fix the settings.
    `asks_again`: a lost verdict can be requested again, with the idempotency key of the first call.
    `names_site`: the call names the site key; otherwise answers for any site of the same account would pass.
    `says_action`: the verdict names the form where the answer was given.
    """

    url: str
    longest: int
    misconfigured: Collection[str]
    spent: Collection[str]
    elsewhere: Collection[str] = ()
    asks_again: bool = False
    names_site: bool = False
    says_action: bool = False


SERVICES: Mapping[Literal["turnstile", "hcaptcha"], Service] = {
    # https://developers.cloudflare.com/turnstile/get-started/server-side-validation
    "turnstile": Service(
        url="https://challenges.cloudflare.com/turnstile/v0/siteverify",
        longest=2048,
        misconfigured=("missing-input-secret", "invalid-input-secret"),
        spent=("timeout-or-duplicate",),
        asks_again=True,
        says_action=True,
    ),
    # https://docs.hcaptcha.com/#verify-the-user-response-server-side
    "hcaptcha": Service(
        url="https://api.hcaptcha.com/siteverify",
        longest=8192,
        misconfigured=("missing-input-secret", "invalid-input-secret"),
        spent=("invalid-or-already-seen-response", "expired-input-response", "already-seen-response"),
        # A client can cause these with an answer for a site of its own or for the test keys, so the operator is not at
        # fault.
        elsewhere=("sitekey-secret-mismatch", "not-using-dummy-secret"),
        names_site=True,
    ),
}


class Captcha:
    """Judges answers through a service, and refuses answers from another site (`hosts`) or for another form.

    If the service has no idempotency key, a lost verdict cannot be requested again: the user solves another challenge.
    """

    def __init__(
        self,
        name: Literal["turnstile", "hcaptcha"],
        verifier: SiteVerify,
        *,
        site_key: str,
        secret: str,
        hosts: Collection[str],
    ) -> None:
        self.asked = Challenge(name, site_key, ACTION)
        self._service = SERVICES[name]
        self._shape = re.compile(rf"[\w.-]{{1,{self._service.longest}}}", re.ASCII)
        self._verifier = verifier
        self._secret = secret
        self._hosts = hosts

    def issue(self) -> Mapping[str, Any]:
        return {}

    async def verify(self, answer: str, client: Client) -> None:
        if not self._shape.fullmatch(answer):
            raise AnswerRefused("malformed")
        verdict = await self._ask(answer, client)
        if named := verdict.names(self._service.misconfigured):
            raise ChallengeUnready(f"challenge.secret is refused: {named}")
        if verdict.names(self._service.spent):
            raise AnswerRefused("expired")
        if verdict.names(self._service.elsewhere):
            raise AnswerRefused("elsewhere")
        # "bad-request" counts as wrong, too: a client's input could cause it.
        if not verdict.success:
            raise AnswerRefused("wrong")
        if verdict.hostname not in self._hosts or (self._service.says_action and verdict.action != ACTION):
            raise AnswerRefused("elsewhere")

    async def _ask(self, answer: str, client: Client) -> Verdict:
        form = {"secret": self._secret, "response": answer}
        if self._service.names_site:
            form["sitekey"] = self.asked.site_key
        if self._service.asks_again:
            form["idempotency_key"] = str(uuid4())
        if client.ip_address:
            form["remoteip"] = client.ip_address
        try:
            return await self._require_verdict(form)
        except ChallengeUnready:
            if not self._service.asks_again:
                raise
            return await self._require_verdict(form)

    async def _require_verdict(self, form: Mapping[str, str]) -> Verdict:
        verdict = await self._verifier.ask(form)
        if "internal-error" in verdict.codes:
            raise ChallengeUnready("internal-error")
        return verdict

    async def close(self) -> None:
        await self._verifier.close()
