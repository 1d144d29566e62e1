"""Resend's side of a webhook: reports as it words them, signed as it signs them."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import httpx2
import msgspec
from sqlalchemy import select
from tests.driver.service import ADA, Service

from keyturn.service.clock import now
from keyturn.service.outbox.models import EventRow

WEBHOOK = "/webhooks/resend"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WITH_WEBHOOK = {"webhook_secret": SECRET}

HARD: dict[str, Any] = {
    "bounce": {
        "type": "Permanent",
        "subType": "Suppressed",
        "message": "ada@northwind.test had bounces before",
    }
}
SOFT = {
    "bounce": {
        "type": "Transient",
        "subType": "MailboxFull",
        "message": "ada@northwind.test is over its quota",
    }
}

_numbers = count(1)


class Report(msgspec.Struct, frozen=True):
    id: str
    body: bytes
    timestamp: int

    def headers(self, secret: str = SECRET) -> dict[str, str]:
        return {
            "content-type": "application/json",
            "svix-id": self.id,
            "svix-timestamp": str(self.timestamp),
            "svix-signature": f"v1,{signature(self, secret)}",
        }


def signature(report: Report, secret: str = SECRET) -> str:
    """Return the HMAC in base64 (https://docs.svix.com/receiving/verifying-payloads/how-manual)."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{report.id}.{report.timestamp}.".encode() + report.body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def report(
    event: str,
    provider_id: str,
    *,
    to: str = ADA,
    age: timedelta = timedelta(0),
    at: datetime | None = None,
    tags: Any = None,
    **data: Any,
) -> Report:
    """Return a report of `event`, which happened at `at`, or `age` ago, and is delivered now."""
    happened = (at or now() - age).isoformat()
    mail: Mapping[str, Any] = {
        "email_id": provider_id,
        "created_at": happened,
        "from": "Northwind School <help@northwind.example>",
        "to": [to],
        "subject": "Reset your Northwind School password",
        "tags": tags if tags is not None else {"template": "password_reset"},
        **data,
    }
    return signed_now(
        json.dumps({"type": f"email.{event}", "created_at": happened, "data": mail}).encode()
    )


def signed_now(body: bytes) -> Report:
    # Reports are proven by the machine's clock.
    return Report(f"msg_{next(_numbers)}", body, int(time.time()))


async def deliver(service: Service, sent: Report, **headers: str) -> httpx2.Response:
    return await service.anywhere().post(
        WEBHOOK, content=sent.body, headers={**sent.headers(), **headers}
    )


async def deliver_all(service: Service, *reports: Report) -> None:
    for one in reports:
        answer = await deliver(service, one)
        assert answer.status_code == 200, answer.text


async def provider_id(service: Service) -> str:
    return str([one.provider_id for one in await service.messages() if one.provider_id][-1])


async def state(service: Service) -> str:
    """Return where the newest message is."""
    return (await service.messages())[-1].state


async def history(service: Service) -> list[tuple[str, str]]:
    """Return the provider's reports, with what is known of each, in the order in which they
    happened.
    """
    reported = (
        select(EventRow.event, EventRow.detail)
        .where(EventRow.source_id.is_not(None))
        .order_by(EventRow.at)
    )
    return [(row["event"], row["detail"]) for row in await service.rows(reported)]


async def is_mailed(service: Service, email: str = ADA) -> bool:
    before = len(service.inbox.mails)
    await service.ask_and_deliver(email)
    return len(service.inbox.mails) > before
