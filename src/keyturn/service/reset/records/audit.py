"""The audit trail: each request with its client, time and outcome (OWASP ASVS 16.2.1, 16.3.1)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import BigInteger, Connection, Integer, Row, Select, String, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.database import Database, Model, Store
from keyturn.service.outbox.history import shown_state
from keyturn.service.outbox.models import OutboxRow

NOT_ME: Final = "account_secured"
"""The event of a press of "this was not me". An operator should look at it."""

MAIL_REPORT: Final = "mail_report"
"""The event of a provider's report that suppresses a mailbox. Its outcome is the report's event."""

ADDRESS_CHANGED: Final = "address_changed"
"""The outcome of a recovery if the account has moved to another address since. An operator has to
decide.
"""


class AuditRow(Model):
    """An entry of the audit trail: a request and its outcome.

    `message_id`: the outbox's row of the mail that answers.
    `operator`: the user who ran a command; "" for a request over HTTP.
    `note`: what an operator wrote, such as how a person's identity was checked.
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


class MailReport(NamedTuple):
    """A provider's report that suppressed a mailbox. `event`: such as "bounced"."""

    at: datetime
    event: str


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry to write. Its fields are as in `AuditRow`; `client` sent the request."""

    event: str
    outcome: str
    client: Client
    at: datetime
    account_id: str
    email: str
    message_id: int | None = None
    note: str = ""


def _row_of(entry: AuditEntry) -> Mapping[str, Any]:
    client = entry.client
    return {
        "event": entry.event,
        "outcome": entry.outcome,
        "at": entry.at,
        "account_id": entry.account_id,
        "email": entry.email,
        "ip_address": client.ip_address,
        "user_agent": client.user_agent,
        "request_id": client.request_id,
        "operator": client.operator,
        "message_id": entry.message_id,
        "note": entry.note,
    }


class Audit(Store):
    """Writes and reads the audit trail."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(
        self,
        event: str,
        outcome: str,
        client: Client,
        at: datetime,
        account_id: str,
        email: str,
        *,
        message_id: int | None = None,
        note: str = "",
    ) -> None:
        """Write an entry in the caller's transaction."""
        entry = AuditEntry(
            event=event,
            outcome=outcome,
            client=client,
            at=at,
            account_id=account_id,
            email=email,
            message_id=message_id,
            note=note,
        )
        self.write_all([entry])

    def write_all(self, entries: Sequence[AuditEntry]) -> None:
        """Write entries in the caller's transaction."""
        if entries:
            self.connection.execute(insert(AuditRow), [_row_of(entry) for entry in entries])

    async def record(
        self, event: str, outcome: str, client: Client, account_id: str, email: str
    ) -> None:
        """Write an entry with the present time, in its own transaction."""
        moment = now()

        def write(connection: Connection) -> None:
            self.within(connection).write(event, outcome, client, moment, account_id, email)

        await self._database.transact(write)

    def has(self, event: str, outcome: str, client: Client, at: datetime, account_id: str) -> bool:
        """Tell whether there is an entry of that client and time, in the caller's transaction."""
        entry = select(AuditRow.id).where(
            AuditRow.event == event,
            AuditRow.outcome == outcome,
            AuditRow.at == at,
            AuditRow.account_id == account_id,
            AuditRow.ip_address == client.ip_address,
            AuditRow.user_agent == client.user_agent,
        )
        return self.connection.execute(entry).first() is not None

    async def read(
        self, *, email: str = "", since: datetime | None = None, most: int = 50
    ) -> Sequence[Row[Any]]:
        """Return entries, the newest first, with the columns of `AuditRow` except its id.

        Each row also has `mail` and `mail_reason`, the state of the mail that answers. They are
        None without a mail, and once the outbox has purged it.
        """
        columns = [column for column in AuditRow.__table__.c if column.name != "id"]
        statement: Select[Any] = (
            select(*columns, shown_state().label("mail"), OutboxRow.reason.label("mail_reason"))
            .outerjoin(OutboxRow, OutboxRow.id == AuditRow.message_id)
            .order_by(AuditRow.id.desc())
            .limit(most)
        )
        if email:
            statement = statement.where(AuditRow.email == email)
        if since:
            statement = statement.where(AuditRow.at >= since)

        def fetch(connection: Connection) -> Sequence[Row[Any]]:
            return connection.execute(statement).all()

        return await self._database.read(fetch)

    async def reports(self, since: datetime) -> Mapping[str, MailReport]:
        """Return the last report that suppressed each mailbox, by its address, the newest first."""
        statement = (
            select(AuditRow.at, AuditRow.email, AuditRow.outcome)
            .where(AuditRow.event == MAIL_REPORT, AuditRow.at >= since)
            .order_by(AuditRow.id.desc())
        )
        newest: dict[str, MailReport] = {}
        for row in await self._database.fetch(statement):
            newest.setdefault(row["email"], MailReport(row["at"], row["outcome"]))
        return newest
