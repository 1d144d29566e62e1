"""The store of the help desk's cases: why a code is read out to a caller, and the code's digest.

A case has the row of its account's mailbox, apart from the row of mailed codes. A try at a code writes a row for every
address, so the work is the same for an address without a case; such rows are purged within hours.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.database import Database, Model, Store
from keyturn.database.statements import insert_if, insert_into
from keyturn.reset.records.codes import FAILURES, LIFE, TriedCode, mailbox_digest
from keyturn.reset.records.guarded import DAY

TRIES = FAILURES
"""Tries at one code, of all clients together (NIST SP 800-63B-4 3.2.2). `limits.help_code` is that of a client."""

_NONE = b"\0" * 32
_KEPT = timedelta(hours=1)
"""Longer than a code works."""


class HelpCaseRow(Model):
    """The case of a mailbox, under the SHA-256 of its address; a row without `account_id` only counts tries.

    `operator`: opened the case. `approved_by`: the second operator. `note`: who called, and how that was checked.
    `ready_at`: when a code may be issued. `stop_digest`: digest of the token that stops the case. `stopped_at`: when.
    `code`, `expires_at`: the digest of the last code, and when it stops working. `tries`: tries at it.
    """

    __tablename__ = "keyturn_help_cases"

    mailbox: Mapped[bytes] = mapped_column(sa.LargeBinary(32), primary_key=True)
    account_id: Mapped[str] = mapped_column(sa.String(255))
    email: Mapped[str] = mapped_column(sa.String(254))
    operator: Mapped[str] = mapped_column(sa.String(64))
    approved_by: Mapped[str] = mapped_column(sa.String(64))
    note: Mapped[str] = mapped_column(sa.String(1000))
    ready_at: Mapped[datetime]
    stop_digest: Mapped[bytes | None] = mapped_column(sa.LargeBinary(32), index=True)
    stopped_at: Mapped[datetime | None]
    code: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    expires_at: Mapped[datetime]
    tries: Mapped[int]
    touched_at: Mapped[datetime] = mapped_column(index=True)


class HelpCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case as the help desk sees it; the fields are those of the row."""

    account_id: str
    email: str
    operator: str
    approved_by: str
    note: str
    ready_at: datetime
    stopped_at: datetime | None


_CASE = tuple(getattr(HelpCaseRow, name) for name in HelpCase.__struct_fields__)
_NAMES = tuple(column.name for column in HelpCaseRow.__table__.columns)


class HelpCases(Store):
    """Opens cases, and keeps, counts and uses up their codes. The caller of a plain method holds the account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, account_id: str, email: str, moment: datetime) -> HelpCase | None:
        """Return the account's open case: a case is over a day after a code might first be issued."""
        mine = (
            (HelpCaseRow.mailbox == mailbox_digest(email)) & (HelpCaseRow.account_id == account_id) & _is_open(moment)
        )
        row = self.connection.execute(sa.select(*_CASE).where(mine)).mappings().first()
        return HelpCase(**row) if row else None

    def open(self, case: HelpCase, stop_digest: bytes, moment: datetime) -> None:
        """Store a case, in place of the mailbox's earlier one."""
        row = _empty(moment) | msgspec.structs.asdict(case) | {"stop_digest": stop_digest}
        fresh = insert_into(HelpCaseRow, self.connection.dialect).values(mailbox=mailbox_digest(case.email), **row)
        self.connection.execute(fresh.on_conflict_do_update(index_elements=[HelpCaseRow.mailbox], set_=row))

    def approve(self, case: HelpCase, operator: str) -> None:
        self._update(case, approved_by=operator)

    def issue(self, case: HelpCase, code: bytes, moment: datetime) -> None:
        """Store a code's digest in place of the case's earlier one."""
        self._update(case, code=code, expires_at=moment + LIFE, tries=0, touched_at=moment)

    async def find_stoppable(self, digest: bytes, moment: datetime) -> HelpCase | None:
        """Return the open case that the token with that digest can stop."""
        rows = await self._database.fetch(sa.select(*_CASE).where(*_stoppable(digest, moment)))
        return HelpCase(**rows[0]) if rows else None

    def stop(self, digest: bytes, moment: datetime, ready_at: datetime) -> bool:
        """End the case's code, and let none be issued before `ready_at` and an approval: once in a case."""
        stopped = sa.update(HelpCaseRow).where(*_stoppable(digest, moment))
        values = {"stopped_at": moment, "ready_at": ready_at, "approved_by": "", "code": _NONE, "expires_at": moment}
        return self.connection.execute(stopped.values(**values).returning(HelpCaseRow.mailbox)).first() is not None

    async def count_try(self, email: str, moment: datetime) -> TriedCode:
        """Count a try at the code that was read out for that address, as `CodeStore.count_try` does, and commit."""
        alive = (HelpCaseRow.expires_at > moment) & (HelpCaseRow.tries < TRIES)
        row = _empty(moment) | {"mailbox": mailbox_digest(email), "tries": TRIES + 1, "wanted": True}
        statement = (
            insert_if(self._database, HelpCaseRow, _NAMES)
            .on_conflict_do_update(
                index_elements=[HelpCaseRow.mailbox],
                set_={
                    "tries": sa.case((alive, HelpCaseRow.tries + 1), else_=TRIES + 1),
                    "touched_at": sa.literal(moment, HelpCaseRow.__table__.c.touched_at.type),
                },
            )
            .returning(HelpCaseRow.code, HelpCaseRow.account_id, HelpCaseRow.email, HelpCaseRow.tries)
        )
        (tried,) = await self._database.execute(statement, row)
        code = bytes(tried.code) if tried.tries <= TRIES else b""
        return TriedCode(code=code, account_id=tried.account_id, email=tried.email)

    def consume(self, code: TriedCode, moment: datetime) -> bool:
        """Use the code up and close its case. Of concurrent callers exactly one gets True."""
        mine = (HelpCaseRow.mailbox == mailbox_digest(code.email)) & (HelpCaseRow.code == code.code)
        used = sa.update(HelpCaseRow).where(mine, HelpCaseRow.expires_at > moment).values(**_empty(moment))
        return self.connection.execute(used.returning(HelpCaseRow.mailbox)).first() is not None

    def _update(self, case: HelpCase, **values: Any) -> None:
        mine = HelpCaseRow.mailbox == mailbox_digest(case.email)
        self.connection.execute(sa.update(HelpCaseRow).where(mine).values(**values))


def is_forgettable(moment: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that a row no longer matters: its case is over, and its code, too.

    Tries of strangers keep only rows without a case.
    """
    counts_tries = (HelpCaseRow.account_id == "") & (HelpCaseRow.touched_at >= moment - _KEPT)
    return ~counts_tries & ~_is_open(moment) & (HelpCaseRow.expires_at < moment)


def _is_open(moment: datetime) -> sa.ColumnElement[bool]:
    return (HelpCaseRow.account_id != "") & (HelpCaseRow.ready_at > moment - DAY)


def _stoppable(digest: bytes, moment: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return HelpCaseRow.stop_digest == digest, HelpCaseRow.stopped_at.is_(None), _is_open(moment)


def _empty(moment: datetime) -> dict[str, Any]:
    nothing = dict.fromkeys(("account_id", "email", "operator", "approved_by", "note"), "")
    times = {"ready_at": moment, "stopped_at": None, "expires_at": moment, "touched_at": moment}
    return nothing | times | {"stop_digest": None, "code": _NONE, "tries": 0}
