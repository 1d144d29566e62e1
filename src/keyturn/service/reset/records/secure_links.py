"""The store of links by which users report that a change of their password was not theirs.

**A link speaks for its mailbox.** Using one ends the links of later changes that went to the same mailbox, and none
that went elsewhere. An attacker who moves an account, and an owner who leaves a mailbox that others read, therefore
cannot end each other's links. `docs/security.md` lists an account's states and which mailbox may change them.

**A used link decides who may open a locked account**: the mailbox that it went to, while the account has that address.
It is therefore kept for as long as the account is locked (`records/retention.py`).

**It also shows that an intrusion is suspected**, until a link that ends what only an intrusion ends has set a password.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from sqlalchemy import ColumnElement, Update, bindparam, delete, exists, func, insert, select, update

from keyturn.service import addresses
from keyturn.service.accounts.port import Account
from keyturn.service.database import Database, Store
from keyturn.service.reset.records.guarded import MOMENT, SingleUse
from keyturn.service.reset.records.models import ResetTokenRow, SecureLinkRow


class SecureLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link: its account, the address that got it, and the change that it is about."""

    account_id: str
    email: str
    changed_at: datetime


class NewSecureLink(SecureLink, frozen=True, kw_only=True):
    """A link before it is stored."""

    digest: bytes
    expires_at: datetime


_LINK = tuple(getattr(SecureLinkRow, name) for name in SecureLink.__struct_fields__)


_USES = SingleUse(
    SecureLinkRow.used_at,
    SecureLinkRow.digest == bindparam("of_digest"),
    SecureLinkRow.expires_at > MOMENT,
    returned=_LINK,
)


_SETTLED = (
    exists()
    .where(
        ResetTokenRow.account_id == SecureLinkRow.account_id,
        ResetTokenRow.used_at > SecureLinkRow.used_at,
        ResetTokenRow.recovers | ResetTokenRow.by_operator,
    )
    .label("settled")
)
"""Whether a link that ends what only an intrusion ends has set a password since."""


BUTTON_LIFE = timedelta(hours=24)
"""How long "This was not me" works, and the link that it leads to."""

KEPT_FOR = timedelta(days=7)
"""How long links stay after they have expired, and how long after its use one shows an intrusion."""


class SecureLinkStore(Store):
    """Adds, finds and consumes links, each of which works for `lifetime`.

    `suspected`: how long after a use an intrusion is suspected, at most. Used reset links are kept for as long.
    """

    def __init__(self, database: Database, *, lifetime: timedelta, suspected: timedelta) -> None:
        self._database = database
        self.lifetime = lifetime
        self._suspected = suspected
        self._used = select(SecureLinkRow.account_id, SecureLinkRow.email, SecureLinkRow.used_at, _SETTLED).where(
            database.is_one_of(SecureLinkRow.account_id, "account_ids"), SecureLinkRow.used_at.is_not(None)
        )

    def add(self, link: NewSecureLink) -> None:
        self.connection.execute(insert(SecureLinkRow).values(**msgspec.structs.asdict(link)))

    async def find(self, digest: bytes, moment: datetime) -> SecureLink | None:
        """Return a working link; None for any other."""
        rows = await self._database.fetch(select(*_LINK).where(*_works(digest, moment)))
        return SecureLink(**rows[0]) if rows else None

    def consume(self, digest: bytes, moment: datetime) -> SecureLink | None:
        """Use the link, if it still works: of concurrent callers exactly one gets it.

        Links of the account's later changes that went to the same mailbox end with it. The caller holds the account.
        """
        row = _USES.use(self.connection, moment, of_digest=digest)
        if row is None:
            return None
        link = SecureLink(**row)
        later = (SecureLinkRow.changed_at >= link.changed_at) & _went_to(link.email)
        self.connection.execute(_ended(link.account_id, moment).where(later))
        return link

    def end_elsewhere(self, account_id: str, email: str, moment: datetime) -> None:
        """End the account's links that went to any other mailbox. The caller holds the account."""
        self.connection.execute(_ended(account_id, moment).where(~_went_to(email)))

    async def find_dead(self, digest: bytes) -> tuple[SecureLink, Literal["link_used", "link_expired"]] | None:
        """Return a link of ours that no longer works, and why; None for a token that was never in a mail."""
        rows = await self._database.fetch(select(SecureLinkRow.used_at, *_LINK).where(SecureLinkRow.digest == digest))
        if not rows:
            return None
        link = SecureLink(**{name: rows[0][name] for name in SecureLink.__struct_fields__})
        return link, "link_used" if rows[0]["used_at"] else "link_expired"

    async def secured(self, accounts: Collection[Account], moment: datetime) -> Mapping[str, bool]:
        """Return the ids of accounts whose address is a mailbox that secured them, and if an intrusion is suspected.

        One statement, the same for all accounts.
        """
        rows = await self._database.fetch(self._used, {"account_ids": list({account.id for account in accounts})})
        mailboxes = {account.id: addresses.normalize(account.email) for account in accounts}
        secured: dict[str, bool] = {}
        for row in rows:
            if addresses.normalize(row["email"]) == mailboxes[row["account_id"]]:
                is_suspected = not row["settled"] and row["used_at"] > moment - self._suspected
                secured[row["account_id"]] = is_suspected or secured.get(row["account_id"], False)
        return secured

    async def used_before(self, moment: datetime, after: str, most: int) -> Sequence[str]:
        """Return accounts that used a link which expired before the moment: ids after `after`, in their order."""
        used = select(SecureLinkRow.account_id).distinct().where(_used_before(moment), SecureLinkRow.account_id > after)
        rows = await self._database.fetch(used.order_by(SecureLinkRow.account_id).limit(most))
        return [row["account_id"] for row in rows]

    async def forget_used(self, account_ids: Collection[str], moment: datetime) -> int:
        """Delete those accounts' used links that expired before the moment; return their number."""
        gone = delete(SecureLinkRow).where(SecureLinkRow.account_id.in_(account_ids), _used_before(moment))
        return len(await self._database.execute(gone.returning(SecureLinkRow.digest)))


def _used_before(moment: datetime) -> ColumnElement[bool]:
    return SecureLinkRow.used_at.is_not(None) & (SecureLinkRow.expires_at < moment)


def _went_to(email: str) -> ColumnElement[bool]:
    return func.lower(SecureLinkRow.email) == func.lower(email)


def _ended(account_id: str, moment: datetime) -> Update:
    """Return the statement that ends working links of the account: they expire, and count as used by no mailbox."""
    working = (SecureLinkRow.used_at.is_(None)) & (SecureLinkRow.expires_at > moment)
    return update(SecureLinkRow).where(SecureLinkRow.account_id == account_id, working).values(expires_at=moment)


def _works(digest: bytes, moment: datetime) -> tuple[ColumnElement[bool], ...]:
    return SecureLinkRow.digest == digest, SecureLinkRow.used_at.is_(None), SecureLinkRow.expires_at > moment
