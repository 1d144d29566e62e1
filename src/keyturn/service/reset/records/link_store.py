"""The store of reset links. Guarded statements decide, never a read before a write."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from keyturn.service.accounts.port import Account
from keyturn.service.database import Database, Store
from keyturn.service.database.statements import ManyRows, lookup
from keyturn.service.problems.proofs import DeadReason
from keyturn.service.reset.records.guarded import MOMENT, SingleUse
from keyturn.service.reset.records.models import ResetTokenRow


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A link as the database knows it.

    `recovers`: sent after its mailbox reported a change; it opens a locked account, too.
    `by_operator`: an operator asked for it, for an account with a password, or its owner has reported a change and has
    set no password since. `reason`: why, in the operator's words.
    `return_to`: the address to which its request asked to return after the reset, or "".
    """

    id: int
    account_id: str
    email: str
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None
    recovers: bool
    by_operator: bool
    reason: str
    return_to: str

    def owner(self, account: Account) -> Account:
        """Return the account as the link changes it: as an intruded one, if its owner or an operator suspects that."""
        return msgspec.structs.replace(account, intruded=self.recovers or self.by_operator)

    @property
    def was_replaced(self) -> bool:
        """Whether its holder requested another one after it had expired. Links are otherwise revoked before that."""
        return self.revoked_at is not None and self.revoked_at >= self.expires_at

    def dead_reason(self, moment: datetime) -> DeadReason | None:
        """Return why the link no longer works; None while it works. A link that was revoked is invalid."""
        if self.used_at is not None:
            return "used"
        if self.revoked_at is not None and not self.was_replaced:
            return "invalid"
        return "expired" if self.expires_at <= moment else None


class NewLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link before it is stored: its token's digest, the account, the address, the requesting client, and its end.

    The others are as in `Link`.
    """

    digest: bytes
    account_id: str
    email: str
    ip_address: str
    user_agent: str
    expires_at: datetime
    recovers: bool = False
    by_operator: bool = False
    reason: str = ""
    return_to: str = ""


_ADDED = [*NewLink.__struct_fields__, "created_at"]
_COLUMNS: dict[str, Any] = {
    **{name: ResetTokenRow.__table__.c[name] for name in _ADDED},
    "wanted": sa.Column("wanted", sa.Boolean()),
}
LINKS: sa.Select[Any] = sa.select(
    ResetTokenRow.digest, *(getattr(ResetTokenRow, name) for name in Link.__struct_fields__)
)
"""The statement that selects all links, for `link_of`."""


class LinkStore(Store):
    """Adds, finds, consumes and revokes links.

    `lifetime`: how long a link that a user requested works.

    A new link ends no other, however many work: anyone can request one, and OWASP's Forgot Password Cheat Sheet asks
    that requests lock no user out. `Mailboxes` limits them, since each leaves in a mail.
    """

    def __init__(self, database: Database, *, lifetime: timedelta) -> None:
        self._database = database
        self.lifetime = lifetime
        self._finds = lookup(database, LINKS, ResetTokenRow.digest, link_of)
        self._rows = ManyRows(database, _COLUMNS)
        columns = self._rows.table.c
        wanted = sa.select(*(columns[name] for name in _ADDED)).where(columns.wanted)
        self._added = sa.insert(ResetTokenRow).from_select(_ADDED, wanted)

    async def find(self, digest: bytes) -> Link | None:
        return await self._finds.submit(digest)

    def find_within(self, digest: bytes) -> Link | None:
        """Do what `find` does, inside the caller's transaction."""
        row = self.connection.execute(LINKS.where(ResetTokenRow.digest == digest)).mappings().first()
        return link_of(row) if row else None

    def add(self, links: Sequence[tuple[NewLink, bool]], moment: datetime) -> None:
        """Store the wanted links, of at least one. The statement is the same if none is wanted."""
        rows = [msgspec.structs.asdict(link) | {"created_at": moment, "wanted": wanted} for link, wanted in links]
        self.connection.execute(self._added, self._rows.parameter(rows))

    def has_newer(self, link: Link) -> bool:
        """Return whether the account got another link after this one."""
        newer = sa.select(ResetTokenRow.id).where(
            ResetTokenRow.account_id == link.account_id, ResetTokenRow.id > link.id
        )
        return self.connection.execute(newer.limit(1)).first() is not None

    def consume(self, digest: bytes, moment: datetime) -> bool:
        """Use the link, if it still works: of concurrent callers exactly one gets True."""
        return _USES.use(self.connection, moment, of_digest=digest) is not None

    def give_back(self, digest: bytes, used_at: datetime) -> None:
        """Let a link work again whose use at that moment was undone."""
        _USES.give_back(self.connection, used_at, of_digest=digest)

    def count_try(self, link_id: int, most: int, moment: datetime) -> int | None:
        """Count a code that is tried with a working link; return the number of tries, or None if that is one too many.

        One guarded statement: of concurrent callers at most `most` get a number.
        """
        statement = (
            sa.update(ResetTokenRow)
            .where(ResetTokenRow.id == link_id, ResetTokenRow.second_step_tries < most, *_works(moment))
            .values(second_step_tries=ResetTokenRow.second_step_tries + 1)
            .returning(ResetTokenRow.second_step_tries)
        )
        counted: int | None = self.connection.execute(statement).scalar_one_or_none()
        return counted

    def give_try_back(self, link_id: int) -> None:
        """Undo one `count_try`."""
        counted = sa.update(ResetTokenRow).where(ResetTokenRow.id == link_id, ResetTokenRow.second_step_tries > 0)
        self.connection.execute(counted.values(second_step_tries=ResetTokenRow.second_step_tries - 1))

    def revoke(self, link_id: int, moment: datetime) -> bool:
        """End a working link: of concurrent callers exactly one gets True."""
        return _REVOCATIONS.use(self.connection, moment, of_id=link_id) is not None

    def replace(self, link_id: int, moment: datetime) -> bool:
        """Mark an expired link as replaced: of concurrent callers exactly one gets True, and no later one."""
        return _REPLACEMENTS.use(self.connection, moment, of_id=link_id) is not None

    def revoke_all(
        self, account_id: str, moment: datetime, *, mailbox: str | None = None, spares_recovery: bool = False
    ) -> None:
        """End every working link of the account, and each that another system may give back. The caller holds it.

        `mailbox`: end only links sent to that address. `spares_recovery`: leave recovery links alone.
        """
        # Used ones, too: if another system refuses the password, the link is given back.
        unrevoked = ResetTokenRow.revoked_at.is_(None), ResetTokenRow.expires_at > moment
        links = sa.update(ResetTokenRow).where(ResetTokenRow.account_id == account_id, *unrevoked)
        if mailbox is not None:
            links = links.where(sa.func.lower(ResetTokenRow.email) == sa.func.lower(mailbox))
        if spares_recovery:
            links = links.where(ResetTokenRow.recovers.is_(False))
        self.connection.execute(links.values(revoked_at=moment))


def link_of(row: sa.RowMapping) -> Link:
    return Link(**{name: row[name] for name in Link.__struct_fields__})


def _works(moment: datetime | sa.BindParameter[datetime]) -> tuple[sa.ColumnElement[bool], ...]:
    return ResetTokenRow.used_at.is_(None), ResetTokenRow.revoked_at.is_(None), ResetTokenRow.expires_at > moment


_USES = SingleUse(
    ResetTokenRow.used_at,
    ResetTokenRow.digest == sa.bindparam("of_digest"),
    ResetTokenRow.revoked_at.is_(None),
    ResetTokenRow.expires_at > MOMENT,
)
_REVOCATIONS = SingleUse(
    ResetTokenRow.revoked_at,
    ResetTokenRow.id == sa.bindparam("of_id"),
    ResetTokenRow.used_at.is_(None),
    ResetTokenRow.expires_at > MOMENT,
)
_REPLACEMENTS = SingleUse(
    ResetTokenRow.revoked_at,
    ResetTokenRow.id == sa.bindparam("of_id"),
    ResetTokenRow.used_at.is_(None),
    ResetTokenRow.expires_at <= MOMENT,
)
