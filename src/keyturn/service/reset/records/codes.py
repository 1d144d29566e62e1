"""The code beside a link, and its digest in the database. Pure but for the store: time and randomness are arguments."""

import hmac
import unicodedata
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import LargeBinary, String, case, literal, select, update
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.errors import Fault
from keyturn.service import addresses
from keyturn.service.database import Database, Model, Store
from keyturn.service.database.statements import insert_if
from keyturn.service.keys import derive
from keyturn.service.problems.requests import InputInvalid

DIGITS = 8
"""NIST SP 800-63B 4.2.1.2 asks for at least six; ASVS 6.5.4 for 20 bits, and these have 26."""

LIFE = timedelta(minutes=10)
"""OWASP ASVS 6.5.5."""

TRIES = 5
"""Tries at one code. The odds of guessing it are 5 in 100 million."""

FAILURES = 100
"""Consecutive wrong tries at one mailbox, however many codes it gets (NIST SP 800-63B 3.1.3.2, 3.2.2)."""

_BETWEEN = str.maketrans("", "", " -\u2010\u2011\u2012\u2013\u2014.")


def mint(random_below: Callable[[int], int]) -> str:
    """Return a fresh code of evenly distributed digits."""
    return f"{random_below(10**DIGITS):0{DIGITS}}"


def read(written: str) -> str:
    """Return the digits of a code as it was typed, including full-width digits, and with spaces or dashes between.

    Raises InputInvalid for other text: it says nothing about the code that was sent, and does not count as a try.
    """
    digits = "".join(unicodedata.normalize("NFKC", written[:64]).split()).translate(_BETWEEN)
    if len(digits) != DIGITS or not digits.isascii() or not digits.isdigit():
        raise InputInvalid(Fault("code", f"not a code of {DIGITS} digits"))
    return digits


def mailbox_digest(email: str) -> bytes:
    """Return the key of a mailbox's code and failures."""
    return sha256(addresses.normalize(email).encode()).digest()


class CodeKeys:
    """Computes digests of codes with keys that are not in the database: 26 bits alone would be guessed instantly.

    The first of `secrets` writes, and all of them are compared (NIST SP 800-63B 3.1.2.2 on look-up secrets).
    `use`: what the keys are derived for. `owner`: for whom a code is; it fits nobody else.
    """

    def __init__(self, secrets: Sequence[str], use: str) -> None:
        self._keys = [derive(secret, use) for secret in secrets]

    def digest(self, code: str, owner: bytes) -> bytes:
        return self._digest(self._keys[0], code, owner)

    def fits(self, code: str, owner: bytes, stored: bytes) -> bool:
        """Return whether it is the code; a wrong one takes as long wherever it differs (CWE-208)."""
        compared = [hmac.compare_digest(self._digest(key, code, owner), stored) for key in self._keys]
        return any(compared)

    def _digest(self, key: bytes, code: str, owner: bytes) -> bytes:
        return hmac.digest(key, owner + code.encode("utf-8", "surrogatepass"), sha256)


class ResetCodeRow(Model):
    """The last code sent to a mailbox, under the SHA-256 of its address, or no code if none was sent.

    `tries`: tries at this code. `failures`: tries at any code since one was right.
    `expires_at`: when the code stops working; in a row without a code, a time in the past.
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


class NewCode(msgspec.Struct, frozen=True):
    """A code before it is stored: its digest, the account, the address, and its end."""

    code: bytes
    account_id: str
    email: str
    expires_at: datetime


class TriedCode(msgspec.Struct, frozen=True, kw_only=True):
    """The code of a mailbox after a try was counted. `code`: b"" if no comparison is allowed."""

    code: bytes
    account_id: str
    email: str


_NONE = b"\0" * 32
_NAMES = ("mailbox", "code", "account_id", "email", "expires_at", "tries", "failures", "touched_at")


class CodeStore(Store):
    """Stores codes, counts tries at them, and uses them up."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._exhausted = select(ResetCodeRow.mailbox).where(
            database.is_one_of(ResetCodeRow.mailbox, "mailboxes"), ResetCodeRow.failures >= FAILURES
        )
        added = insert_if(database, ResetCodeRow, _NAMES)
        replaced = {name: added.excluded[name] for name in _NAMES if name not in {"mailbox", "failures"}}
        self._added = added.on_conflict_do_update(index_elements=[ResetCodeRow.mailbox], set_=replaced)

    async def exhausted(self, emails: Collection[str]) -> Collection[str]:
        """Return the addresses with too many wrong tries, where a code would no longer work."""
        digests = {mailbox_digest(email): email for email in emails}
        rows = await self._database.fetch(self._exhausted, {"mailboxes": list(digests)})
        return {digests[bytes(row["mailbox"])] for row in rows}

    def add(self, codes: Sequence[tuple[NewCode, bool]], moment: datetime) -> None:
        """Store the wanted codes, each in place of the mailbox's earlier one; its failures stay counted.

        The statements are the same if none is wanted.
        """
        rows = [
            msgspec.structs.asdict(code)
            | {"mailbox": mailbox_digest(code.email), "tries": 0, "failures": 0, "touched_at": moment, "wanted": wanted}
            for code, wanted in codes
        ]
        # In the order of their keys: two workers that write several at once cannot deadlock.
        self.connection.execute(self._added, sorted(rows, key=lambda row: row["mailbox"]))

    async def count_try(self, email: str, moment: datetime) -> TriedCode:
        """Count a try at the mailbox's code, and commit; then return what may be compared.

        One statement decides and counts, before any comparison: of concurrent tries the sixth gets nothing. It writes a
        row for every address, so the work is the same for an address without a code. Only a try at a working code is a
        failure, so a stranger cannot use up a mailbox's hundred tries while it has no code.
        """
        alive = (ResetCodeRow.expires_at > moment) & (ResetCodeRow.tries < TRIES) & (ResetCodeRow.failures < FAILURES)
        row = _emptied(moment) | {"mailbox": mailbox_digest(email), "tries": 1, "touched_at": moment, "wanted": True}
        statement = (
            insert_if(self._database, ResetCodeRow, _NAMES)
            .on_conflict_do_update(
                index_elements=[ResetCodeRow.mailbox],
                set_={
                    "failures": ResetCodeRow.failures + case((alive, 1), else_=0),
                    # A code without tries left stays so, until another code is sent.
                    "tries": case((alive, ResetCodeRow.tries + 1), else_=TRIES + 1),
                    "touched_at": literal(moment, ResetCodeRow.__table__.c.touched_at.type),
                },
            )
            .returning(*(getattr(ResetCodeRow, name) for name in ("code", "account_id", "email", "tries")))
        )
        (tried,) = await self._database.execute(statement, row)
        is_live = tried.tries <= TRIES and bool(tried.account_id)
        return TriedCode(code=bytes(tried.code) if is_live else b"", account_id=tried.account_id, email=tried.email)

    def consume(self, code: TriedCode, moment: datetime) -> bool:
        """Use the code up, and forget its failures. Of concurrent callers exactly one gets True."""
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
        return self.connection.execute(statement).first() is not None

    def revoke_all(self, account_id: str, moment: datetime, *, mailbox: str | None = None) -> None:
        """End the account's codes, or only that of the `mailbox`: a link proves more than a code."""
        statement = update(ResetCodeRow).where(ResetCodeRow.account_id == account_id)
        if mailbox is not None:
            statement = statement.where(ResetCodeRow.mailbox == mailbox_digest(mailbox))
        self.connection.execute(statement.values(**_emptied(moment)))


def _emptied(moment: datetime) -> dict[str, Any]:
    return {"code": _NONE, "account_id": "", "email": "", "expires_at": moment, "failures": 0}
