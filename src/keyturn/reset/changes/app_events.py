"""What the app is told: rows in the outbox, written with what happened."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn.accounts.port import Account
from keyturn.outbox import Outbox
from keyturn.reset.records.client import Client
from keyturn.reset.records.messages import AppEvent, How
from keyturn.webhooks.events import (
    AccountSecured,
    Data,
    Event,
    Outcome,
    PasswordChanged,
    PasswordResetRequested,
    SecondStepFailed,
)


class RequestedReset(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody asked for the reset of an account, and `outcome` is which mail goes out."""

    account: Account
    client: Client
    outcome: Outcome
    moment: datetime


class AppEvents:
    """Writes what the app wants to hear of, in the caller's transaction.

    `kinds` has the kinds of message by event, one for each way in which the app is told: of others, nothing is written.
    No token and no password is in them.
    """

    def __init__(self, outbox: Outbox, kinds: Mapping[str, Sequence[str]]) -> None:
        self._outbox = outbox
        self._kinds = kinds

    async def password_changed(
        self, session: AsyncSession, account: Account, client: Client, *, how: How, moment: datetime
    ) -> None:
        data = PasswordChanged(**_event_fields(account, client), how=how)
        await self._write(session, Event(type="password.changed", timestamp=moment, data=data), client)

    async def account_secured(
        self, session: AsyncSession, account: Account, client: Client, *, email: str, locks: bool, moment: datetime
    ) -> None:
        """Write that its owner secured the account, by a link that went to `email`; it may have another by now."""
        fields = _event_fields(account, client) | {"email": email}
        data = AccountSecured(**fields, current_email=account.email, locked=locks)
        await self._write(session, Event(type="account.secured", timestamp=moment, data=data), client)

    async def second_step_failed(
        self, session: AsyncSession, account: Account, client: Client, *, method: str, moment: datetime
    ) -> None:
        data = SecondStepFailed(**_event_fields(account, client), method=method)
        await self._write(session, Event(type="second_step.failed", timestamp=moment, data=data), client)

    async def _write(self, session: AsyncSession, event: Event[Data], client: Client) -> None:
        for kind in self._kinds.get(event.type, ()):
            await self._outbox.enqueue(session, kind, _message(event, client))

    async def resets_requested(self, session: AsyncSession, resets: Sequence[tuple[RequestedReset, bool]]) -> None:
        """Write those that are wanted, of at least one; the statements are the same where none is."""
        for kind in self._kinds.get("password.reset_requested", ()):
            messages = [(_message(_event_of(reset), reset.client), wanted) for reset, wanted in resets]
            await self._outbox.enqueue_each_if(session, kind, messages)

    def wake(self) -> None:
        """Have them sent at once, after the caller's commit."""
        if any(self._kinds.values()):
            self._outbox.wake()


def _event_of(reset: RequestedReset) -> Event[PasswordResetRequested]:
    data = PasswordResetRequested(**_event_fields(reset.account, reset.client), outcome=reset.outcome)
    return Event(type="password.reset_requested", timestamp=reset.moment, data=data)


def _message(event: Event[Data], client: Client) -> AppEvent:
    origin = Client(request_id=client.request_id, traceparent=client.traceparent)
    return AppEvent(event=msgspec.Raw(msgspec.json.encode(event)), client=origin)


def _event_fields(account: Account, client: Client) -> dict[str, str]:
    return {
        "account_id": account.id, "email": account.email, "kind": account.kind, "ip_address": client.ip_address,
        "user_agent": client.user_agent, "request_id": client.request_id,
    }  # fmt: skip
