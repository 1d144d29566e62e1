"""Reports as Mailgun words and signs them.

https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads
"""

import hashlib
import hmac
import json
import secrets
import time
from datetime import UTC, datetime
from typing import Any

from tests.servers.mail_providers.answers import Request

KEY = "k" + "3y-0f-mailgun-" * 3

_KINDS: dict[str, dict[str, Any]] = {
    "accepted": {"event": "accepted"},
    "delivered": {"event": "delivered", "delivery-status": {"code": 250, "message": "OK"}},
    "delayed": {"event": "failed", "severity": "temporary", "reason": "generic", "delivery-status": {"code": 451}},
    "bounced": {
        "event": "failed",
        "severity": "permanent",
        "reason": "bounce",
        "delivery-status": {"code": 550, "message": "5.1.1 ada@northwind.test does not exist"},
    },
    "bounced for now": {"event": "failed", "severity": "permanent", "reason": "old"},
    "rejected": {"event": "rejected", "reject": {"reason": "Sandbox subdomains are for test purposes only."}},
    "complained": {"event": "complained"},
    "suppressed": {"event": "failed", "severity": "permanent", "reason": "suppress-bounce"},
    "clicked": {"event": "clicked", "url": "https://northwind.test/reset-password/token", "ip": "192.0.2.1"},
}


def report(
    kind: str, provider_id: str, *, to: str, key: str = "", at: datetime | None = None, **fields: Any
) -> Request:
    event = {
        "id": "G9Bn5sl1TC6nu79C8C0bwg",
        "timestamp": (at or datetime.now(UTC)).timestamp(),
        "recipient": to,
        "message": {"headers": {"to": to, "message-id": provider_id, "subject": "Reset your password"}, "size": 341},
        "user-variables": {"key": key, "template": "password_reset"} if key else [],
        **_KINDS[kind],
        **fields,
    }
    return deliver(event, signature())


def signature(key: str = KEY, age: int = 0) -> dict[str, str]:
    moment, token = str(int(time.time()) - age), secrets.token_hex(25)
    return {"timestamp": moment, "token": token, "signature": sign(moment, token, key)}


def sign(moment: str, token: str, key: str = KEY) -> str:
    return hmac.new(key.encode(), f"{moment}{token}".encode(), hashlib.sha256).hexdigest()


def deliver(event: Any, proof: Any) -> Request:
    body = json.dumps({"signature": proof, "event-data": event}).encode()
    return Request(headers={"content-type": "application/json"}, body=body)
