"""A server that behaves as SendGrid's API does (https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send)."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from tests.servers.mail_providers.answers import EMPTY, Answer, Request
from tests.servers.mail_providers.server import ProviderServer

KEY = "SG.Keyturn_0123456789abcd.0123456789_abcdefghijklmnopqrstuvwxyz-ABCDEF"


def refusal(status: int, message: str, field: str | None = None, **headers: str) -> Answer:
    return Answer(status, {"errors": [{"message": message, "field": field, "help": None}]}, headers)


LIMITED = refusal(429, "too many requests")


class SendGridServer(ProviderServer):
    """`domains`: those of the account, and if they are valid.

    `scopes` is what the key may do.
    """

    def forget(self) -> None:
        super().forget()
        self.domains = {"northwind.example": True, "northwind.test": True}
        self.scopes = ["mail.send", "whitelabel.read", "sender_verification_eligible"]

    def answer(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return refusal(401, "The provided authorization grant is invalid, expired, or revoked")
        match request.method, request.path:
            case "POST", "/v3/mail/send":
                return self._take(request.fields)
            case "GET", "/v3/scopes":
                return Answer(200, {"scopes": self.scopes})
            case "GET", "/v3/whitelabel/domains":
                name = request.target.partition("domain=")[2]
                return Answer(
                    200,
                    [{"id": 1, "domain": one, "valid": valid} for one, valid in self.domains.items() if one == name],
                )
            case _:
                return Answer(404, html="<h1>Not Found</h1>")

    def _take(self, mail: Mapping[str, Any]) -> Answer:
        accepted = uuid4().hex[:22]
        self.accepted[accepted] = mail
        return Answer(202, EMPTY, {"x-message-id": accepted})
