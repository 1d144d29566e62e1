"""When a mailbox was last written to, and until when it is left alone. Kept under a digest of its address."""

import math
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from keyturn import addresses
from keyturn.database import Database
from keyturn.database.conditional_insert import insert_if
from keyturn.reset.records.models import MailboxRow


class Mailboxes:
    """Decides whether a mailbox may be written to.

    `cooldown` is the least time between two reset mails, `suppression` how long nothing is sent to a mailbox that
    bounced for good or complained.
    """

    def __init__(self, database: Database, *, cooldown: timedelta, suppression: timedelta) -> None:
        self._database = database
        self.cooldown = cooldown
        self._suppression = suppression

    async def claim(self, session: AsyncSession, email: str, moment: datetime, *, wanted: bool = True) -> bool:
        """Note that the mailbox is written to now, unless it is cooling down or suppressed; tell whether it was noted.

        One statement, so that two workers with two requests for one mailbox cannot both be told True. It is the same
        where the mailbox is not `wanted`, and then notes nothing.
        """
        fresh = insert_if(session, MailboxRow, {"digest": _digest(email), "mailed_at": moment}, wanted=wanted)
        statement = fresh.on_conflict_do_update(
            index_elements=[MailboxRow.digest],
            set_={"mailed_at": moment},
            where=(MailboxRow.mailed_at <= moment - self.cooldown) & ~_is_suppressed(moment),
        ).returning(MailboxRow.mailed_at)
        return (await session.execute(statement)).first() is not None

    async def cooldown_left(self, email: str, moment: datetime) -> timedelta:
        """Return for how long the mailbox cannot be claimed yet, in whole seconds.

        For its owner alone: to anybody else it would tell that there is an account (OWASP ASVS 6.3.8).
        """
        statement = select(MailboxRow.mailed_at).where(MailboxRow.digest == _digest(email))
        async with self._database.connection() as connection:
            mailed_at = (await connection.execute(statement)).scalar_one_or_none()
        left = (mailed_at + self.cooldown - moment).total_seconds() if mailed_at else 0
        return timedelta(seconds=max(math.ceil(left), 0))

    async def is_suppressed(self, session: AsyncSession | AsyncConnection, email: str, moment: datetime) -> bool:
        """Tell whether the mailbox gets no mail, because of what was reported of an earlier one."""
        statement = select(MailboxRow.digest).where(MailboxRow.digest == _digest(email), _is_suppressed(moment))
        return (await session.execute(statement)).first() is not None

    async def suppress(self, session: AsyncSession, email: str, moment: datetime, reason: str) -> None:
        """Leave the mailbox alone for as long as the settings say."""
        values = {"suppressed_until": moment + self._suppression, "reason": reason}
        fresh = insert_if(session, MailboxRow, {"digest": _digest(email), "mailed_at": moment, **values})
        await session.execute(fresh.on_conflict_do_update(index_elements=[MailboxRow.digest], set_=values))

    def is_forgettable(self, moment: datetime) -> ColumnElement[bool]:
        """Return the condition of rows that hold nobody up any more."""
        return (MailboxRow.mailed_at < moment - self.cooldown) & ~_is_suppressed(moment)


def _digest(email: str) -> bytes:
    """Return the key of a mailbox: the same where an app's table holds the address as somebody typed it."""
    return sha256(addresses.normalize(email).encode()).digest()


def _is_suppressed(moment: datetime) -> ColumnElement[bool]:
    return MailboxRow.suppressed_until.is_not(None) & (MailboxRow.suppressed_until > moment)
