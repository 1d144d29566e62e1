"""The links in the database. What decides is always one guarded statement, never a read before a write."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from keyturn import addresses
from keyturn.database import Database, Model
from keyturn.database.batching import Batcher
from keyturn.errors import DatabaseUnready, DeadReason
from keyturn.reset.records.client import Client
from keyturn.reset.records.models import MailboxRow, ResetTokenRow


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A link as the database knows it."""

    id: int
    account_id: str
    email: str
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None

    def dead(self, moment: datetime) -> DeadReason | None:
        """Return why the link no longer works; None while it does. A link that another one replaced is invalid."""
        if self.used_at is not None:
            return "used"
        if self.revoked_at is not None:
            return "invalid"
        return "expired" if self.expires_at <= moment else None


_LINK = tuple(getattr(ResetTokenRow, name) for name in Link.__struct_fields__)


class LinkStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._finds: Batcher[bytes, Link | None] = Batcher(self._find_all, common=DatabaseUnready)

    async def find(self, digest: bytes) -> Link | None:
        return await self._finds.submit(digest)

    async def _find_all(self, digests: Sequence[bytes]) -> Sequence[Link | None]:
        statement = select(ResetTokenRow.digest, *_LINK).where(ResetTokenRow.digest.in_(set(digests)))
        async with self._database.reading() as connection:
            rows = (await connection.execute(statement)).all()
        found = {
            bytes(digest): Link(**dict(zip(Link.__struct_fields__, values, strict=True))) for digest, *values in rows
        }
        return [found.get(digest) for digest in digests]

    async def add(
        self, session: AsyncSession, digest: bytes, account_id: str, email: str, client: Client, *,
        moment: datetime, ttl: timedelta, live: int,
    ) -> None:  # fmt: skip
        """Store a new link, and revoke the oldest of the account's so that at most `live` of them work."""
        await session.execute(
            insert(ResetTokenRow).values(
                digest=digest, account_id=account_id, email=email, ip_address=client.ip_address,
                user_agent=client.user_agent, created_at=moment, expires_at=moment + ttl,
            )
        )  # fmt: skip
        newest = _live(account_id, moment).order_by(ResetTokenRow.id.desc()).limit(live)
        await session.execute(
            update(ResetTokenRow)
            .where(ResetTokenRow.id.in_(_live(account_id, moment)), ResetTokenRow.id.not_in(newest))
            .values(revoked_at=moment)
        )

    async def consume(self, session: AsyncSession, digest: bytes, moment: datetime) -> bool:
        """Use the link, if it still works: of any number who try at once, exactly one is told True."""
        statement = (
            update(ResetTokenRow)
            .where(
                ResetTokenRow.digest == digest, ResetTokenRow.used_at.is_(None),
                ResetTokenRow.revoked_at.is_(None), ResetTokenRow.expires_at > moment,
            )
            .values(used_at=moment)
            .returning(ResetTokenRow.id)
        )  # fmt: skip
        return (await session.execute(statement)).first() is not None

    async def give_back(self, session: AsyncSession, digest: bytes, used_at: datetime) -> None:
        """Let the link work again that was used at that moment and not for good."""
        statement = update(ResetTokenRow).where(ResetTokenRow.digest == digest, ResetTokenRow.used_at == used_at)
        await session.execute(statement.values(used_at=None))

    async def revoke_all(self, session: AsyncSession, account_id: str, moment: datetime) -> None:
        """End every link of the account that still works."""
        statement = update(ResetTokenRow).where(ResetTokenRow.id.in_(_live(account_id, moment)))
        await session.execute(statement.values(revoked_at=moment))

    async def claim_mailbox(self, session: AsyncSession, email: str, moment: datetime, cooldown: timedelta) -> bool:
        """Note that the mailbox is written to now, unless it was less than `cooldown` ago or it is suppressed.

        Tell whether it was noted. One statement, so that two workers with two requests for one mailbox cannot both be
        told True.
        """
        fresh = self._upsert(MailboxRow).values(digest=_mailbox(email), mailed_at=moment)
        statement = fresh.on_conflict_do_update(
            index_elements=[MailboxRow.digest],
            set_={"mailed_at": moment},
            where=(MailboxRow.mailed_at <= moment - cooldown) & ~_suppressed(moment),
        ).returning(MailboxRow.mailed_at)
        return (await session.execute(statement)).first() is not None

    async def cooldown_left(self, email: str, moment: datetime, cooldown: timedelta) -> timedelta:
        """Return for how long the mailbox cannot be claimed yet, as it was written to less than `cooldown` ago."""
        statement = select(MailboxRow.mailed_at).where(MailboxRow.digest == _mailbox(email))
        async with self._database.reading() as connection:
            mailed_at = (await connection.execute(statement)).scalar_one_or_none()
        return max(mailed_at + cooldown - moment, timedelta(0)) if mailed_at else timedelta(0)

    async def is_suppressed(self, session: AsyncSession | AsyncConnection, email: str, moment: datetime) -> bool:
        """Tell whether the mailbox gets no mail, because of what was reported of an earlier one."""
        statement = select(MailboxRow.digest).where(MailboxRow.digest == _mailbox(email), _suppressed(moment))
        return (await session.execute(statement)).first() is not None

    async def suppress(self, session: AsyncSession, email: str, moment: datetime, until: datetime, reason: str) -> None:
        """Leave the mailbox alone until then."""
        suppression = {"suppressed_until": until, "reason": reason}
        fresh = self._upsert(MailboxRow).values(digest=_mailbox(email), mailed_at=moment, **suppression)
        await session.execute(fresh.on_conflict_do_update(index_elements=[MailboxRow.digest], set_=suppression))

    def _upsert(self, model: type[Model]) -> Any:
        return sqlite.insert(model) if self._database.is_sqlite else postgresql.insert(model)


def _mailbox(email: str) -> bytes:
    """Return the key of a mailbox: the same where an app's table holds the address as somebody typed it."""
    return sha256(addresses.plain(email).encode()).digest()


def _suppressed(moment: datetime) -> ColumnElement[bool]:
    return MailboxRow.suppressed_until.is_not(None) & (MailboxRow.suppressed_until > moment)


def _live(account_id: str, moment: datetime) -> Select[Any]:
    return select(ResetTokenRow.id).where(
        ResetTokenRow.account_id == account_id, ResetTokenRow.used_at.is_(None),
        ResetTokenRow.revoked_at.is_(None), ResetTokenRow.expires_at > moment,
    )  # fmt: skip
