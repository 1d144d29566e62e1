"""A server that behaves as Postmark's API does, and reports as it words and signs them.

https://postmarkapp.com/developer/api/email-api
https://postmarkapp.com/developer/webhooks/webhooks-overview
"""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from tests.servers.mail_providers.answers import Answer, Request
from tests.servers.mail_providers.server import ProviderServer

TOKEN = "5b3a1c2e-4f60-4b7e-9d18-2f6c0a9e7d41"
TEST_TOKEN = "POSTMARK_API_TEST"


def refusal(status: int, code: int, message: str = "") -> Answer:
    """Return an error as Postmark words it
    (https://postmarkapp.com/developer/api/overview#error-codes).
    """
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
        return Answer(
            200, {"ErrorCode": 0, "Message": said, "MessageID": accepted, "To": mail["To"]}
        )


PASSWORD = "kY7-" + "p0stmark_" * 4

_KINDS: dict[str, dict[str, Any]] = {
    "delivered": {"RecordType": "Delivery", "Details": "250 2.0.0 OK"},
    "delayed": {"RecordType": "Bounce", "Type": "Transient", "TypeCode": 2},
    "bounced": {"RecordType": "Bounce", "Type": "HardBounce", "TypeCode": 1, "Inactive": True},
    "bounced for now": {
        "RecordType": "Bounce",
        "Type": "SoftBounce",
        "TypeCode": 4096,
        "Inactive": False,
    },
    "complained": {
        "RecordType": "SpamComplaint",
        "Type": "SpamComplaint",
        "TypeCode": 512,
        "Inactive": True,
    },
    "suppressed": {
        "RecordType": "SubscriptionChange",
        "SuppressSending": True,
        "SuppressionReason": "ManualSuppression",
    },
    "clicked": {
        "RecordType": "Click",
        "OriginalLink": "https://northwind.test/reset-password/token",
    },
}
_TIMES = {"Delivery": "DeliveredAt", "Click": "ReceivedAt", "SubscriptionChange": "ChangedAt"}


def report(
    kind: str,
    provider_id: str,
    *,
    to: str,
    key: str = "",
    at: datetime | None = None,
    **fields: Any,
) -> Request:
    document = {
        **_KINDS[kind],
        "MessageID": provider_id,
        "MessageStream": "outbound",
        "ServerID": 23,
        **fields,
    }
    record = document["RecordType"]
    document["Email" if record in {"Bounce", "SpamComplaint"} else "Recipient"] = to
    # Seven digits, as Postmark writes them.
    document[_TIMES.get(record, "BouncedAt")] = f"{at or datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"
    document["Metadata"] = {"template": "password_reset", "key": key} if key else {}
    document["Description"] = f"The server was unable to deliver your message to {to}"
    return Request(
        headers={"authorization": basic(PASSWORD)}, body=json.dumps({**document, **fields}).encode()
    )


def basic(password: str, user: str = "keyturn") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
