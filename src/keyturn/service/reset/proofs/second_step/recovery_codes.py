"""Recovery codes: to print, and to keep in case the phone is lost, wherever an account's other factors are."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256

from sqlalchemy import ColumnElement, Connection, delete, select

from keyturn.service import secrets
from keyturn.service.clock import now, random_bytes
from keyturn.service.database import Database
from keyturn.service.reset.proofs.second_step.factor_table import RECENT
from keyturn.service.secrets import Purpose, Secret, SecretRow

CODES = 10
"""Codes that an account gets at a time."""

_BYTES = 15
"""120 bits: from 112 on, a fast hash is enough (OWASP ASVS 6.5.2), so one statement finds and uses a code."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32, without I, L, O and U: readers cannot confuse the characters on paper."""

_ALIKE = str.maketrans("ILO", "110")
_GROUP = 4
_LETTERS = 24
_BLANKS = re.compile(r"[\s-]+")

_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""When a code on paper expires."""


def mint_recovery_code(random_bytes: Callable[[int], bytes]) -> str:
    """Return a fresh code as users see it: six groups of four."""
    number = int.from_bytes(random_bytes(_BYTES))
    letters = "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LETTERS)))
    return "-".join(letters[at : at + _GROUP] for at in range(0, _LETTERS, _GROUP))


def recovery_code_digest(account_id: str, code: str) -> bytes | None:
    """Return the digest to store and search for, in any spelling of the code; None if it is malformed."""
    letters = _BLANKS.sub("", code).upper().translate(_ALIKE)
    if len(letters) != _LETTERS or not set(letters) <= set(_ALPHABET):
        return None
    return sha256(f"{account_id}\0{letters}".encode("utf-8", "surrogatepass")).digest()


def renew(connection: Connection, account_id: str) -> Sequence[str]:
    """Return fresh codes, which cannot be shown again; earlier codes end, in the caller's transaction."""
    codes, moment = [mint_recovery_code(random_bytes) for _ in range(CODES)], now()
    fresh = [
        Secret(purpose=Purpose.RECOVERY, key=key, account_id=account_id, created_at=moment, expires_at=_NEVER)
        for code in codes
        if (key := recovery_code_digest(account_id, code))
    ]
    remove(connection, account_id)
    secrets.add(connection, [(secret, True) for secret in fresh])
    return codes


def remove(connection: Connection, account_id: str) -> None:
    """End all codes of an account, in the caller's transaction. None is kept: a code on paper never expires."""
    connection.execute(delete(SecretRow).where(*_of(account_id)))


def remove_recent(connection: Connection, account_id: str) -> bool:
    """End the codes that were made recently, in the caller's transaction; tell whether there was one."""
    recent = delete(SecretRow).where(*_of(account_id), SecretRow.created_at > now() - RECENT)
    return connection.execute(recent.returning(SecretRow.key)).first() is not None


async def are_left(database: Database, account_id: str) -> bool:
    """Tell whether the account has an unused code."""
    unused = select(SecretRow.key).where(*_of(account_id), SecretRow.used_at.is_(None)).limit(1)
    return bool(await database.fetch(unused))


def _of(account_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return SecretRow.account_id == account_id, SecretRow.purpose == Purpose.RECOVERY
