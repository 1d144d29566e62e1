"""Short codes for people to type, as in mails and by SMS."""

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from keyturn.service.clock import random_below
from keyturn.service.one_time_secrets import OneTimeSecret, Purpose, derive

LIFE = timedelta(minutes=10)
"""OWASP ASVS 6.5.5."""


class ShortCodes:
    """Mints short codes and compares them. Each is one for its `key`, and replaces the one before.

    The database has a digest under a key not in it: 26 bits would be guessed (NIST SP 800-63B
    3.1.2.2). The first of `keys` writes, and all of them are compared.
    """

    def __init__(self, keys: Sequence[str], purpose: Purpose, digits: int) -> None:
        self._keys = [derive(key, f"codes: {purpose}") for key in keys]
        self._purpose = purpose
        self._digits = digits

    def mint(
        self,
        account_id: str,
        key: bytes,
        moment: datetime,
        *,
        mailbox: bytes = b"",
        use: bytes = b"",
    ) -> tuple[str, OneTimeSecret]:
        """Return a fresh code of evenly distributed digits, and what is stored of it.

        `use`: all that it is for.
        """
        code = f"{random_below(10**self._digits):0{self._digits}}"
        return code, OneTimeSecret(
            purpose=self._purpose,
            key=key,
            proof=_digest(self._keys[0], key, use, code),
            account_id=account_id,
            mailbox=mailbox,
            created_at=moment,
            expires_at=moment + LIFE,
        )

    def fits(
        self, written: str, key: bytes, code: OneTimeSecret | None, *, use: bytes = b""
    ) -> bool:
        """Return whether it is the code.

        Without one, and wherever it differs, the work is the same (CWE-208).
        """
        stored = code.proof or b"" if code else b""
        compared = [
            hmac.compare_digest(_digest(one, key, use, written), stored) for one in self._keys
        ]
        return any(compared)


def _digest(secret: bytes, key: bytes, use: bytes, code: str) -> bytes:
    return hmac.digest(secret, key + use + code.encode("utf-8", "surrogatepass"), "sha256")
