"""The audit trail: who asked, when, from where, and with what outcome (OWASP
ASVS 16.2.1, 16.3.1).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Integer, Row, Select, String, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.database import Database, Model, Store
from keyturn.service.outbox.history import shown_state
from keyturn.service.outbox.models import OutboxRow

NOT_ME: Final = "account_secured"
"""The event by which a mailbox's owner reports that an earlier event was not theirs: an operator
should look.
"""

ADDRESS_CHANGED: Final = "address_changed"
"""The outcome of that event if the account has moved to another address since: an operator has to
decide.
"""


class AuditRow(Model):
    """An entry of the audit trail: a request, its outcome, and the outbox row of the mail that
    answers.

    `operator`: the user who ran the command, "" over HTTP, and wrote the `note`, as how an identity
    was checked.
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


def entry_of(client: Client, **fields: Any) -> Mapping[str, Any]:
    """Return the values of an entry about a request of that client."""
    whence = {
        name: getattr(client, name)
        for name in ("ip_address", "user_agent", "request_id", "operator")
    }
    return whence | fields


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
        **more: Any,
    ) -> None:
        """Write an entry in the caller's transaction. `more`: its `message_id` and its `note`."""
        known = {
            "event": event,
            "outcome": outcome,
            "at": at,
            "account_id": account_id,
            "email": email,
        }
        self.write_all([entry_of(client, **known, **more)])

    def write_all(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Write entries (`entry_of`) in the caller's transaction."""
        if entries:
            self.connection.execute(insert(AuditRow), entries)

    async def record(
        self, event: str, outcome: str, client: Client, account_id: str, email: str
    ) -> None:
        """Write an entry of now in its own transaction."""
        entry = event, outcome, client, now(), account_id, email
        await self._database.transact(lambda connection: self.within(connection).write(*entry))

    def has(self, event: str, outcome: str, client: Client, at: datetime, account_id: str) -> bool:
        """Tell, in the caller's transaction, whether there is an entry of that moment about that
        client.
        """
        known = {"event": event, "outcome": outcome, "at": at, "account_id": account_id}
        known |= {"ip_address": client.ip_address, "user_agent": client.user_agent}
        return self.connection.execute(select(AuditRow.id).filter_by(**known)).first() is not None

    async def read(
        self, *, email: str = "", since: datetime | None = None, most: int = 50
    ) -> Sequence[Row[Any]]:
        """Return the newest entries first, with the columns of `AuditRow` except its id.

        `mail` and `mail_reason`: the state of the mail that answers; None without one, or if the
        outbox has it no more.
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
        return await self._database.read(lambda connection: connection.execute(statement).all())
