"""A server that behaves as SendGrid's API does (https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send)."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from tests.mail_providers.server import ProviderServer
from tests.resend_server.answers import EMPTY, Answer, Request

KEY = "SG.Keyturn_0123456789abcd.0123456789_abcdefghijklmnopqrstuvwxyz-ABCDEF"


def refusal(status: int, message: str, field: str | None = None, **headers: str) -> Answer:
    """Return an error as SendGrid words it."""
    return Answer(status, {"errors": [{"message": message, "field": field, "help": None}]}, headers)


LIMITED = refusal(429, "too many requests")


class SendGridServer(ProviderServer):
    """`accepted` are the mails that are sent, under their ids; `domains` those of the account, and if they are valid.

    `scopes` is what the key may do.
    """

    def forget(self) -> None:
        super().forget()
        self.accepted: dict[str, Mapping[str, Any]] = {}
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
        if fault := self._fault_of(mail):
            return fault
        accepted = uuid4().hex[:22]
        self.accepted[accepted] = mail
        return Answer(202, EMPTY, {"x-message-id": accepted})

    def _fault_of(self, mail: Mapping[str, Any]) -> Answer | None:
        if "@" not in mail["personalizations"][0]["to"][0]["email"]:
            return refusal(400, "Does not contain a valid address.", "personalizations.0.to.0.email")
        if [part["type"] for part in mail["content"]] != ["text/plain", "text/html"]:
            return refusal(400, "The content must be text/plain first, followed by text/html.", "content")
        if not all(isinstance(text, str) for text in mail.get("custom_args", {}).values()):
            return refusal(400, "The custom_args must be strings.", "custom_args")
        if mail["from"]["email"].rpartition("@")[2] not in self.domains:
            return refusal(403, "The from address does not match a verified Sender Identity.", "from")
        return None


running_sendgrid = SendGridServer.running
