"""Device cookies: who signed in in a browser before is not kept out by guesses that strangers make elsewhere."""

import base64
import hmac
import os
import re
from collections.abc import Sequence
from hashlib import sha256

from keyturn import addresses
from keyturn.settings.keys import derive

_NONCE_BYTES = 16
_SHAPE = re.compile(r"([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})")


class DeviceCookies:
    """Issues and reads them, after OWASP's "Slow Down Online Guessing Attacks with Device Cookies".

    A value is a nonce and its signature for one address, which it does not show: in another's hands it is good for as
    many guesses as the limit has, and opens nothing. The first of `secrets` signs, all of them verify.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [derive(secret, "device cookies") for secret in secrets]

    def issue(self, email: str) -> str:
        """Return a value for whoever has just proved that the account with that address is theirs."""
        nonce = _base64url(os.urandom(_NONCE_BYTES))
        return f"{nonce}.{_signature(self._keys[0], nonce, email)}"

    def guesser(self, value: str, email: str) -> str:
        """Return whom a guess at the address counts against: the device, or everybody who comes without its cookie."""
        shaped = _SHAPE.fullmatch(value)
        if not shaped:
            return addresses.normalize(email)
        nonce, signature = shaped.groups()
        signed = [hmac.compare_digest(signature, _signature(key, nonce, email)) for key in self._keys]
        return f"device {nonce}" if any(signed) else addresses.normalize(email)


def _signature(key: bytes, nonce: str, email: str) -> str:
    return _base64url(hmac.digest(key, f"{nonce}.{addresses.normalize(email)}".encode(), sha256))


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
