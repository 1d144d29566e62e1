"""The code beside a link, and what the database keeps of it. Pure: time and randomness are arguments."""

import hmac
import unicodedata
from collections.abc import Callable, Sequence
from datetime import timedelta
from hashlib import sha256

from keyturn import addresses
from keyturn.errors import Fault
from keyturn.problems.requests import InputInvalid
from keyturn.settings.keys import derive

DIGITS = 8
"""NIST SP 800-63B 4.2.1.2 asks for six at least; ASVS 6.5.4 for 20 bits, and these are 26."""

LIFE = timedelta(minutes=10)
"""OWASP ASVS 6.5.5."""

TRIES = 5
"""Of one code. The odds of guessing it are 5 in 100 million."""

FAILURES = 100
"""Of one mailbox, in a row, however many codes it was sent meanwhile (NIST SP 800-63B 3.1.3.2, 3.2.2)."""

_BETWEEN = str.maketrans("", "", " -\u2010\u2011\u2012\u2013\u2014.")


def mint(random_below: Callable[[int], int]) -> str:
    """Return a fresh code: digits, each as likely as any."""
    return f"{random_below(10**DIGITS):0{DIGITS}}"


def read(written: str) -> str:
    """Return the digits of a code as somebody typed it: full-width ones, and with spaces or dashes between, too.

    Raises InputInvalid for what is no code: that says nothing about the one that was sent, and is no try at it.
    """
    digits = "".join(unicodedata.normalize("NFKC", written[:64]).split()).translate(_BETWEEN)
    if len(digits) != DIGITS or not digits.isascii() or not digits.isdigit():
        raise InputInvalid(Fault("code", f"not a code of {DIGITS} digits"))
    return digits


def mailbox_digest(email: str) -> bytes:
    """Return the key under which a mailbox's code and failures are kept."""
    return sha256(addresses.normalize(email).encode()).digest()


class CodeKeys:
    """Digests of codes, by keys that are not in the database: 27 bits would be guessed in no time else.

    The first of `secrets` writes, all of them are compared with (NIST SP 800-63B 3.1.2.2 on look-up secrets).
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [derive(secret, "reset codes") for secret in secrets]

    def digest(self, code: str, mailbox: bytes) -> bytes:
        return self._digest(self._keys[0], code, mailbox)

    def fits(self, code: str, mailbox: bytes, kept: bytes) -> bool:
        """Tell whether it is the code; a no takes as long wherever they differ (CWE-208)."""
        compared = [hmac.compare_digest(self._digest(key, code, mailbox), kept) for key in self._keys]
        return any(compared)

    def _digest(self, key: bytes, code: str, mailbox: bytes) -> bytes:
        return hmac.digest(key, mailbox + code.encode(), sha256)
