"""A server that behaves as Postmark's API does (https://postmarkapp.com/developer/api/email-api)."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from tests.mail_providers.server import ProviderServer
from tests.resend_server.answers import Answer, Request

TOKEN = "5b3a1c2e-4f60-4b7e-9d18-2f6c0a9e7d41"
TEST_TOKEN = "POSTMARK_API_TEST"


def refusal(status: int, code: int, message: str = "") -> Answer:
    """Return an error as Postmark words it (https://postmarkapp.com/developer/api/overview#error-codes)."""
    return Answer(status, {"ErrorCode": code, "Message": message or f"error {code}"})


LIMITED = refusal(429, 0, "Too many requests.")


class PostmarkServer(ProviderServer):
    """`accepted` are the mails that are sent, under their ids. `server` is what it says of itself.

    `senders` are the domains of confirmed senders, `streams` its streams that send.
    """

    def forget(self) -> None:
        super().forget()
        self.accepted: dict[str, Mapping[str, Any]] = {}
        self.senders = {"northwind.example", "northwind.test"}
        self.server = {"ID": 1, "Name": "Northwind", "DeliveryType": "Live"}
        self.streams = {"outbound", "broadcast"}

    def answer(self, request: Request) -> Answer:
        token = request.headers.get("x-postmark-server-token", "")
        if request.headers.get("accept") != "application/json" or not token:
            return refusal(401, 10, "No Account or Server API tokens were supplied.")
        if token not in {TOKEN, TEST_TOKEN}:
            return refusal(401, 10, f"Request does not contain a valid Server token: {token}")
        match request.method, request.path.split("/")[1:]:
            case "POST", ["email"]:
                return self._take(request.fields, token)
            case "GET", ["server"]:
                return Answer(200, self.server) if token == TOKEN else refusal(401, 10)
            case _:
                return Answer(404, html="<h1>Not Found</h1>")

    def _take(self, mail: Mapping[str, Any], token: str) -> Answer:
        if fault := self._fault_of(mail):
            return fault
        accepted = str(uuid4())
        said = "Test job accepted" if token == TEST_TOKEN else "OK"
        if token == TOKEN:
            self.accepted[accepted] = mail
        return Answer(200, {"ErrorCode": 0, "Message": said, "MessageID": accepted, "To": mail["To"]})

    def _fault_of(self, mail: Mapping[str, Any]) -> Answer | None:
        if not mail.get("From") or not mail.get("To") or "@" not in mail["To"]:
            return refusal(422, 300, f"Invalid 'To' address: '{mail.get('To')}'.")
        if not mail.get("HtmlBody") and not mail.get("TextBody"):
            return refusal(422, 300, "Provide either email TextBody or HtmlBody or both.")
        if mail["From"].rstrip(">").rpartition("@")[2] not in self.senders:
            return refusal(422, 400, f"The 'From' address {mail['From']} is not a Sender Signature on your account.")
        if mail["MessageStream"] not in self.streams:
            return refusal(422, 1235, "The stream provided: is not found on this server.")
        metadata = mail.get("Metadata", {})
        if len(metadata) > 10 or any(len(name) > 20 or len(value) > 80 for name, value in metadata.items()):
            return refusal(422, 300, "Metadata is too long.")
        return None


running_postmark = PostmarkServer.running
