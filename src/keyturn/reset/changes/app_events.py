"""What the app is told: rows in the outbox, written with what happened."""

from collections.abc import Collection
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn.accounts.port import Account
from keyturn.outbox import Outbox
from keyturn.reset.records.client import Client
from keyturn.reset.records.messages import APP_EVENTS, AppEvent, How
from keyturn.webhooks.events import Event, Outcome, PasswordChanged, PasswordResetRequested


class AppEvents:
    """Writes the webhooks that the app wants to hear of, `events`, in the caller's transaction; of others, nothing.

    No token and no password is in them.
    """

    def __init__(self, outbox: Outbox, events: Collection[str]) -> None:
        self._outbox = outbox
        self._events = events

    async def password_changed(
        self, session: AsyncSession, account: Account, client: Client, *, how: How, moment: datetime
    ) -> None:
        data = PasswordChanged(**_event_fields(account, client), how=how)
        await self._write(session, Event(type="password.changed", timestamp=moment, data=data), client)

    async def reset_requested(
        self, session: AsyncSession, account: Account, client: Client, *, outcome: Outcome, moment: datetime,
        wanted: bool,
    ) -> None:  # fmt: skip
        """Write it if it is `wanted`; the statements are the same where it is not."""
        data = PasswordResetRequested(**_event_fields(account, client), outcome=outcome)
        event = Event(type="password.reset_requested", timestamp=moment, data=data)
        await self._write(session, event, client, wanted=wanted)

    def wake(self) -> None:
        """Have them sent at once, after the caller's commit."""
        if self._events:
            self._outbox.wake()

    async def _write(self, session: AsyncSession, event: Event, client: Client, *, wanted: bool = True) -> None:
        if event.type not in self._events:
            return
        origin = Client(request_id=client.request_id, traceparent=client.traceparent)
        message = AppEvent(event=msgspec.Raw(msgspec.json.encode(event)), client=origin)
        await self._outbox.enqueue(session, APP_EVENTS[event.type], message, wanted=wanted)


def _event_fields(account: Account, client: Client) -> dict[str, str]:
    return {
        "account_id": account.id, "email": account.email, "kind": account.kind, "ip_address": client.ip_address,
        "user_agent": client.user_agent, "request_id": client.request_id,
    }  # fmt: skip
