"""Locks on accounts whose password is being changed in another system, which may take a while."""

from datetime import datetime

from sqlalchemy import Connection, String, delete
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.service.clock import random_bytes
from keyturn.service.database import Model, Moment
from keyturn.service.database.statements import insert_into


class AccountLockRow(Model):
    """A running change of a password in another system: no other of the same account begins before `until`."""

    __tablename__ = "keyturn_turns"

    account_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    claim: Mapped[str] = mapped_column(String(32), unique=True)
    until: Mapped[datetime]


def acquire_account_lock(connection: Connection, account_id: str, moment: Moment, until: Moment) -> str | None:
    """Return the name of a lock that holds this account until then; None if another change holds it.

    A lock whose process died ends at its time. One statement decides: of concurrent callers exactly one gets a name.
    """
    claim = random_bytes(16).hex()
    fresh = insert_into(AccountLockRow, connection.dialect).values(account_id=account_id, claim=claim, until=until)
    statement = fresh.on_conflict_do_update(
        index_elements=[AccountLockRow.account_id],
        set_={"claim": claim, "until": until},
        where=AccountLockRow.until <= moment,
    ).returning(AccountLockRow.claim)
    return claim if connection.execute(statement).first() is not None else None


def release_account_lock(connection: Connection, claim: str) -> None:
    """Release the lock. If it had ended and another change holds the account by now, that lock stays."""
    connection.execute(delete(AccountLockRow).where(AccountLockRow.claim == claim))
