"""The audit trail: who asked, when, from where, and with what outcome (OWASP ASVS 16.2.1, 16.3.1)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, Integer, String, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.service.clock import now
from keyturn.service.database import Database, Model, Store
from keyturn.service.outbox.history import shown_state
from keyturn.service.outbox.models import OutboxRow
from keyturn.service.reset.records.client import Client

NOT_ME: Final = "account_secured"
"""The event by which a mailbox's owner reports that an earlier event was not theirs: an operator should look."""

ADDRESS_CHANGED: Final = "address_changed"
"""The outcome of that event if the account has moved to another address since: an operator has to decide."""


class AuditRow(Model):
    """An entry of the audit trail: a request and its outcome. `message_id`: the outbox row of the mail that answers.

    `operator`: the user who ran the command; "" for requests over HTTP. `note`: what that user wrote down.
    """

    __tablename__ = "keyturn_audit"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    event: Mapped[str] = mapped_column(String(32))
    outcome: Mapped[str] = mapped_column(String(32))
    account_id: Mapped[str] = mapped_column(String(255), index=True)
    email: Mapped[str] = mapped_column(String(254), index=True)
    ip_address: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(300))
    request_id: Mapped[str] = mapped_column(String(64))
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    operator: Mapped[str] = mapped_column(String(64), server_default="")
    note: Mapped[str] = mapped_column(String(1000), server_default="")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the audit trail.

    `email`: the address in the request.
    `account_id`: empty if there is no such account.
    `operator`: the user who ran the command; "" for requests over HTTP.
    `note`: what the operator wrote down, such as how a caller's identity was checked.
    `mail`: the state of the mail that answers; `mail_reason`: why. Both are None if there was no mail, or if the outbox
    no longer has it.
    """

    at: datetime
    event: str
    outcome: str
    account_id: str = ""
    email: str = ""
    ip_address: str = ""
    user_agent: str = ""
    request_id: str = ""
    message_id: int | None = None
    operator: str = ""
    note: str = ""
    mail: str | None = None
    mail_reason: str | None = None


def entry_of(client: Client, **fields: Any) -> Entry:
    """Return an entry about a request of that client."""
    return Entry(
        ip_address=client.ip_address,
        user_agent=client.user_agent,
        request_id=client.request_id,
        operator=client.operator,
        **fields,
    )


_WRITTEN = [name for name in Entry.__struct_fields__ if name not in {"mail", "mail_reason"}]
_WRITE = insert(AuditRow)


class Audit(Store):
    """Writes and reads the audit trail."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(
        self, event: str, outcome: str, client: Client, at: datetime, account_id: str, email: str, **more: Any
    ) -> None:
        """Write an entry in the caller's transaction. `more`: its `message_id` and its `note`."""
        known = {"event": event, "outcome": outcome, "at": at, "account_id": account_id, "email": email}
        self.write_all([entry_of(client, **known, **more)])

    def write_all(self, entries: Sequence[Entry]) -> None:
        """Write entries in the caller's transaction, without the state of their mails, which the outbox has."""
        if entries:
            self.connection.execute(_WRITE, [{name: getattr(entry, name) for name in _WRITTEN} for entry in entries])

    async def record(self, event: str, outcome: str, client: Client, account_id: str, email: str) -> None:
        """Write an entry of now in its own transaction."""
        entry = event, outcome, client, now(), account_id, email
        await self._database.transact(lambda connection: self.within(connection).write(*entry))

    def has(self, event: str, outcome: str, client: Client, at: datetime, account_id: str) -> bool:
        """Tell, in the caller's transaction, whether there is an entry of that moment about that client."""
        known = {"event": event, "outcome": outcome, "at": at, "account_id": account_id}
        known |= {"ip_address": client.ip_address, "user_agent": client.user_agent}
        return self.connection.execute(select(AuditRow.id).filter_by(**known)).first() is not None

    async def read(self, *, email: str = "", since: datetime | None = None, most: int = 50) -> Sequence[Entry]:
        """Return the newest entries, newest first."""
        columns = [getattr(AuditRow, name) for name in _WRITTEN]
        statement = (
            select(*columns, shown_state().label("mail"), OutboxRow.reason.label("mail_reason"))
            .outerjoin(OutboxRow, OutboxRow.id == AuditRow.message_id)
            .order_by(AuditRow.id.desc())
            .limit(most)
        )
        if email:
            statement = statement.where(AuditRow.email == email)
        if since:
            statement = statement.where(AuditRow.at >= since)
        return [Entry(**row) for row in await self._database.fetch(statement)]
