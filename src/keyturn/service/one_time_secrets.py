"""One table of secrets that work once: links, codes, answers to challenges.

Only a digest of a secret is stored. For a token, `key` is its SHA-256. It needs no salt, because
256 random bits cannot be guessed, and a search by digest leaks no useful timing (NIST SP 800-63B
3.1.2.2 on look-up secrets). A code is short: its `key` is a digest of the mailbox or account that
it belongs to, and its `proof` is an HMAC under a secret key. A second factor that Keyturn stores
must be read back, so it is in `data`, encrypted (`second_step/builtin_factors.py`).

**One guarded statement decides**, never a read before a write: of concurrent uses exactly one gets
the secret. A secret opens only what its `Purpose` says. Each function that takes a `connection`
executes one statement, in the transaction of the caller.
"""

import base64
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.service.clock import random_bytes
from keyturn.service.database import Database, Model, Moment
from keyturn.service.database.statements import insert_if, insert_into
from keyturn.service.problems.proofs import DeadReason

TOKEN_BYTES = 32
"""Random bytes of a token: 256 bits. OWASP's Forgot Password Cheat Sheet asks for a long random
token, NIST SP 800-63B for at least 112 bits.
"""

TOKEN_LENGTH = 43
"""Characters of a token: 32 bytes in base64url without padding (RFC 4648, section 5)."""

_BEHIND_A_LINK = ".,;:!?)]}>»”’'\"*"
"""Signs after a link that mail apps take for a part of it."""

WEEK = timedelta(days=7)

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""The expiry of a second factor, and of a recovery code."""


class Purpose(StrEnum):
    """What a secret opens."""

    RESET = "reset"
    """A link that sets a password."""
    EVICT = "evict"
    """A link that sets a password, and ends what an intruder may have added: an operator has asked
    for the new password.
    """
    UNLOCK = "unlock"
    """A link that sets a password, for an owner who has reported a change. It works for a locked
    account, too.
    """
    SECURE = "secure"
    """A link by which an owner reports a change of the password."""
    CODE = "code"
    """A code beside a link, under the digest of its mailbox."""
    SMS = "sms"
    """A code by SMS, under the digest of its account."""
    TOTP = "totp"
    """The seed of an authenticator app, encrypted."""
    PHONE = "phone"
    """The number that gets codes, encrypted."""
    RECOVERY = "recovery"
    """A code that replaces a lost second factor."""
    SPENT = "spent"
    """An answer to a challenge, or a code of an authenticator app, that was used already."""
    CHANGE = "change"
    """The lock on an account while its password is being changed in another system."""


STORED_FACTORS = (Purpose.TOTP, Purpose.PHONE, Purpose.RECOVERY)
"""The purposes of what Keyturn stores of an account's second factors.

Recovery codes also replace factors that an app stores.
"""


How = Literal["reset", "change"]
"""How a password is changed: with a link, or in a session with the current password."""


class Lifecycle(NamedTuple):
    """The rules for all secrets of a purpose.

    `retention`: how long a secret is kept after its expiry, so that its holder can be told why it
    no longer works.
    `ends_with`: the changes of a password that end the account's secrets.
    """

    retention: timedelta
    ends_with: tuple[How, ...] = ()


RULES: Mapping[Purpose, Lifecycle] = {
    Purpose.RESET: Lifecycle(WEEK, ("reset", "change")),
    Purpose.EVICT: Lifecycle(WEEK, ("reset", "change")),
    # An intruder with a session may change the password again. The owner's link survives that.
    Purpose.UNLOCK: Lifecycle(WEEK, ("reset",)),
    Purpose.SECURE: Lifecycle(WEEK),
    Purpose.CODE: Lifecycle(timedelta(hours=1), ("reset", "change")),
    **dict.fromkeys((*STORED_FACTORS, Purpose.SMS, Purpose.SPENT), Lifecycle(timedelta(0))),
    # A lock ends by the database's clock, but a purge uses the clock of its own machine, which may
    # be wrong by an hour.
    Purpose.CHANGE: Lifecycle(timedelta(days=1)),
}


SecretId = tuple[Purpose, bytes]
"""The purpose and the key of a secret."""


class SecretRow(Model):
    """A secret. The module's docstring describes `key` and `proof`.

    `mailbox`: the digest of the address that got it, or b"".
    `data`: the facts of a link as JSON (`records/links.py`), a second factor, encrypted, or "".
    """

    __tablename__ = "keyturn_secrets"

    purpose: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    key: Mapped[bytes] = mapped_column(sa.LargeBinary(32), primary_key=True)
    proof: Mapped[bytes | None] = mapped_column(sa.LargeBinary(32))
    account_id: Mapped[str] = mapped_column(sa.String(255))
    mailbox: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    created_at: Mapped[datetime]  # of a link that reports a change: the time of the change
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    data: Mapped[str] = mapped_column(sa.Text)

    __table_args__ = (
        sa.Index("ix_keyturn_secrets_account_id", "account_id", "purpose"),
        sa.Index("ix_keyturn_secrets_expires_at", "purpose", "expires_at"),
    )


class OneTimeSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret of the database, or one that is not stored yet.

    The fields are as in `SecretRow`.
    """

    purpose: Purpose
    key: bytes
    proof: bytes | None = None
    account_id: str = ""
    mailbox: bytes = b""
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None
    tries: int = 0
    data: str = ""

    @property
    def id(self) -> SecretId:
        return self.purpose, self.key

    @property
    def recovers(self) -> bool:
        """Whether it is a link for an owner who has reported a change."""
        return self.purpose is Purpose.UNLOCK

    def dead_reason(self, moment: datetime) -> DeadReason | None:
        """Return why the secret no longer works; None while it works.

        It is "invalid" if it was revoked before its expiry.
        """
        if self.used_at is not None:
            return "used"
        if self.revoked_at is not None and self.revoked_at < self.expires_at:
            return "invalid"
        if self.expires_at <= moment:
            return "expired"
        return None


class Minted(NamedTuple):
    """A secret that is not stored yet, with the text that its holder gets: a token or a code.

    The text is stored nowhere.
    """

    text: str
    secret: OneTimeSecret

    def __repr__(self) -> str:
        """Hide the text, which a traceback with its variables would show (CWE-532)."""
        return object.__repr__(self)


class ToStore(NamedTuple):
    """A parameter of `add`. `is_wanted`: False if it must store nothing for this secret."""

    secret: OneTimeSecret
    is_wanted: bool = True


def secret_of(row: sa.RowMapping) -> OneTimeSecret:
    values = {name: row[name] for name in COLUMNS}
    values["purpose"] = Purpose(row["purpose"])
    return OneTimeSecret(**values)


COLUMNS: Sequence[str] = OneTimeSecret.__struct_fields__
_ROW: Sequence[Any] = [getattr(SecretRow, name) for name in COLUMNS]
_KEY = [SecretRow.purpose, SecretRow.key]
_OPEN = SecretRow.used_at.is_(None) & SecretRow.revoked_at.is_(None)


def fresh_token() -> str:
    """Return a fresh token. It is safe in URLs."""
    return base64.urlsafe_b64encode(random_bytes(TOKEN_BYTES)).rstrip(b"=").decode()


def token_digest(token: str) -> bytes:
    """Return the key of a token.

    Spaces around it are ignored, and the signs behind it that belong to a sentence.
    """
    return key_of(token.strip().rstrip(_BEHIND_A_LINK).rstrip())


def key_of(text: str) -> bytes:
    """Return the key of the secret that a text names, such as a purpose and an account."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def add(connection: sa.Connection, secrets: Sequence[ToStore]) -> None:
    """Store the wanted ones of at least one secret. Each replaces the one with the same key.

    The statement is the same if none is wanted, so its work does not tell which addresses have an
    account (OWASP ASVS 6.3.8).
    """
    rows = []
    # In the order of their keys, so that two workers that write several cannot deadlock.
    for secret, is_wanted in sorted(secrets, key=_id_of):
        row = msgspec.structs.asdict(secret)
        row["wanted"] = is_wanted
        rows.append(row)
    connection.execute(_insert_or_replace(connection.dialect), rows)


def _id_of(stored: ToStore) -> SecretId:
    return stored.secret.id


@lru_cache
def _insert_or_replace(dialect: sa.Dialect) -> sa.Executable:
    insert = insert_if(dialect, SecretRow, COLUMNS)
    replaced = {name: insert.excluded[name] for name in COLUMNS}
    statement: sa.Executable = insert.on_conflict_do_update(index_elements=_KEY, set_=replaced)
    return statement


def take(
    connection: sa.Connection,
    key: SecretId,
    account_id: str,
    moment: Moment,
    until: Moment,
    proof: bytes = b"",
) -> bool:
    """Store a secret that may exist only once, such as a lock, unless there is one that has not
    expired.

    Of concurrent callers exactly one gets True, until the time `until`.
    """
    row = {
        "purpose": key[0],
        "key": key[1],
        "proof": proof,
        "account_id": account_id,
        "mailbox": b"",
        "data": "",
    }
    times = {"created_at": moment, "expires_at": until}
    insert = insert_into(SecretRow, connection.dialect).values(**row, **times)
    replaced = {name: insert.excluded[name] for name in ("proof", *times)}
    insert_or_take = insert.on_conflict_do_update(
        index_elements=_KEY, set_=replaced, where=SecretRow.expires_at <= moment
    )
    return connection.execute(insert_or_take.returning(SecretRow.key)).first() is not None


def all_of(purposes: Collection[Purpose]) -> sa.Select[Any]:
    """Return the statement that selects the secrets of these purposes, for `secret_of`."""
    return sa.select(*_ROW).where(SecretRow.purpose.in_(purposes))


def find(connection: sa.Connection, key: bytes, *purposes: Purpose) -> OneTimeSecret | None:
    """Return the secret with that key and one of these purposes, even if it no longer works.

    None if there is none.
    """
    row = connection.execute(all_of(purposes).where(SecretRow.key == key)).mappings().first()
    return secret_of(row) if row else None


async def look_up(database: Database, key: bytes, purpose: Purpose) -> OneTimeSecret | None:
    """Do what `find` does, outside of a transaction."""
    return await database.read(lambda connection: find(connection, key, purpose))


def use(connection: sa.Connection, secret: OneTimeSecret, moment: datetime) -> bool:
    """Use a secret up if it works. Of concurrent callers exactly one gets True.

    If another code has replaced this one, no caller does.
    """
    is_same_code = SecretRow.proof.is_not_distinct_from(secret.proof)
    used = (
        sa.update(SecretRow)
        .where(*_is(*secret.id), _OPEN, SecretRow.expires_at > moment, is_same_code)
        .values(used_at=moment)
    )
    return connection.execute(used.returning(SecretRow.key)).first() is not None


def give_back(connection: sa.Connection, secret: OneTimeSecret, used_at: datetime) -> None:
    """Let a secret work again, if it was used at `used_at`: that use was undone."""
    used = sa.update(SecretRow).where(*_is(*secret.id), SecretRow.used_at == used_at)
    connection.execute(used.values(used_at=None))


def revoke(
    connection: sa.Connection,
    account_id: str,
    purposes: Collection[Purpose],
    moment: datetime,
    *which: sa.ColumnElement[bool],
) -> None:
    """End the account's secrets of these purposes for which `which` holds.

    Used ones are ended, too, since their use may be undone.
    """
    ended = sa.update(SecretRow).where(
        SecretRow.account_id == account_id, SecretRow.purpose.in_(purposes), *which
    )
    unrevoked = ended.where(SecretRow.revoked_at.is_(None), SecretRow.expires_at > moment)
    connection.execute(unrevoked.values(revoked_at=moment))


def delete(
    connection: sa.Connection,
    account_id: str,
    purposes: Collection[Purpose],
    *which: sa.ColumnElement[bool],
) -> bool:
    """Delete the account's secrets of these purposes for which `which` holds; return whether there
    was one.
    """
    deleted = sa.delete(SecretRow).where(
        SecretRow.account_id == account_id, SecretRow.purpose.in_(purposes), *which
    )
    return connection.execute(deleted.returning(SecretRow.key)).first() is not None


def end(connection: sa.Connection, secret: OneTimeSecret, moment: datetime) -> bool:
    """End one unused secret, even if it has expired. Exactly one caller gets True."""
    ended = sa.update(SecretRow).where(*_is(*secret.id), _OPEN).values(revoked_at=moment)
    return connection.execute(ended.returning(SecretRow.key)).first() is not None


def count_try(
    connection: sa.Connection, purpose: Purpose, key: bytes, moment: datetime
) -> OneTimeSecret:
    """Count a try, and return the secret. Each of concurrent callers gets another number of tries.

    Call it before any comparison, and compare only if the secret works and has tries left. An
    unknown key gets a row that opens nothing, so the work is the same.
    """
    row = OneTimeSecret(purpose=purpose, key=key, created_at=moment, expires_at=moment, tries=1)
    insert = insert_into(SecretRow, connection.dialect).values(**msgspec.structs.asdict(row))
    insert_or_count = insert.on_conflict_do_update(
        index_elements=_KEY, set_={"tries": SecretRow.tries + 1}
    )
    return secret_of(connection.execute(insert_or_count.returning(*_ROW)).mappings().one())


def give_try_back(connection: sa.Connection, purpose: Purpose, key: bytes) -> None:
    """Undo one `count_try`: the code was right, or could not be judged."""
    counted = sa.update(SecretRow).where(*_is(purpose, key), SecretRow.tries > 0)
    connection.execute(counted.values(tries=SecretRow.tries - 1))


def _is(purpose: Purpose, key: bytes) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return SecretRow.purpose == purpose, SecretRow.key == key
