"""The secret in a link, and the digest that the database keeps. Pure: time and randomness are arguments."""

import base64
from collections.abc import Callable
from hashlib import sha256

BYTES = 32
"""256 bits; OWASP's Forgot Password Cheat Sheet asks for long and random, NIST SP 800-63B for at least 112 bits."""

LENGTH = 43
"""Characters of 32 bytes in base64url without padding (RFC 4648, section 5)."""


_BEHIND_A_LINK = ".,;:!?)]}>»”’'\"*"
"""Signs that mail apps take for a part of a link before them."""


def mint(random_bytes: Callable[[int], bytes]) -> str:
    """Return a fresh token, URL-safe as it is."""
    return base64.urlsafe_b64encode(random_bytes(BYTES)).rstrip(b"=").decode()


def digest(token: str) -> bytes:
    """Return the digest that is stored and searched for, without the signs of a sentence behind a link.

    An unsalted fast hash is right here: the token is random, so guessing is hopeless. A search by digest in an index
    leaks no useful timing about the token itself (NIST SP 800-63B 3.1.2.2 on look-up secrets).
    """
    return sha256(token.rstrip(_BEHIND_A_LINK).encode("utf-8", "surrogatepass")).digest()
