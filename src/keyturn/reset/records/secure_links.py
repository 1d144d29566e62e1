"""The links by which people say that a change of their password was not theirs.

**The earliest change counts.** Who took an account over and gave it another address gets such links, too, with each
further change. So a link that is used ends those of later changes and none of earlier ones: the address that the
account had before all of it cannot be shut out.

**A link that was used says who may open a locked account**: the mailbox that it went to, while the account is at it.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn import addresses
from keyturn.accounts.port import Account
from keyturn.database import Database
from keyturn.reset.records.models import SecureLinkRow


class SecureLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link: whose it is, where it went, and the change that it is about."""

    account_id: str
    email: str
    changed_at: datetime


class NewSecureLink(SecureLink, frozen=True, kw_only=True):
    """A link before it is stored."""

    digest: bytes
    expires_at: datetime


_LINK = tuple(getattr(SecureLinkRow, name) for name in SecureLink.__struct_fields__)


class SecureLinkStore:
    """Adds, finds and consumes links, each of which works for `lifetime`."""

    def __init__(self, database: Database, *, lifetime: timedelta) -> None:
        self._database = database
        self.lifetime = lifetime
        used = select(SecureLinkRow.account_id, SecureLinkRow.email).where(
            database.is_one_of(SecureLinkRow.account_id, "account_ids"), SecureLinkRow.used_at.is_not(None)
        )
        # The last use counts. Those that ended with it have its moment, and are of later changes.
        self._used = used.order_by(SecureLinkRow.used_at, SecureLinkRow.changed_at.desc())

    async def add(self, session: AsyncSession, link: NewSecureLink) -> None:
        await session.execute(insert(SecureLinkRow).values(**msgspec.structs.asdict(link)))

    async def find(self, digest: bytes, moment: datetime) -> SecureLink | None:
        """Return a link that works; None for one that does not, for whatever reason."""
        rows = await self._database.fetch(select(*_LINK).where(*_works(digest, moment)))
        return SecureLink(**rows[0]) if rows else None

    async def consume(self, session: AsyncSession, digest: bytes, moment: datetime) -> SecureLink | None:
        """Use the link, if it still works: of any number who try at once, exactly one is given it.

        Those of the account's later changes end with it.
        """
        used = update(SecureLinkRow).where(*_works(digest, moment)).values(used_at=moment).returning(*_LINK)
        row: Sequence[object] | None = (await session.execute(used)).first()
        if row is None:
            return None
        link = SecureLink(**dict(zip(SecureLink.__struct_fields__, row, strict=True)))  # type: ignore[arg-type]
        later = (SecureLinkRow.account_id == link.account_id) & (SecureLinkRow.changed_at >= link.changed_at)
        await session.execute(
            update(SecureLinkRow).where(later, SecureLinkRow.used_at.is_(None)).values(used_at=moment)
        )
        return link

    async def recoverable(self, accounts: Collection[Account]) -> Collection[str]:
        """Return the ids of those that are locked and still have the address of who secured them.

        One statement, the same for whichever accounts.
        """
        rows = await self._database.fetch(self._used, {"account_ids": list({account.id for account in accounts})})
        secured = {row["account_id"]: row["email"] for row in rows}
        return {
            account.id
            for account in accounts
            if account.locked and addresses.is_same_mailbox(secured.get(account.id, ""), account.email)
        }


def _works(digest: bytes, moment: datetime) -> tuple[ColumnElement[bool], ...]:
    return SecureLinkRow.digest == digest, SecureLinkRow.used_at.is_(None), SecureLinkRow.expires_at > moment
