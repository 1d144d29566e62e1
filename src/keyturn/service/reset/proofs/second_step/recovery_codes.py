"""Recovery codes, for users who have lost their phone.

Keyturn stores them wherever the other factors are.
"""

import re
from collections.abc import Sequence

from sqlalchemy import Connection, select

from keyturn.service import one_time_secrets
from keyturn.service.clock import now, random_bytes
from keyturn.service.database import Database
from keyturn.service.one_time_secrets import NEVER, OneTimeSecret, Purpose, SecretRow, ToStore

RECOVERY_CODES = 10
"""Codes that an account gets at a time."""

_LETTERS = 24
"""Characters of a code: 120 bits. From 112 bits on, a fast hash is enough (OWASP ASVS 6.5.2), so a
code can be found by its digest.
"""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32. It has no I, L, O and U, which readers could confuse on paper."""

_ALIKE = str.maketrans("ILO", "110")
_GROUP = 4
_BLANKS = re.compile(r"[\s-]+")


def mint_recovery_code() -> str:
    """Return a fresh code as users see it: six groups of four characters."""
    letters = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in random_bytes(_LETTERS))
    return "-".join(letters[at : at + _GROUP] for at in range(0, _LETTERS, _GROUP))


def recovery_code_digest(account_id: str, code: str) -> bytes:
    """Return the digest by which a code is stored and found. All spellings have the same."""
    letters = _BLANKS.sub("", code).upper().translate(_ALIKE)
    return one_time_secrets.key_of(f"{account_id}\0{letters}")


def renew_recovery_codes(connection: Connection, account_id: str) -> Sequence[str]:
    """Return fresh codes, and end the earlier ones, in the caller's transaction.

    Only their digests are stored, so they cannot be shown again.
    """
    # Earlier codes are deleted, since a code never expires.
    one_time_secrets.delete(connection, account_id, [Purpose.RECOVERY])
    codes = [mint_recovery_code() for _ in range(RECOVERY_CODES)]
    moment = now()
    secrets = []
    for code in codes:
        secret = OneTimeSecret(
            purpose=Purpose.RECOVERY,
            key=recovery_code_digest(account_id, code),
            account_id=account_id,
            created_at=moment,
            expires_at=NEVER,
        )
        secrets.append(ToStore(secret))
    one_time_secrets.add(connection, secrets)
    return codes


async def has_recovery_codes(database: Database, account_id: str) -> bool:
    """Tell whether the account has a code that was not used."""
    unused = select(SecretRow.key).where(
        SecretRow.account_id == account_id,
        SecretRow.purpose == Purpose.RECOVERY,
        SecretRow.used_at.is_(None),
    )
    return bool(await database.fetch(unused.limit(1)))
