"""A server that behaves as Postmark's API does (https://postmarkapp.com/developer/api/email-api)."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from tests.servers.mail_providers.answers import Answer, Request
from tests.servers.mail_providers.server import ProviderServer

TOKEN = "5b3a1c2e-4f60-4b7e-9d18-2f6c0a9e7d41"
TEST_TOKEN = "POSTMARK_API_TEST"


def refusal(status: int, code: int, message: str = "") -> Answer:
    """Return an error as Postmark words it (https://postmarkapp.com/developer/api/overview#error-codes)."""
    return Answer(status, {"ErrorCode": code, "Message": message or f"error {code}"})


LIMITED = refusal(429, 0, "Too many requests.")


class PostmarkServer(ProviderServer):
    """`server`:  what it says of itself."""

    def forget(self) -> None:
        super().forget()
        self.server = {"ID": 1, "Name": "Northwind", "DeliveryType": "Live"}

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
        accepted = str(uuid4())
        said = "Test job accepted" if token == TEST_TOKEN else "OK"
        if token == TOKEN:
            self.accepted[accepted] = mail
        return Answer(200, {"ErrorCode": 0, "Message": said, "MessageID": accepted, "To": mail["To"]})
