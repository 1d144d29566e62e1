"""Recovery codes: to print, and to keep in case the phone is lost, wherever an account's other factors are."""

import re
from collections.abc import Callable, Sequence
from hashlib import sha256

from sqlalchemy import Connection, select

from keyturn.service import secrets
from keyturn.service.clock import now, random_bytes
from keyturn.service.secrets import NEVER, Purpose, Secret, SecretRow

CODES = 10
"""Codes that an account gets at a time."""

_LETTERS = 24
"""120 bits: from 112 on, a fast hash is enough (OWASP ASVS 6.5.2), so one statement finds and uses a code."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32, without I, L, O and U: readers cannot confuse the characters on paper."""

_ALIKE = str.maketrans("ILO", "110")
_GROUP = 4
_BLANKS = re.compile(r"[\s-]+")


def mint_recovery_code(random_bytes: Callable[[int], bytes]) -> str:
    """Return a fresh code as users see it: six groups of four."""
    letters = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in random_bytes(_LETTERS))
    return "-".join(letters[at : at + _GROUP] for at in range(0, _LETTERS, _GROUP))


def recovery_code_digest(account_id: str, code: str) -> bytes:
    """Return the digest to store and search for, in any spelling of the code."""
    letters = _BLANKS.sub("", code).upper().translate(_ALIKE)
    return sha256(f"{account_id}\0{letters}".encode("utf-8", "surrogatepass")).digest()


def renew(connection: Connection, account_id: str) -> Sequence[str]:
    """Return fresh codes, which cannot be shown again; earlier codes end, in the caller's transaction."""
    secrets.delete(connection, account_id, [Purpose.RECOVERY])  # none is kept: a code on paper never expires
    codes, moment = [mint_recovery_code(random_bytes) for _ in range(CODES)], now()
    for code in codes:
        key = recovery_code_digest(account_id, code)
        fresh = Secret(purpose=Purpose.RECOVERY, key=key, account_id=account_id, created_at=moment, expires_at=NEVER)
        secrets.add(connection, [(fresh, True)])
    return codes


def are_left(connection: Connection, account_id: str) -> bool:
    """Tell whether the account has an unused code."""
    row = SecretRow
    unused = select(row.key).where(row.account_id == account_id, row.purpose == Purpose.RECOVERY, row.used_at.is_(None))
    return connection.execute(unused.limit(1)).first() is not None
