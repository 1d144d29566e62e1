"""Checks passwords against stored hashes in the formats of many apps, and writes some of these
formats.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Callable

import bcrypt

from keyturn.service.clock import random_bytes
from keyturn.service.settings import BCRYPT_PREFIXES, PBKDF2_ITERATIONS, HashingSettings

BCRYPT_BYTES = 72
"""bcrypt reads no more and ignores the rest (CVE-2025-22228)."""

_MOST_MEMORY = 2**31
"""Bytes, RFC 9106's first recommendation.

A broken hash must not fill the memory or hold a thread for hours.
"""

_MOST_ITERATIONS = 10**7
_MOST_PASSES = 64
_HIGHEST_COST = 18


def fits(password: bytes, stored: str) -> bool | None:
    """Tell whether a password fits a stored hash; None, without any work, if the hash is in no
    known format.

    bcrypt accepts at most 72 bytes. Others read all: a user whose app accepted a longer password
    can still sign in.
    """
    parts = hash_parts(stored)
    return _FORMATS[parts.re](password, parts) if parts else None


def bcrypt_cost(stored: str) -> int | None:
    """Return the cost of a hash that `fits` checks with bcrypt; None for every other hash."""
    parts = hash_parts(stored)
    return int(parts["cost"]) if parts and "cost" in parts.groupdict() else None


def hash_parts(stored: str) -> re.Match[str] | None:
    """Return the parts of a hash in a known format, by their names: "hash", "cost", "iterations"
    and so on.
    """
    return next(filter(None, (pattern.fullmatch(stored) for pattern in _FORMATS)), None)


def _bcrypt(password: bytes, match: re.Match[str]) -> bool | None:
    if int(match["cost"]) > _HIGHEST_COST:
        return None
    try:
        right = bcrypt.checkpw(password[:BCRYPT_BYTES], match["hash"].encode())
    except ValueError:
        return None
    # Cut only so that the work is the same: passwords over 72 bytes were never accepted.
    return right and len(password) <= BCRYPT_BYTES


def _bcrypt_sha256(password: bytes, match: re.Match[str]) -> bool | None:
    return _bcrypt(hashlib.sha256(password).hexdigest().encode(), match)


def _argon2(password: bytes, match: re.Match[str]) -> bool | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.kdf import argon2

    costs = {name: int(match[name]) for name in ("memory_cost", "iterations", "lanes")}
    if (
        costs["memory_cost"] * 1024 > _MOST_MEMORY
        or max(costs["iterations"], costs["lanes"]) > _MOST_PASSES
    ):
        return None
    try:  # the PHC string format leaves the padding out
        parts = (text + "=" * (-len(text) % 4) for text in match.group("salt", "base64"))
        salt, expected = (base64.b64decode(part, validate=True) for part in parts)
        function = getattr(argon2, f"Argon2{match['type']}")(
            salt=salt, length=len(expected), **costs
        )
        derived = function.derive(password)
    except (ValueError, MemoryError, UnsupportedAlgorithm):
        # A part is shorter than RFC 9106 allows, or no base64; no such memory is free, or OpenSSL
        # has no Argon2.
        return None
    return hmac.compare_digest(derived, expected)


def _pbkdf2(password: bytes, match: re.Match[str]) -> bool | None:
    iterations, expected = int(match["iterations"]), _decode_digest(match)
    if expected is None or not 0 < iterations <= _MOST_ITERATIONS:
        return None
    derived = hashlib.pbkdf2_hmac(match["digest"], password, match["salt"].encode(), iterations)
    return hmac.compare_digest(derived, expected)


def _scrypt(password: bytes, match: re.Match[str]) -> bool | None:
    n, r, p = int(match["n"]), int(match["r"]), int(match["p"])
    expected = _decode_digest(match)
    if expected is None or 128 * n * r * p > _MOST_MEMORY:
        return None
    memory = (
        128 * r * (n + p + 2)
    )  # RFC 7914: N blocks of 128 * r bytes and p more; OpenSSL counts two of its own
    try:
        derived = hashlib.scrypt(
            password, salt=match["salt"].encode(), n=n, r=r, p=p, maxmem=memory, dklen=64
        )
    except ValueError:  # N is no power of two, or r or p is 0
        return None
    return hmac.compare_digest(derived, expected)


def _decode_digest(match: re.Match[str]) -> bytes | None:
    """Return the derived key as bytes: Werkzeug writes it in hexadecimal, Django in base64."""
    parts = match.groupdict()
    try:
        return (
            bytes.fromhex(parts["hex"])
            if "hex" in parts
            else base64.b64decode(parts["base64"], validate=True)
        )
    except (ValueError, binascii.Error):
        return None


_BCRYPT = r"(?P<hash>\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53})"
_ARGON2 = (
    r"\$argon2(?P<type>id|i|d)\$v=19\$"
    r"m=(?P<memory_cost>\d{1,8}),t=(?P<iterations>\d{1,8}),p=(?P<lanes>\d{1,8})"
)
_SALT = r"(?P<salt>[ -#%-~]{1,256})"
_BASE64 = r"(?P<base64>[A-Za-z0-9+/]{1,128}={0,2})"
_HEX = r"(?P<hex>[0-9a-f]{1,256})"
_ITERATIONS = r"(?P<iterations>\d{1,9})"

# bcrypt: $2a$, $2b$ and $2y$ are the same algorithm. $2x$ marks hashes of a broken algorithm, which
# is not supported (CVE-2011-2483, https://www.openwall.com/crypt/). Django:
# https://docs.djangoproject.com/en/5.2/topics/auth/passwords/#how-django-stores-passwords Spring:
# https://docs.spring.io/spring-security/reference/features/authentication/password-storage.html
# Werkzeug:
# https://werkzeug.palletsprojects.com/en/stable/utils/#werkzeug.security.generate_password_hash
_FORMATS: dict[re.Pattern[str], Callable[[bytes, re.Match[str]], bool | None]] = {
    re.compile(pattern, re.ASCII): check
    for pattern, check in (
        (rf"(?:bcrypt\$|\{{bcrypt\}})?{_BCRYPT}", _bcrypt),
        (rf"bcrypt_sha256\${_BCRYPT}", _bcrypt_sha256),
        (rf"(?:argon2)?{_ARGON2}\${_SALT}\${_BASE64}", _argon2),
        (rf"pbkdf2_(?P<digest>sha1|sha256)\${_ITERATIONS}\${_SALT}\${_BASE64}", _pbkdf2),
        (rf"pbkdf2:(?P<digest>sha1|sha256|sha512):{_ITERATIONS}\${_SALT}\${_HEX}", _pbkdf2),
        (
            rf"scrypt\$(?P<n>\d{{1,9}})\${_SALT}\$(?P<r>\d{{1,3}})\$(?P<p>\d{{1,3}})\${_BASE64}",
            _scrypt,
        ),
        (rf"scrypt:(?P<n>\d{{1,9}}):(?P<r>\d{{1,3}}):(?P<p>\d{{1,3}})\${_SALT}\${_HEX}", _scrypt),
    )
}


# Writers of hashes, in the formats that the app's own sign-in reads


_LETTERS = string.ascii_letters + string.digits
_OURS = "$2b$"
_SCRYPT_MEMORY = 64 * 2**20
"""Bytes: N * r * 128 and a little more (RFC 7914, 2)."""


def write_hash(password: bytes, settings: HashingSettings) -> str:
    """Return a hash in the settings' format. Raises ValueError over `settings.max_bytes`."""
    if len(password) > settings.max_bytes:
        raise ValueError(f"a password must have at most {settings.max_bytes} bytes")
    return _WRITERS[settings.format](password, settings)


def _write_bcrypt(password: bytes, settings: HashingSettings) -> str:
    written = bcrypt.hashpw(password, bcrypt.gensalt(settings.cost)).decode()
    return BCRYPT_PREFIXES[settings.format] + written.removeprefix(_OURS)


def _write_django_pbkdf2(password: bytes, settings: HashingSettings) -> str:
    """Write Django's default: a salt of 22 letters and digits has 128 bits."""
    salt = _salt(22)
    derived = hashlib.pbkdf2_hmac("sha256", password, salt.encode(), PBKDF2_ITERATIONS)
    return f"{settings.hash_start}{salt}${base64.b64encode(derived).decode()}"


def _write_argon2id(password: bytes, _: HashingSettings) -> str:
    """Write the default of argon2-cffi, pwdlib and passlib: RFC 9106's second recommendation, of 64
    MiB.
    """
    from cryptography.hazmat.primitives.kdf import argon2

    function = argon2.Argon2id(
        salt=random_bytes(16), length=32, iterations=3, lanes=4, memory_cost=64 * 1024
    )
    return function.derive_phc_encoded(password)


def _write_werkzeug_scrypt(password: bytes, settings: HashingSettings) -> str:
    """Write Werkzeug's default."""
    salt = _salt(16)
    derived = hashlib.scrypt(
        password, salt=salt.encode(), n=2**15, r=8, p=1, maxmem=_SCRYPT_MEMORY, dklen=64
    )
    return f"{settings.hash_start}{salt}${derived.hex()}"


def _salt(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


_WRITERS: dict[str, Callable[[bytes, HashingSettings], str]] = {
    **dict.fromkeys(BCRYPT_PREFIXES, _write_bcrypt),
    "django-pbkdf2": _write_django_pbkdf2,
    "argon2id": _write_argon2id,
    "werkzeug-scrypt": _write_werkzeug_scrypt,
}
