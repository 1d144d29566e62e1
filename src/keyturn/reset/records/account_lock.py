"""One change of a password at a time for each account whose store is in another system."""

import os

from sqlalchemy import Connection, delete

from keyturn.database import Moment
from keyturn.database.inserts import insert_into
from keyturn.reset.records.models import AccountLockRow


def acquire_account_lock(connection: Connection, account_id: str, moment: Moment, until: Moment) -> str | None:
    """Return the name of a lock that holds this account until then; None where somebody else has it.

    A lock that nobody released, since its process died, is over at its time. One statement: of any number who try at
    once, one is told a name.
    """
    claim = os.urandom(16).hex()
    fresh = insert_into(AccountLockRow, connection.dialect).values(account_id=account_id, claim=claim, until=until)
    statement = fresh.on_conflict_do_update(
        index_elements=[AccountLockRow.account_id],
        set_={"claim": claim, "until": until},
        where=AccountLockRow.until <= moment,
    ).returning(AccountLockRow.claim)
    return claim if connection.execute(statement).first() is not None else None


def release_account_lock(connection: Connection, claim: str) -> None:
    """Release the lock; where it was over, and is somebody else's by now, that one stays."""
    connection.execute(delete(AccountLockRow).where(AccountLockRow.claim == claim))
