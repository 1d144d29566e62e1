"""Mails at rest: compressed, then sealed, so that a dump of the database holds no usable link."""

import base64
import zlib
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from keyturn.settings.keys import derive

_LEVEL = 3
"""Of zlib: half the time of its usual 6, for a mail a twelfth larger. Without zlib it would be five times as large."""


class SealBroken(Exception):
    """None of the keys opens it: the key was changed and the old one is not among the previous keys."""


class Seal:
    """Authenticated encryption (Fernet: AES-128-CBC with HMAC-SHA256), keys derived from the settings' secrets.

    The first secret seals, all of them open: rotating means putting a new one in front.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._box = MultiFernet([Fernet(base64.urlsafe_b64encode(derive(secret, "outbox"))) for secret in secrets])

    def close(self, body: bytes) -> bytes:
        return self._box.encrypt(zlib.compress(body, _LEVEL))

    def open(self, sealed: bytes) -> bytes:
        """Return what was sealed. Raises SealBroken if no key fits or the bytes were changed."""
        try:
            return zlib.decompress(self._box.decrypt(sealed))
        except InvalidToken:
            raise SealBroken from None
