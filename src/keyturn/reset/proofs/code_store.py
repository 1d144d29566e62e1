"""The codes in the database, one a mailbox, and how often was guessed at them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, LargeBinary, String, case, literal, select, update
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.database import Database, Model
from keyturn.database.inserts import insert_if
from keyturn.reset.proofs.codes import FAILURES, TRIES, mailbox_digest


class ResetCodeRow(Model):
    """The code that a mailbox was sent last, under the SHA-256 of its address; nobody's where none was.

    `tries` are those at this code, `failures` those at any since one was right. `expires_at` is when it stops to work,
    which for a row without a code was always.
    """

    __tablename__ = "keyturn_reset_codes"

    mailbox: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    code: Mapped[bytes] = mapped_column(LargeBinary(32))
    account_id: Mapped[str] = mapped_column(String(255), index=True)
    email: Mapped[str] = mapped_column(String(254))
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    touched_at: Mapped[datetime] = mapped_column(index=True)


class NewCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code before it is stored: its digest, whose it is, where it goes, and its end."""

    code: bytes
    account_id: str
    email: str
    expires_at: datetime


class TriedCode(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent to a mailbox, once a try at it was counted. `code` is b"" where none may be compared any more."""

    code: bytes
    account_id: str
    email: str


_LIVE = (ResetCodeRow.tries < TRIES, ResetCodeRow.failures < FAILURES)
_NONE = b"\0" * 32
_NAMES = ("mailbox", "code", "account_id", "email", "expires_at", "tries", "failures", "touched_at")


class CodeStore:
    """Adds codes, counts tries at them, and uses them up."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._exhausted = select(ResetCodeRow.mailbox).where(
            database.is_one_of(ResetCodeRow.mailbox, "mailboxes"), ResetCodeRow.failures >= FAILURES
        )
        added = insert_if(database, ResetCodeRow, _NAMES)
        replaced = {name: added.excluded[name] for name in _NAMES if name not in {"mailbox", "failures"}}
        self._added = added.on_conflict_do_update(index_elements=[ResetCodeRow.mailbox], set_=replaced)

    async def exhausted(self, emails: Collection[str]) -> Collection[str]:
        """Return those that have been guessed at too often: a code would do nothing there."""
        digests = {mailbox_digest(email): email for email in emails}
        rows = await self._database.fetch(self._exhausted, {"mailboxes": list(digests)})
        return {digests[bytes(row["mailbox"])] for row in rows}

    def add(self, connection: Connection, codes: Sequence[tuple[NewCode, bool]], moment: datetime) -> None:
        """Store those that are wanted, each in place of the mailbox's earlier one; its failures are still counted.

        The statements are the same where none is wanted.
        """
        rows = [
            msgspec.structs.asdict(code)
            | {"mailbox": mailbox_digest(code.email), "tries": 0, "failures": 0, "touched_at": moment, "wanted": wanted}
            for code, wanted in codes
        ]
        # In the order of their keys: two workers that write several at once never wait for each other.
        connection.execute(self._added, sorted(rows, key=lambda row: row["mailbox"]))

    async def count_try(self, email: str, moment: datetime) -> TriedCode:
        """Count a try at the mailbox's code, and commit; then return what may be compared.

        One statement decides and counts, before anything is compared: however many try at once, the sixth finds
        nothing. It writes a row for every address, so that the work is the same for one that no code was sent to.
        Only a try at a live code is a failure: nobody can use up a mailbox's hundred while nothing was sent there.
        """
        alive = (ResetCodeRow.expires_at > moment) & _LIVE[0] & _LIVE[1]
        row = {
            "mailbox": mailbox_digest(email),
            "code": _NONE,
            "account_id": "",
            "email": "",
            "expires_at": moment,
            "tries": 1,
            "failures": 0,
            "touched_at": moment,
            "wanted": True,
        }
        statement = (
            insert_if(self._database, ResetCodeRow, _NAMES)
            .on_conflict_do_update(
                index_elements=[ResetCodeRow.mailbox],
                set_={
                    "failures": ResetCodeRow.failures + case((alive, 1), else_=0),
                    # Past its tries it stays so, until another code is sent.
                    "tries": case((alive, ResetCodeRow.tries + 1), else_=TRIES + 1),
                    "touched_at": literal(moment, ResetCodeRow.__table__.c.touched_at.type),
                },
            )
            .returning(*(getattr(ResetCodeRow, name) for name in ("code", "account_id", "email", "tries")))
        )
        (tried,) = await self._database.execute(statement, row)
        is_live = tried.tries <= TRIES and bool(tried.account_id)
        return TriedCode(code=bytes(tried.code) if is_live else b"", account_id=tried.account_id, email=tried.email)

    def consume(self, connection: Connection, code: TriedCode, moment: datetime) -> bool:
        """Use the code up, if nobody did; its failures are forgotten. Of any number exactly one is told True."""
        statement = (
            update(ResetCodeRow)
            .where(
                ResetCodeRow.mailbox == mailbox_digest(code.email),
                ResetCodeRow.code == code.code,
                ResetCodeRow.expires_at > moment,
            )
            .values(**_emptied(moment))
            .returning(ResetCodeRow.mailbox)
        )
        return connection.execute(statement).first() is not None

    def revoke_all(
        self, connection: Connection, account_id: str, moment: datetime, *, mailbox: str | None = None
    ) -> None:
        """End the account's codes, or the one alone that went to the `mailbox`: a link proves more than a code."""
        statement = update(ResetCodeRow).where(ResetCodeRow.account_id == account_id)
        if mailbox is not None:
            statement = statement.where(ResetCodeRow.mailbox == mailbox_digest(mailbox))
        connection.execute(statement.values(**_emptied(moment)))


def _emptied(moment: datetime) -> dict[str, Any]:
    return {"code": _NONE, "account_id": "", "email": "", "expires_at": moment, "failures": 0}
