"""One change of a password at a time for each account whose store is in another system."""

import os

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn.database import Moment
from keyturn.database.inserts import insert_into
from keyturn.reset.records.models import AccountLockRow


async def acquire_account_lock(session: AsyncSession, account_id: str, moment: Moment, until: Moment) -> str | None:
    """Return the name of a lock that holds this account until then; None where somebody else has it.

    A lock that nobody released, since its process died, is over at its time. One statement: of any number who try at
    once, one is told a name.
    """
    claim = os.urandom(16).hex()
    fresh = insert_into(AccountLockRow, session.get_bind().dialect).values(
        account_id=account_id, claim=claim, until=until
    )
    statement = fresh.on_conflict_do_update(
        index_elements=[AccountLockRow.account_id],
        set_={"claim": claim, "until": until},
        where=AccountLockRow.until <= moment,
    ).returning(AccountLockRow.claim)
    return claim if (await session.execute(statement)).first() is not None else None


async def release_account_lock(session: AsyncSession, claim: str) -> None:
    """Release the lock; where it was over, and is somebody else's by now, that one stays."""
    await session.execute(delete(AccountLockRow).where(AccountLockRow.claim == claim))
