"""The right to create one passkey, which a client gets that has set a password with a link.

It opens no session, and ends with the next change of the password, with "this was not me", and after ten minutes.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, LargeBinary, String, delete, insert
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.database import Model

if TYPE_CHECKING:
    from keyturn.reset.records.stores import Transaction

LIFE = timedelta(minutes=10)


class PasskeyRightRow(Model):
    """A right, under the SHA-256 of its token. `account_id`: whose passkey it may create."""

    __tablename__ = "keyturn_passkey_rights"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(255), index=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


def grant(connection: Connection, digest: bytes, account_id: str, moment: datetime) -> None:
    row = {"digest": digest, "account_id": account_id, "expires_at": moment + LIFE}
    connection.execute(insert(PasskeyRightRow).values(**row))


def owner_of(connection: Connection, digest: bytes, moment: datetime) -> str | None:
    """Return the account of a right that works; None without one."""
    row = PasskeyRightRow
    found = connection.execute(row.__table__.select().where(row.digest == digest, row.expires_at > moment)).first()
    return str(found.account_id) if found else None


def spend(connection: Connection, digest: bytes, moment: datetime) -> bool:
    """Use the right up; of concurrent callers exactly one gets True."""
    row = PasskeyRightRow
    spent = delete(row).where(row.digest == digest, row.expires_at > moment).returning(row.digest)
    return connection.execute(spent).first() is not None


def end_access(tx: "Transaction", account_id: str, moment: datetime, *, mailbox: str | None = None) -> None:
    """End the account's rights, as a change of the password and "this was not me" do (`EndsAccess`)."""
    del moment, mailbox
    tx.connection.execute(delete(PasskeyRightRow).where(PasskeyRightRow.account_id == account_id))
