"""Reports as Amazon SES words them, in messages of SNS's.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html
"""

import json
from datetime import UTC, datetime
from typing import Any

from tests.servers.mail_providers.answers import Request
from tests.servers.mail_providers.sns import message, post

_BOUNCED = {"bouncedRecipients": [{"emailAddress": "ada@northwind.test", "diagnosticCode": "smtp; 550 5.1.1 unknown"}]}
_KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "sent": ("Send", "send", {}),
    "delivered": ("Delivery", "delivery", {"smtpResponse": "250 2.6.0 Message received"}),
    "delayed": ("DeliveryDelay", "deliveryDelay", {"delayType": "MailboxFull"}),
    "bounced": ("Bounce", "bounce", {"bounceType": "Permanent", "bounceSubType": "General", **_BOUNCED}),
    "bounced for now": ("Bounce", "bounce", {"bounceType": "Transient", "bounceSubType": "MailboxFull", **_BOUNCED}),
    "complained": ("Complaint", "complaint", {"complaintSubType": None, "complaintFeedbackType": "abuse"}),
    "suppressed": ("Bounce", "bounce", {"bounceType": "Permanent", "bounceSubType": "OnAccountSuppressionList"}),
    "rejected": ("Reject", "reject", {"reason": "Bad content"}),
    "clicked": ("Click", "click", {"link": "https://northwind.test/reset-password/token", "ipAddress": "192.0.2.1"}),
}


def event(
    kind: str, provider_id: str, *, to: str, key: str = "", at: datetime | None = None, **fields: Any
) -> dict[str, Any]:
    name, part, detail = _KINDS[kind]
    moment = (at or datetime.now(UTC)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    timed = {} if part in {"send", "reject"} else {"timestamp": moment}
    tags = {"ses:source-ip": ["192.0.2.1"], **({"key": [key], "template": ["password_reset"]} if key else {})}
    mail = {"timestamp": moment, "messageId": provider_id, "destination": [to], "tags": tags, "headersTruncated": False}
    return {"eventType": name, "mail": mail, part: {**timed, **detail, **fields}}


def report(kind: str, provider_id: str, **options: Any) -> Request:
    return post(message(json.dumps(event(kind, provider_id, **options)), Subject="Amazon SES Email Event Notification"))
