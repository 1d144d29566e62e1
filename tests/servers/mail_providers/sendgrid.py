"""A server that behaves as SendGrid's API does, and reports as it words and signs them.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
"""

import base64
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
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
                found = (
                    [{"id": 1, "domain": name, "valid": self.domains[name]}]
                    if name in self.domains
                    else []
                )
                return Answer(200, found)
            case _:
                return Answer(404, html="<h1>Not Found</h1>")

    def _take(self, mail: Mapping[str, Any]) -> Answer:
        accepted = uuid4().hex[:22]
        self.accepted[accepted] = mail
        return Answer(202, EMPTY, {"x-message-id": accepted})


SIGNER, OTHER_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

_KINDS: dict[str, dict[str, Any]] = {
    "delivered": {"event": "delivered", "response": "250 OK"},
    "delayed": {"event": "deferred", "response": "400 try again later", "attempt": "5"},
    "bounced": {
        "event": "bounce",
        "type": "bounce",
        "status": "5.1.1",
        "bounce_classification": "Invalid Address",
        "reason": (
            "550 5.1.1 The email account that you tried to reach does not exist: ada@northwind.test"
        ),
    },
    "bounced for now": {
        "event": "bounce",
        "type": "blocked",
        "status": "4.0.0",
        "reason": "unable to get mx info",
    },
    "complained": {"event": "spamreport"},
    "suppressed": {"event": "dropped", "reason": "Bounced Address", "status": "5.0.0"},
}  # fmt: skip

_numbers = count(1)


def public(key: ec.EllipticCurvePrivateKey) -> str:
    return base64.b64encode(
        key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()


def event(
    kind: str,
    provider_id: str,
    *,
    to: str,
    key: str = "",
    at: datetime | None = None,
    **fields: Any,
) -> dict[str, Any]:
    sent = {"key": key, "template": "password_reset"} if key else {}
    return {
        "email": to,
        "timestamp": int((at or datetime.now(UTC)).timestamp()),
        "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
        "sg_event_id": f"ZXZlbnQ-{next(_numbers)}",
        "sg_message_id": f"{provider_id}.recvd-5d9b7bf9c7-x8kxq-1-65F1A2B3-14.0",
        **_KINDS[kind],
        **sent,
        **fields,
    }


def report(kind: str, provider_id: str, **options: Any) -> Request:
    return deliver([event(kind, provider_id, **options)])


def deliver(events: Any, signer: ec.EllipticCurvePrivateKey = SIGNER) -> Request:
    body, moment = json.dumps(events).encode(), str(int(time.time()))
    return Request(headers=signed(moment, body, signer), body=body)


def signed(moment: str, body: bytes, signer: ec.EllipticCurvePrivateKey = SIGNER) -> dict[str, str]:
    signature = signer.sign(moment.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {
        "content-type": "application/json",
        "x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode(),
        "x-twilio-email-event-webhook-timestamp": moment,
    }
