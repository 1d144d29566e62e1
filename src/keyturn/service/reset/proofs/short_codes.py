"""Short codes that users type: those of mails and of SMS."""

import hmac
from collections.abc import Sequence
from datetime import datetime

from keyturn.service.clock import random_below
from keyturn.service.keys import derive
from keyturn.service.one_time_secrets import Minted, OneTimeSecret, Purpose
from keyturn.service.reset.records.lifetimes import CODE_LIFE


class ShortCodes:
    """Mints short codes, and compares them.

    For each `key` there is one code, which replaces the one before. The database stores an HMAC of
    it under a secret key, since all codes of a few digits could be tried against a plain hash (NIST
    SP 800-63B 3.1.2.2). The first of `keys` makes it; all of them are compared.
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
    ) -> Minted:
        """Return a fresh code, and the secret to store. All codes are equally likely.

        `key`: the digest of what the code belongs to, such as a mailbox.
        `use`: what the code is for. It fits nothing else.
        """
        code = f"{random_below(10**self._digits):0{self._digits}}"
        secret = OneTimeSecret(
            purpose=self._purpose,
            key=key,
            proof=_digest(self._keys[0], key, use, code),
            account_id=account_id,
            mailbox=mailbox,
            created_at=moment,
            expires_at=moment + CODE_LIFE,
        )
        return Minted(code, secret)

    def fits(
        self, written: str, key: bytes, code: OneTimeSecret | None, *, use: bytes = b""
    ) -> bool:
        """Tell whether `written` is the code.

        The work is the same without a code, and wherever the two differ (CWE-208).
        """
        stored = b""
        if code and code.proof:
            stored = code.proof
        is_right = False
        for secret in self._keys:
            # Every key is compared, also after one that fits.
            if hmac.compare_digest(_digest(secret, key, use, written), stored):
                is_right = True
        return is_right


def _digest(secret: bytes, key: bytes, use: bytes, code: str) -> bytes:
    return hmac.digest(secret, key + use + code.encode("utf-8", "surrogatepass"), "sha256")
