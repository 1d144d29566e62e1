"""Encrypted values in a browser's cookies, which prove what the browser has shown before."""

import hmac
from collections.abc import Sequence
from datetime import timedelta

from cryptography.fernet import InvalidToken

from keyturn.service.clock import random_bytes, unix
from keyturn.service.keys import box

_NONCE_BYTES = 12


class BrowserProofs:
    """Issues and reads encrypted values by which a browser proves something, for the time `life`.

    A value holds a random nonce and a digest of what it proves. The first of `keys` encrypts,
    all of them decrypt.
    """

    def __init__(self, keys: Sequence[str], purpose: str, life: timedelta) -> None:
        self._box = box(keys, purpose)
        self._life = int(life.total_seconds())

    def issue(self, proven: bytes) -> str:
        sealed = self._box.encrypt_at_time(random_bytes(_NONCE_BYTES) + proven, int(unix()))
        return sealed.decode()

    def nonce(self, value: str, proven: bytes) -> bytes:
        """Return the nonce of a value that proves `proven`; b"" for another value.

        Values that a client has spelled differently have the same nonce.
        """
        try:
            opened = self._box.decrypt_at_time(value.encode(), self._life, int(unix()))
        except (InvalidToken, UnicodeEncodeError):
            return b""
        if not hmac.compare_digest(opened[_NONCE_BYTES:], proven):
            return b""
        return opened[:_NONCE_BYTES]
