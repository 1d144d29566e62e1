"""Checks passwords against hashes in the formats of many apps.

**Keyturn writes hashes that the app's own sign-in reads** (`hashing.format`, `hash_writers.py`). It
reads many formats, with limits of memory and rounds, so that a broken hash cannot hold a thread for
long.

Declined: passlib and libpass. Each format is one call.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import bcrypt

BCRYPT_BYTES = 72
"""Bytes of a password that bcrypt reads. It ignores the rest (CVE-2025-22228)."""

# Limits of one check: a broken hash must not fill the memory, or hold a thread for hours.

_MOST_MEMORY = 2**31
"""Bytes of memory for Argon2 and scrypt: RFC 9106's first recommendation."""

_MOST_ITERATIONS = 10**7
"""Rounds of PBKDF2: eight times as many as Django 6.0 has, so some seconds of a thread."""

_MOST_PASSES = 64
"""Passes of Argon2 over its memory, of which RFC 9106 recommends one or three; also its lanes. With
the most memory, a pass takes about a second.
"""

_HIGHEST_COST = 18
"""Cost of bcrypt. One more doubles the time: this takes 64 times as long as the default of 12."""


def fits(password: bytes, stored: str) -> bool | None:
    """Tell whether a password fits a stored hash.

    None, without any work, if the format of the hash is unknown or its parameters exceed the
    limits. bcrypt accepts at most 72 bytes. The other formats read all bytes, so a user whose app
    accepted a longer password can still sign in.
    """
    recognised = _recognise(stored)
    if recognised is None:
        return None
    return recognised.format.check(password, recognised.parts)


def bcrypt_cost(stored: str) -> int | None:
    """Return the cost of a hash that `fits` checks with bcrypt; None for every other hash."""
    recognised = _recognise(stored)
    if recognised is None:
        return None
    cost = recognised.parts.groupdict().get("cost")
    return int(cost) if cost else None


def is_readable(stored: str) -> bool:
    """Tell whether the hash has a format that `fits` knows."""
    return _recognise(stored) is not None


def _bcrypt(password: bytes, parts: re.Match[str]) -> bool | None:
    if int(parts["cost"]) > _HIGHEST_COST:
        return None
    try:
        right = bcrypt.checkpw(password[:BCRYPT_BYTES], parts["hash"].encode())
    except ValueError:
        return None
    # The password is cut so that the work is the same. One over 72 bytes is never right.
    return right and len(password) <= BCRYPT_BYTES


def _bcrypt_sha256(password: bytes, parts: re.Match[str]) -> bool | None:
    return _bcrypt(hashlib.sha256(password).hexdigest().encode(), parts)


def _argon2(password: bytes, parts: re.Match[str]) -> bool | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.kdf import argon2

    memory = int(parts["memory_cost"])  # KiB
    iterations = int(parts["iterations"])
    lanes = int(parts["lanes"])
    if memory * 1024 > _MOST_MEMORY or max(iterations, lanes) > _MOST_PASSES:
        return None
    try:
        salt = _decode_unpadded(parts["salt"])
        expected = _decode_unpadded(parts["base64"])
        match parts["type"]:
            case "id":
                variant: Any = argon2.Argon2id
            case "i":
                variant = argon2.Argon2i
            case _:
                variant = argon2.Argon2d
        function = variant(
            salt=salt,
            length=len(expected),
            iterations=iterations,
            lanes=lanes,
            memory_cost=memory,
        )
        derived = function.derive(password)
    except (ValueError, MemoryError, UnsupportedAlgorithm):
        # A part is shorter than RFC 9106 allows, or not base64; or there is not enough memory; or
        # OpenSSL has no Argon2.
        return None
    return hmac.compare_digest(derived, expected)


def _decode_unpadded(text: str) -> bytes:
    # The PHC string format leaves the padding out.
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _pbkdf2(password: bytes, parts: re.Match[str]) -> bool | None:
    iterations = int(parts["iterations"])
    expected = _decode_digest(parts)
    if expected is None or not 0 < iterations <= _MOST_ITERATIONS:
        return None
    derived = hashlib.pbkdf2_hmac(parts["digest"], password, parts["salt"].encode(), iterations)
    return hmac.compare_digest(derived, expected)


def _scrypt(password: bytes, parts: re.Match[str]) -> bool | None:
    n = int(parts["n"])
    r = int(parts["r"])
    p = int(parts["p"])
    expected = _decode_digest(parts)
    # The memory is 128 * n * r. The work is repeated p times, so p is bounded with it.
    if expected is None or 128 * n * r * p > _MOST_MEMORY:
        return None
    # RFC 7914: N blocks of 128 * r bytes, and p more. OpenSSL needs two of its own.
    memory = 128 * r * (n + p + 2)
    try:
        derived = hashlib.scrypt(
            password, salt=parts["salt"].encode(), n=n, r=r, p=p, maxmem=memory, dklen=64
        )
    except ValueError:  # N is no power of two, or r or p is 0
        return None
    return hmac.compare_digest(derived, expected)


def _decode_digest(parts: re.Match[str]) -> bytes | None:
    """Return the derived key as bytes; None if it is malformed.

    Werkzeug writes it in hexadecimal digits, Django in base64.
    """
    groups = parts.groupdict()
    try:
        if "hex" in groups:
            return bytes.fromhex(groups["hex"])
        return base64.b64decode(groups["base64"], validate=True)
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


class _Format(NamedTuple):
    """A format: the pattern of its hashes, and the check of a password against one."""

    pattern: re.Pattern[str]
    check: Callable[[bytes, re.Match[str]], bool | None]

    @classmethod
    def of(cls, pattern: str, check: Callable[[bytes, re.Match[str]], bool | None]) -> "_Format":
        return cls(re.compile(pattern, re.ASCII), check)


# bcrypt: $2a$, $2b$ and $2y$ are the same algorithm. $2x$ marks hashes of a broken algorithm, which
# is not supported (CVE-2011-2483, https://www.openwall.com/crypt/).
# Django:
# https://docs.djangoproject.com/en/5.2/topics/auth/passwords/#how-django-stores-passwords
# Spring:
# https://docs.spring.io/spring-security/reference/features/authentication/password-storage.html
# Werkzeug:
# https://werkzeug.palletsprojects.com/en/stable/utils/#werkzeug.security.generate_password_hash
_FORMATS = (
    _Format.of(rf"(?:bcrypt\$|\{{bcrypt\}})?{_BCRYPT}", _bcrypt),
    _Format.of(rf"bcrypt_sha256\${_BCRYPT}", _bcrypt_sha256),
    _Format.of(rf"(?:argon2)?{_ARGON2}\${_SALT}\${_BASE64}", _argon2),
    _Format.of(rf"pbkdf2_(?P<digest>sha1|sha256)\${_ITERATIONS}\${_SALT}\${_BASE64}", _pbkdf2),
    _Format.of(rf"pbkdf2:(?P<digest>sha1|sha256|sha512):{_ITERATIONS}\${_SALT}\${_HEX}", _pbkdf2),
    _Format.of(
        rf"scrypt\$(?P<n>\d{{1,9}})\${_SALT}\$(?P<r>\d{{1,3}})\$(?P<p>\d{{1,3}})\${_BASE64}",
        _scrypt,
    ),
    _Format.of(
        rf"scrypt:(?P<n>\d{{1,9}}):(?P<r>\d{{1,3}}):(?P<p>\d{{1,3}})\${_SALT}\${_HEX}", _scrypt
    ),
)


class _Recognised(NamedTuple):
    """The format of a stored hash, and the parts of the hash."""

    format: _Format
    parts: re.Match[str]


def _recognise(stored: str) -> _Recognised | None:
    """Return the format; None if it is unknown."""
    for one in _FORMATS:
        parts = one.pattern.fullmatch(stored)
        if parts:
            return _Recognised(one, parts)
    return None
