"""A server that behaves as Mailgun's API does, and reports as it words and signs them.

https://documentation.mailgun.com/docs/mailgun/api-reference
https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from tests.servers.mail_providers.answers import Answer, Request
from tests.servers.mail_providers.server import ProviderServer

KEY = "0123456789abcdef0123456789abcdef-6df690bb-1a2b3c4d"
SENDING_KEY = "fedcba9876543210fedcba9876543210-6df690bb-1a2b3c4d"
"""A key of one domain's: it may send from it, and nothing else."""

DOMAIN = "mg.northwind.example"
GREETING = Answer(200, html="Mailgun Magnificent API")


def refusal(status: int, message: str) -> Answer:
    return Answer(status, {"message": message})


FORBIDDEN = Answer(401, html="Forbidden")
LIMITED = refusal(429, "Too many requests")


class MailgunServer(ProviderServer):
    """`domains`: those of the account, with their states."""

    def forget(self) -> None:
        super().forget()
        self.domains = {DOMAIN: "active"}

    def answer(self, request: Request) -> Answer:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        user, _, key = base64.b64decode(credentials).decode().partition(":")
        if (scheme, user) != ("Basic", "api") or key not in {KEY, SENDING_KEY}:
            return FORBIDDEN
        match request.method, request.path.split("/")[1:]:
            case "POST", ["v3", domain, "messages"]:
                return self._take(
                    domain, dict(parse_qsl(request.body.decode(), keep_blank_values=True))
                )
            case _:
                return GREETING

    def _take(self, domain: str, mail: Mapping[str, str]) -> Answer:
        if domain not in self.domains:
            return refusal(404, f"Domain not found: {domain}")
        if not mail.get("to"):  # as the doctor asks
            return refusal(400, "to parameter is missing")
        accepted = f"20261120090211.{uuid4().hex[:16]}@{domain}"
        self.accepted[accepted] = mail
        return Answer(200, {"id": f"<{accepted}>", "message": "Queued. Thank you."})


SIGNING_KEY = "k" + "3y-0f-mailgun-" * 3

_KINDS: dict[str, dict[str, Any]] = {
    "delivered": {"event": "delivered", "delivery-status": {"code": 250, "message": "OK"}},
    "delayed": {
        "event": "failed",
        "severity": "temporary",
        "reason": "generic",
        "delivery-status": {"code": 451},
    },
    "bounced": {
        "event": "failed",
        "severity": "permanent",
        "reason": "bounce",
        "delivery-status": {"code": 550, "message": "5.1.1 ada@northwind.test does not exist"},
    },
    "bounced for now": {"event": "failed", "severity": "permanent", "reason": "old"},
    "rejected": {
        "event": "rejected",
        "reject": {"reason": "Sandbox subdomains are for test purposes only."},
    },
    "complained": {"event": "complained"},
    "suppressed": {"event": "failed", "severity": "permanent", "reason": "suppress-bounce"},
}


def report(
    kind: str,
    provider_id: str,
    *,
    to: str,
    key: str = "",
    at: datetime | None = None,
    **fields: Any,
) -> Request:
    event = {
        "id": "G9Bn5sl1TC6nu79C8C0bwg",
        "timestamp": (at or datetime.now(UTC)).timestamp(),
        "recipient": to,
        "message": {
            "headers": {"to": to, "message-id": provider_id, "subject": "Reset your password"},
            "size": 341,
        },
        "user-variables": {"key": key, "template": "password_reset"} if key else [],
        **_KINDS[kind],
        **fields,
    }
    return deliver(event, signature())


def signature(key: str = SIGNING_KEY, age: int = 0) -> dict[str, str]:
    moment, token = str(int(time.time()) - age), secrets.token_hex(25)
    return {"timestamp": moment, "token": token, "signature": sign(moment, token, key)}


def sign(moment: str, token: str, key: str = SIGNING_KEY) -> str:
    return hmac.new(key.encode(), f"{moment}{token}".encode(), hashlib.sha256).hexdigest()


def deliver(event: Any, proof: Any) -> Request:
    body = json.dumps({"signature": proof, "event-data": event}).encode()
    return Request(headers={"content-type": "application/json"}, body=body)
