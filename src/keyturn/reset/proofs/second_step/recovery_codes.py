"""Codes to print and keep, for who has lost the phone. Pure, but for the randomness that is handed in."""

import re
from collections.abc import Callable
from hashlib import sha256

CODES = 10
"""How many an account gets at a time."""

_BYTES = 15
"""120 bits: from 112 on a fast hash will do (OWASP ASVS 6.5.2), so that one statement finds and uses a code."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: none of I, L, O and U, so that what is read off paper is read as it was meant."""

_ALIKE = str.maketrans("ILO", "110")
_GROUP = 4
_LETTERS = 24
_BLANKS = re.compile(r"[\s-]+")


def mint_recovery_code(random_bytes: Callable[[int], bytes]) -> str:
    """Return a fresh code as people are shown it: six groups of four."""
    number = int.from_bytes(random_bytes(_BYTES))
    letters = "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LETTERS)))
    return "-".join(letters[at : at + _GROUP] for at in range(0, _LETTERS, _GROUP))


def recovery_code_digest(account_id: str, code: str) -> bytes | None:
    """Return what is stored and searched for, however somebody has typed the code; None for what is no code."""
    letters = _BLANKS.sub("", code).upper().translate(_ALIKE)
    if len(letters) != _LETTERS or not set(letters) <= set(_ALPHABET):
        return None
    return sha256(f"{account_id}\0{letters}".encode("utf-8", "surrogatepass")).digest()
