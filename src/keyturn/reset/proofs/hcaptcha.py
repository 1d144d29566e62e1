"""hCaptcha, by its call `siteverify`."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from keyturn.errors import AskedChallenge, ChallengeUnready
from keyturn.reset.proofs.challenge import ACTION, AnswerRefused
from keyturn.reset.proofs.siteverify import SiteVerify
from keyturn.reset.records.client import Client

URL = "https://api.hcaptcha.com/siteverify"

_SHAPE = re.compile(r"[\w.-]{1,8192}", re.ASCII)
_OURS = {"missing-input-secret", "invalid-input-secret", "sitekey-secret-mismatch", "not-using-dummy-secret"}
_SPENT = {"invalid-or-already-seen-response", "expired-input-response", "already-seen-response"}


class HCaptcha:
    """Judges answers of hCaptcha's widget; one of another site (`hosts`) is refused here.

    The site key goes along, since any site of the account would pass else. A lost verdict is a lost answer: there is no
    key by which to ask again, so the person solves another.
    """

    def __init__(self, verifier: SiteVerify, *, site_key: str, secret: str, hosts: Collection[str]) -> None:
        self.asked = AskedChallenge("hcaptcha", site_key, ACTION)
        self._verifier = verifier
        self._secret = secret
        self._hosts = hosts

    def issue(self) -> Mapping[str, Any]:
        return {}

    async def verify(self, answer: str, client: Client) -> None:
        if not _SHAPE.fullmatch(answer):
            raise AnswerRefused("malformed")
        form = {"secret": self._secret, "response": answer, "sitekey": self.asked.site_key}
        if client.ip_address:
            form["remoteip"] = client.ip_address
        verdict = await self._verifier.ask(form)
        if ours := verdict.names(_OURS):
            raise ChallengeUnready(f"challenge.secret is refused: {ours}")
        if verdict.names(_SPENT):
            raise AnswerRefused("expired")
        if not verdict.success:
            raise AnswerRefused("wrong")
        if verdict.hostname not in self._hosts:
            raise AnswerRefused("elsewhere")

    async def close(self) -> None:
        await self._verifier.close()
