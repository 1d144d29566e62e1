"""Codes that change with time (TOTP, RFC 6238), by pyotp. Pure."""

import base64
import hmac
import re
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pyotp

SEED_BYTES = 20
"""160 bits, as RFC 4226 recommends (section 4, R6)."""

_SHORTEST = 10
"""Bytes. RFC 4226 demands 128 bits, and yet the seeds of many apps have 80; what is less is a mistake."""

_STEP = 30
"""Seconds: ASVS 6.5.5."""

_DRIFT = (0, -1, 1)
"""Steps beside the server's own that are taken: a slow thumb, and a phone's clock (RFC 6238, 5.2)."""

_CODE = re.compile(r"[0-9]{6}", re.ASCII)
_BLANKS = re.compile(r"[\s-]+")


def totp_step(seed: bytes, code: str, moment: datetime) -> int | None:
    """Return the step whose code this is; None where it is none of those that are taken now."""
    plain = _BLANKS.sub("", code)
    if not _CODE.fullmatch(plain):
        return None
    totp, now = _totp(seed), int(moment.timestamp()) // _STEP
    found = [step for step in (now + drift for drift in _DRIFT) if hmac.compare_digest(totp.generate_otp(step), plain)]
    return max(found, default=None)


def otpauth_uri(seed: bytes, email: str, issuer: str) -> str:
    """Return what an authenticator app reads off a QR code."""
    uri: str = pyotp.TOTP(base32(seed)).provisioning_uri(name=email, issuer_name=issuer)
    return uri


def base32(seed: bytes) -> str:
    return base64.b32encode(seed).decode().rstrip("=")


def seed_of_base32(text: str) -> bytes:
    """Return the seed that people write in groups, in small letters, or as an otpauth:// address. Raises ValueError."""
    if text.startswith("otpauth://"):
        (text,) = parse_qs(urlsplit(text).query)["secret"]
    plain = _BLANKS.sub("", text).rstrip("=")
    return checked_seed(base64.b32decode(plain + "=" * (-len(plain) % 8), casefold=True))


def checked_seed(seed: bytes) -> bytes:
    """Return the seed. Raises ValueError for one that anybody could guess."""
    if len(seed) < _SHORTEST:
        raise ValueError("too short for a seed")
    return seed


def _totp(seed: bytes) -> pyotp.TOTP:
    # pyotp refuses seeds under 112 bits since 2.12. HMAC fills a key with zeros up to its block (RFC 2104, 2), so that
    # a short one gives the same codes with some of them written out.
    return pyotp.TOTP(base64.b32encode(seed.ljust(SEED_BYTES, b"\0")).decode())
