"""A server that behaves as Amazon SES's API does, and reports as it words and signs them.

https://docs.aws.amazon.com/ses/latest/APIReference-V2
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.servers.mail_providers.answers import Answer, Request
from tests.servers.mail_providers.server import ProviderServer
from tests.servers.mail_providers.sns import message, post

KEY_ID, SECRET_KEY, REGION = (
    "AKIAKEYTURN012345678",
    "wJalrXUtnFEMI/K7MDENG+bPxRfiCY/KeyturnKey",
    "eu-west-1",
)

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/ses/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), "
    r"Signature=([0-9a-f]{64})"
)


def refusal(status: int, kind: str, message: str = "") -> Answer:
    header = f"{kind}:http://internal.amazon.com/coral/com.amazonaws.sesv2.v20190927/"
    return Answer(status, {"message": message or kind}, {"x-amzn-errortype": header})


LIMITED = refusal(429, "TooManyRequestsException", "Maximum sending rate exceeded.")
ACCOUNT = {
    "SendingEnabled": True,
    "ProductionAccessEnabled": True,
    "EnforcementStatus": "HEALTHY",
    "SendQuota": {"Max24HourSend": 50000.0, "MaxSendRate": 14.0, "SentLast24Hours": 12.0},
}


class SesServer(ProviderServer):
    """`domains`: the identities, and if they are verified.

    `account` is what GetAccount says; None where the key's policy does not hold that call.
    """

    def forget(self) -> None:
        super().forget()
        self.domains = {"northwind.example": True, "northwind.test": True}
        self.account: Mapping[str, Any] | None = ACCOUNT

    def answer(self, request: Request) -> Answer:
        if fault := _proof_fault(request):
            return fault
        match request.method, request.path.split("/")[1:]:
            case "POST", ["v2", "email", "outbound-emails"]:
                return self._take(request.fields)
            case "GET", ["v2", "email", *_] if self.account is None:
                return refusal(
                    403,
                    "AccessDeniedException",
                    "User is not authorized to perform: ses:GetAccount",
                )
            case "GET", ["v2", "email", "account"]:
                return Answer(200, self.account)
            case "GET", ["v2", "email", "identities", name] if name in self.domains:
                return Answer(
                    200, {"IdentityType": "DOMAIN", "VerifiedForSendingStatus": self.domains[name]}
                )
            case _:
                return refusal(404, "NotFoundException")

    def _take(self, mail: Mapping[str, Any]) -> Answer:
        if not mail["FromEmailAddress"].isascii():
            return refusal(
                400, "BadRequestException", "Local address contains control or whitespace"
            )
        accepted = f"0102018c{uuid4()}-000000"
        self.accepted[accepted] = mail
        return Answer(200, {"MessageId": accepted})


def _proof_fault(request: Request) -> Answer | None:
    """Return AWS's refusal of a request that is not signed by the one key, just now."""
    headers = request.headers
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not found:
        return refusal(403, "MissingAuthenticationTokenException")
    key_id, day, region, names, signature = found.groups()
    if key_id != KEY_ID:
        return refusal(
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    moment = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    is_late = abs(datetime.now(UTC) - moment) > timedelta(minutes=5) or f"{moment:%Y%m%d}" != day
    signed = {name: headers[name] for name in names.split(";")}
    sent = AWSRequest(
        request.method,
        f"https://{headers['host']}{request.target}",
        headers=signed,
        data=request.body,
    )
    sent.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(Credentials(KEY_ID, SECRET_KEY), "ses", REGION)
    expected = auth.signature(auth.string_to_sign(sent, auth.canonical_request(sent)), sent)
    if (
        is_late
        or region != REGION
        or not {"host", "x-amz-date"} <= signed.keys()
        or expected != signature
    ):
        return refusal(
            403, "InvalidSignatureException", "The request signature we calculated does not match"
        )
    return None


_BOUNCED = {
    "bouncedRecipients": [
        {"emailAddress": "ada@northwind.test", "diagnosticCode": "smtp; 550 5.1.1 unknown"}
    ]
}
_KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "sent": ("Send", "send", {}),
    "delivered": ("Delivery", "delivery", {"smtpResponse": "250 2.6.0 Message received"}),
    "delayed": ("DeliveryDelay", "deliveryDelay", {"delayType": "MailboxFull"}),
    "bounced": (
        "Bounce",
        "bounce",
        {"bounceType": "Permanent", "bounceSubType": "General", **_BOUNCED},
    ),
    "bounced for now": (
        "Bounce",
        "bounce",
        {"bounceType": "Transient", "bounceSubType": "MailboxFull", **_BOUNCED},
    ),
    "complained": (
        "Complaint",
        "complaint",
        {"complaintSubType": None, "complaintFeedbackType": "abuse"},
    ),
    "suppressed": (
        "Bounce",
        "bounce",
        {"bounceType": "Permanent", "bounceSubType": "OnAccountSuppressionList"},
    ),
    "rejected": ("Reject", "reject", {"reason": "Bad content"}),
    "clicked": (
        "Click",
        "click",
        {"link": "https://northwind.test/reset-password/token", "ipAddress": "192.0.2.1"},
    ),
}


def event(
    kind: str,
    provider_id: str,
    *,
    to: str,
    key: str = "",
    at: datetime | None = None,
    **fields: Any,
) -> dict[str, Any]:
    name, part, detail = _KINDS[kind]
    moment = (at or datetime.now(UTC)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    timed = {} if part in {"send", "reject"} else {"timestamp": moment}
    tags = {
        "ses:source-ip": ["192.0.2.1"],
        **({"key": [key], "template": ["password_reset"]} if key else {}),
    }
    mail = {
        "timestamp": moment,
        "messageId": provider_id,
        "destination": [to],
        "tags": tags,
        "headersTruncated": False,
    }
    return {"eventType": name, "mail": mail, part: {**timed, **detail, **fields}}


def report(kind: str, provider_id: str, **options: Any) -> Request:
    return post(
        message(
            json.dumps(event(kind, provider_id, **options)),
            Subject="Amazon SES Email Event Notification",
        )
    )
