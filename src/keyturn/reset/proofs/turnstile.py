"""Cloudflare Turnstile, by its call `siteverify`."""

import re
from collections.abc import Collection, Mapping
from typing import Any
from uuid import uuid4

from keyturn.errors import AskedChallenge, ChallengeUnready
from keyturn.reset.proofs.challenge import ACTION, AnswerRefused
from keyturn.reset.proofs.siteverify import SiteVerify, Verdict
from keyturn.reset.records.client import Client

URL = "https://challenges.cloudflare.com/turnstile/v0/siteverify"

_SHAPE = re.compile(r"[\w.-]{1,2048}", re.ASCII)
"""At most 2,048 characters, as Cloudflare says; what is none needs no call."""

_OURS = {"missing-input-secret", "invalid-input-secret"}


class Turnstile:
    """Judges answers of Turnstile's widget; one of another site (`hosts`) or for another form is refused here.

    A lost verdict is asked for once more under the same idempotency key, without which the second one would be
    "timeout-or-duplicate".
    """

    def __init__(self, verifier: SiteVerify, *, site_key: str, secret: str, hosts: Collection[str]) -> None:
        self.asked = AskedChallenge("turnstile", site_key, ACTION)
        self._verifier = verifier
        self._secret = secret
        self._hosts = hosts

    def issue(self) -> Mapping[str, Any]:
        return {}

    async def verify(self, answer: str, client: Client) -> None:
        if not _SHAPE.fullmatch(answer):
            raise AnswerRefused("malformed")
        verdict = await self._ask(answer, client)
        if ours := verdict.names(_OURS):
            raise ChallengeUnready(f"challenge.secret is refused: {ours}")
        if "timeout-or-duplicate" in verdict.codes:
            raise AnswerRefused("expired")
        # "bad-request" too: it could be brought about by what a client sends.
        if not verdict.success:
            raise AnswerRefused("wrong")
        if verdict.hostname not in self._hosts or verdict.action != ACTION:
            raise AnswerRefused("elsewhere")

    async def _ask(self, answer: str, client: Client) -> Verdict:
        form = {"secret": self._secret, "response": answer, "idempotency_key": str(uuid4())}
        if client.ip_address:
            form["remoteip"] = client.ip_address
        try:
            verdict = await self._verifier.ask(form)
        except ChallengeUnready:
            verdict = None
        if verdict is None or "internal-error" in verdict.codes:
            verdict = await self._verifier.ask(form)
        if "internal-error" in verdict.codes:
            raise ChallengeUnready("internal-error")
        return verdict

    async def close(self) -> None:
        await self._verifier.close()
