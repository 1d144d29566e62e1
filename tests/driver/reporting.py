"""Resend's side of a webhook: reports as it words them, signed as it signs them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any

import httpx
import msgspec
from sqlalchemy import select, update
from tests.driver.service import ADA, Service

from keyturn.service.clock import now, unix
from keyturn.service.outbox.history import Wanted, read
from keyturn.service.outbox.models import EventRow, OutboxRow
from keyturn.service.reset.records.audit import Entry
from keyturn.service.reset.records.models import MailboxRow

WEBHOOK = "/webhooks/resend"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WITH_WEBHOOK = {"webhook_secret": SECRET}
NO_COOLDOWN = {"mailbox_cooldown": timedelta(0)}

HARD: dict[str, Any] = {
    "bounce": {"type": "Permanent", "subType": "Suppressed", "message": "ada@northwind.test had bounces before"}
}
SOFT = {"bounce": {"type": "Transient", "subType": "MailboxFull", "message": "ada@northwind.test is over its quota"}}

_numbers = count(1)


class Report(msgspec.Struct, frozen=True):
    """A report, ready to be delivered, once or often."""

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
    event: str, provider_id: str, *, to: str = ADA, age: timedelta = timedelta(0), tags: Any = None, **data: Any
) -> Report:
    """Return a report of `event`, which happened `age` ago and is delivered now."""
    happened = (now() - age).isoformat()
    mail: Mapping[str, Any] = {
        "email_id": provider_id,
        "created_at": happened,
        "from": "Northwind School <help@northwind.example>",
        "to": [to],
        "subject": "Reset your Northwind School password",
        "tags": tags if tags is not None else {"template": "password_reset"},
        **data,
    }
    body = json.dumps({"type": f"email.{event}", "created_at": happened, "data": mail})
    return Report(f"msg_{next(_numbers)}", body.encode(), int(unix()))


async def deliver(service: Service, sent: Report, **headers: str) -> httpx.Response:
    return await service.anywhere().post(WEBHOOK, content=sent.body, headers={**sent.headers(), **headers})


async def deliver_all(service: Service, *reports: Report) -> None:
    for one in reports:
        answer = await deliver(service, one)
        assert answer.status_code == 200, answer.text


async def provider_id(service: Service) -> str:
    """Return the provider's id of the newest mail."""
    newest = select(OutboxRow.provider_id).where(OutboxRow.state == "sent").order_by(OutboxRow.id.desc()).limit(1)
    return str((await service.rows(newest))[0]["provider_id"])


async def state(service: Service) -> str:
    """Return where the newest message is."""
    return (await read(service.parts.database, Wanted(most=1), now()))[0].state


async def history(service: Service) -> list[tuple[str, str]]:
    """Return the provider's reports, with what is known of each, in the order in which they happened."""
    reported = select(EventRow.event, EventRow.detail).where(EventRow.source_id.is_not(None)).order_by(EventRow.at)
    return [(row["event"], row["detail"]) for row in await service.rows(reported)]


async def trail(service: Service, event: str = "") -> list[Entry]:
    return await (service.trail(event) if event else service.trail())


async def outcomes(service: Service, event: str) -> list[str]:
    return [entry.outcome for entry in await service.trail(event)]


async def is_mailed(service: Service, email: str = ADA) -> bool:
    """Ask for a link; tell whether a mail comes."""
    before = len(service.inbox.mails)
    await service.ask_and_deliver(email)
    return len(service.inbox.mails) > before


async def lift(service: Service) -> None:
    """Let the suppressions be over."""
    await service.write(update(MailboxRow).values(suppressed_until=now() - timedelta(seconds=1)))
