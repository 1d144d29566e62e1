"""One table of secrets that work once (links, codes, answers to challenges), and keys from the
secret key.

Only a digest of a secret is stored. For a token, `key` is its SHA-256. It needs no salt, because
256 random bits cannot be guessed, and a search by digest leaks no useful timing (NIST SP 800-63B
3.1.2.2 on look-up secrets). A code is short: its `key` is a digest of the mailbox or account that
it belongs to, and its `proof` is an HMAC under a secret key. A second factor that Keyturn stores is
needed as it is, so it is in `data`, encrypted (`second_step/own_step.py`).

**One guarded statement decides**, never a read before a write: of concurrent uses exactly one gets
the secret. A secret opens only what its `Purpose` says. Each function is one statement, in the
transaction of the caller's `connection`.
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
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.service.clock import random_bytes
from keyturn.service.database import Model, Moment
from keyturn.service.database.database import insert_if, insert_into
from keyturn.service.problems.proofs import DeadReason

BYTES = 32
"""256 bits; OWASP's Forgot Password Cheat Sheet asks for long and random, NIST SP 800-63B for at
least 112 bits.
"""

LENGTH = 43
"""Characters of 32 bytes in base64url without padding (RFC 4648, section 5)."""

_BEHIND_A_LINK = ".,;:!?)]}>»”’'\"*"
"""Signs that mail apps take for a part of a link before them."""

WEEK = timedelta(days=7)

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""When a second factor expires, and a code on paper."""


class Purpose(StrEnum):
    """What a secret opens."""

    RESET = "reset"
    """A link that sets a password."""
    EVICT = "evict"
    """Such a link that also ends what an intruder may have added, since an operator or the owner
    suspects one.
    """
    UNLOCK = "unlock"
    """Such a link for an owner who has reported a change: it opens a locked account, too."""
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
    """An answer to a challenge, or a code of an authenticator app, which was given."""
    CHANGE = "change"
    """The lock on an account whose password is being changed in another system, which may take a
    while.
    """


STORED_FACTORS = (Purpose.TOTP, Purpose.PHONE, Purpose.RECOVERY)
"""What Keyturn stores of an account's second factors.

Recovery codes are for an app's own factors, too.
"""


class Lifecycle(NamedTuple):
    """What holds for all secrets of a purpose.

    `retention`: how long a secret is kept after it has expired, so that its holder can be told why
    it no longer works.
    `ends_with`: the changes of a password that end the account's secrets: by a link, or in a
    session.
    """

    retention: timedelta
    ends_with: tuple[Literal["reset", "change"], ...] = ()


RULES: Mapping[Purpose, Lifecycle] = {
    Purpose.RESET: Lifecycle(WEEK, ("reset", "change")),
    Purpose.EVICT: Lifecycle(WEEK, ("reset", "change")),
    # An intruder in a session may change the password again: the owner's link survives that.
    Purpose.UNLOCK: Lifecycle(WEEK, ("reset",)),
    Purpose.SECURE: Lifecycle(WEEK),
    Purpose.CODE: Lifecycle(timedelta(hours=1), ("reset", "change")),
    **dict.fromkeys((*STORED_FACTORS, Purpose.SMS, Purpose.SPENT), Lifecycle(timedelta(0))),
    # A lock follows the database's clock, and a purge that of its own machine, which may be an hour
    # off.
    Purpose.CHANGE: Lifecycle(timedelta(days=1)),
}


SecretId = tuple[Purpose, bytes]
"""The purpose and the key of a secret."""


class SecretRow(Model):
    """A secret.

    `mailbox`: the digest of the address that got it, or b"". `data`: what its user needs, as JSON.
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


class LinkFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a link's data says: where it was sent, why an operator asked for it, and where its user
    asked to return.

    `invites`: it sets a first password, and none once the account has one.
    """

    email: str
    invites: bool = False
    reason: str = ""
    return_to: str = ""


class OneTimeSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret as the database knows it, or before it is stored.

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
    def facts(self) -> LinkFacts:
        """What the data of a link says; other secrets have none."""
        return msgspec.json.decode(self.data, type=LinkFacts)

    @property
    def recovers(self) -> bool:
        """Whether its owner has reported a change; it opens a locked account, too."""
        return self.purpose is Purpose.UNLOCK

    def dead_reason(self, moment: datetime) -> DeadReason | None:
        """Return why the secret no longer works, "invalid" if it was revoked before it expired;
        None while it works.
        """
        if self.used_at is not None:
            return "used"
        if self.revoked_at is not None and self.revoked_at < self.expires_at:
            return "invalid"
        return "expired" if self.expires_at <= moment else None


Minted = tuple[OneTimeSecret, bool]
"""A secret before it is stored, and whether it is wanted."""


def secret_of(row: sa.RowMapping) -> OneTimeSecret:
    return OneTimeSecret(
        **{name: row[name] for name in COLUMNS} | {"purpose": Purpose(row["purpose"])}
    )


COLUMNS: Sequence[str] = OneTimeSecret.__struct_fields__
_ROW: Sequence[Any] = [getattr(SecretRow, name) for name in COLUMNS]
_KEY = [SecretRow.purpose, SecretRow.key]
_OPEN = SecretRow.used_at.is_(None) & SecretRow.revoked_at.is_(None)


def mint() -> str:
    """Return a fresh token, URL-safe as it is."""
    return base64.urlsafe_b64encode(random_bytes(BYTES)).rstrip(b"=").decode()


def digest(token: str) -> bytes:
    """Return the key of a token, without blanks around it, and without the signs of a sentence
    behind a link.
    """
    return key_of(token.strip().rstrip(_BEHIND_A_LINK).rstrip())


def key_of(text: str) -> bytes:
    """Return the key of the secret that a text names, such as a purpose and an account."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def add(connection: sa.Connection, secrets: Sequence[Minted]) -> None:
    """Store the wanted secrets, of at least one, each in place of one under the same key.

    The statement is the same if none is wanted: it does not tell which addresses have an account
    (OWASP ASVS 6.3.8).
    """
    rows = [msgspec.structs.asdict(secret) | {"wanted": wanted} for secret, wanted in secrets]
    # In the order of their keys: two workers that write several at once cannot deadlock.
    connection.execute(
        _added(connection.dialect), sorted(rows, key=lambda row: (row["purpose"], row["key"]))
    )


@lru_cache
def _added(dialect: sa.Dialect) -> sa.Executable:
    fresh = insert_if(dialect, SecretRow, COLUMNS)
    replaced = {name: fresh.excluded[name] for name in COLUMNS}
    added: sa.Executable = fresh.on_conflict_do_update(index_elements=_KEY, set_=replaced)
    return added


def take(
    connection: sa.Connection,
    key: SecretId,
    account_id: str,
    moment: Moment,
    until: Moment,
    proof: bytes = b"",
) -> bool:
    """Store what may be there once, as a lock, in place of an ended one: exactly one caller gets
    True, `until` then.
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
    fresh = insert_into(SecretRow, connection.dialect).values(**row, **times)
    replaced = {name: fresh.excluded[name] for name in ("proof", *times)}
    taken = fresh.on_conflict_do_update(
        index_elements=_KEY, set_=replaced, where=SecretRow.expires_at <= moment
    )
    return connection.execute(taken.returning(SecretRow.key)).first() is not None


def all_of(purposes: Collection[Purpose]) -> sa.Select[Any]:
    """Return the statement that selects the secrets of these purposes, for `secret_of`."""
    return sa.select(*_ROW).where(SecretRow.purpose.in_(purposes))


def find(connection: sa.Connection, key: bytes, *purposes: Purpose) -> OneTimeSecret | None:
    """Return the secret of one of these purposes, whether it works or not; None if the table has
    none.
    """
    row = connection.execute(all_of(purposes).where(SecretRow.key == key)).mappings().first()
    return secret_of(row) if row else None


def use(connection: sa.Connection, secret: OneTimeSecret, moment: datetime) -> bool:
    """Use a secret up if it works: of concurrent callers exactly one gets True, and none if a code
    was replaced.
    """
    works = _OPEN, SecretRow.expires_at > moment, SecretRow.proof.is_not_distinct_from(secret.proof)
    used = sa.update(SecretRow).where(*_is(*secret.id), *works).values(used_at=moment)
    return connection.execute(used.returning(SecretRow.key)).first() is not None


def give_back(connection: sa.Connection, secret: OneTimeSecret, used_at: datetime) -> None:
    """Let a secret work again whose use at that moment was undone."""
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

    Used ones, too: a use may be undone.
    """
    ended = sa.update(SecretRow).where(
        SecretRow.account_id == account_id, SecretRow.purpose.in_(purposes), *which
    )
    unrevoked = SecretRow.revoked_at.is_(None), SecretRow.expires_at > moment
    connection.execute(ended.where(*unrevoked).values(revoked_at=moment))


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
    """End one unused secret, even if it has expired: of concurrent callers exactly one gets True,
    and no later one.
    """
    ended = sa.update(SecretRow).where(*_is(*secret.id), _OPEN).values(revoked_at=moment)
    return connection.execute(ended.returning(SecretRow.key)).first() is not None


def count_try(
    connection: sa.Connection, purpose: Purpose, key: bytes, moment: datetime
) -> OneTimeSecret:
    """Count a try, before any comparison, and return the secret; each of concurrent callers gets
    its own number.

    An unknown key gets a row that opens nothing, so the work is the same. Compare only if it works
    and has tries left.
    """
    row = OneTimeSecret(purpose=purpose, key=key, created_at=moment, expires_at=moment, tries=1)
    fresh = insert_into(SecretRow, connection.dialect).values(**msgspec.structs.asdict(row))
    counted = fresh.on_conflict_do_update(index_elements=_KEY, set_={"tries": SecretRow.tries + 1})
    return secret_of(connection.execute(counted.returning(*_ROW)).mappings().one())


def give_try_back(connection: sa.Connection, purpose: Purpose, key: bytes) -> None:
    """Undo one `count_try`: it was right, or could not be judged."""
    counted = sa.update(SecretRow).where(*_is(purpose, key), SecretRow.tries > 0)
    connection.execute(counted.values(tries=SecretRow.tries - 1))


def _is(purpose: Purpose, key: bytes) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return SecretRow.purpose == purpose, SecretRow.key == key


# Keys for one purpose each, derived from the secret key


def derive(secret: str, purpose: str) -> bytes:
    """Return 32 bytes that only this secret and purpose give (HKDF, RFC 5869; NIST SP 800-108, key
    separation).
    """
    return HKDF(SHA256(), 32, salt=None, info=f"keyturn {purpose} 1".encode()).derive(
        secret.encode()
    )


def box(keys: Sequence[str], purpose: str) -> MultiFernet:
    """Return what encrypts for a purpose by the first secret, and decrypts by all: Fernet,
    AES-128-CBC, HMAC-SHA256.
    """
    return MultiFernet([Fernet(base64.urlsafe_b64encode(derive(key, purpose))) for key in keys])
