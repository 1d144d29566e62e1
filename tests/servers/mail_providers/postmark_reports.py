"""Reports as Postmark words them (https://postmarkapp.com/developer/webhooks/webhooks-overview)."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

from tests.servers.mail_providers.answers import Request

PASSWORD = "kY7-" + "p0stmark_" * 4

_KINDS: dict[str, dict[str, Any]] = {
    "delivered": {"RecordType": "Delivery", "Details": "250 2.0.0 OK"},
    "delayed": {"RecordType": "Bounce", "Type": "Transient", "TypeCode": 2},
    "bounced": {"RecordType": "Bounce", "Type": "HardBounce", "TypeCode": 1, "Inactive": True},
    "bounced for now": {"RecordType": "Bounce", "Type": "SoftBounce", "TypeCode": 4096, "Inactive": False},
    "complained": {"RecordType": "SpamComplaint", "Type": "SpamComplaint", "TypeCode": 512, "Inactive": True},
    "suppressed": {
        "RecordType": "SubscriptionChange",
        "SuppressSending": True,
        "SuppressionReason": "ManualSuppression",
    },
    "clicked": {"RecordType": "Click", "OriginalLink": "https://northwind.test/reset-password/token"},
}
_TIMES = {"Delivery": "DeliveredAt", "Click": "ReceivedAt", "SubscriptionChange": "ChangedAt"}


def report(
    kind: str,
    provider_id: str,
    *,
    to: str,
    key: str = "",
    at: datetime | None = None,
    password: str = PASSWORD,
    **fields: Any,
) -> Request:
    document = {**_KINDS[kind], "MessageID": provider_id, "MessageStream": "outbound", "ServerID": 23, **fields}
    record = document["RecordType"]
    document["Email" if record in {"Bounce", "SpamComplaint"} else "Recipient"] = to
    # Seven digits, as Postmark writes them.
    document[_TIMES.get(record, "BouncedAt")] = f"{at or datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"
    document["Metadata"] = {"template": "password_reset", "key": key} if key else {}
    document["Description"] = f"The server was unable to deliver your message to {to}"
    return Request(headers={"authorization": basic(password)}, body=json.dumps({**document, **fields}).encode())


def basic(password: str, user: str = "keyturn") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
