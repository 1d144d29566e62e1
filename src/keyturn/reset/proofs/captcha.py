"""Challenges whose answers a service judges: Cloudflare Turnstile and hCaptcha, by their calls `siteverify`."""

import re
from collections.abc import Collection, Mapping
from typing import Any, Literal
from uuid import uuid4

import msgspec

from keyturn.problems.proofs import Challenge
from keyturn.problems.requests import ChallengeUnready
from keyturn.reset.proofs.challenge import ACTION, AnswerRefused
from keyturn.reset.proofs.siteverify import SiteVerify, Verdict
from keyturn.reset.records.client import Client


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """Says in what one service differs from the other.

    `longest` is an answer's, in characters; what is longer needs no call. Codes in `misconfigured` are the operator's
    to mend, those in `spent` mean that the person solves another. Those in `elsewhere` say that an answer is one for
    another site; if all are, it is the operator's. `asks_again`: a lost verdict can be asked for once more, under the
    idempotency key of the first call. `names_site`: the site key goes along, since any site of the account would pass
    else. `says_action`: the verdict names the form that the answer was given for.
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
        # Not the operator's: a client brings them about by an answer for a site of its own, or for the keys for tests.
        elsewhere=("sitekey-secret-mismatch", "not-using-dummy-secret"),
        names_site=True,
    ),
}


class Captcha:
    """Judges answers by a service; one of another site (`hosts`) or for another form is refused here.

    A lost verdict is a lost answer, where the service has no key by which to ask again: the person solves another.
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
        # "bad-request" too: it could be brought about by what a client sends.
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
