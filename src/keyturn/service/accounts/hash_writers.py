"""Writes hashes of passwords, in the formats that an app's own sign-in reads."""

import base64
import hashlib
import secrets
import string
from collections.abc import Callable

import bcrypt

from keyturn.service.clock import random_bytes
from keyturn.service.settings import BCRYPT_PREFIXES, PBKDF2_ITERATIONS, HashingSettings

_LETTERS = string.ascii_letters + string.digits
_LIBRARY_PREFIX = "$2b$"  # of the hashes that the library bcrypt writes
_SCRYPT_MEMORY = 64 * 2**20
"""Bytes of memory that OpenSSL may use: twice N * r * 128 (RFC 7914, 2)."""


def write_hash(password: bytes, settings: HashingSettings) -> str:
    """Return a hash in the settings' format. Raises ValueError over `settings.max_bytes`."""
    if len(password) > settings.max_bytes:
        raise ValueError(f"a password must have at most {settings.max_bytes} bytes")
    return _WRITERS[settings.format](password, settings)


def _write_bcrypt(password: bytes, settings: HashingSettings) -> str:
    written = bcrypt.hashpw(password, bcrypt.gensalt(settings.cost)).decode()
    return BCRYPT_PREFIXES[settings.format] + written.removeprefix(_LIBRARY_PREFIX)


def _write_django_pbkdf2(password: bytes, settings: HashingSettings) -> str:
    """Write Django's default format. The salt of 22 letters and digits has 128 bits."""
    salt = _salt(22)
    derived = hashlib.pbkdf2_hmac("sha256", password, salt.encode(), PBKDF2_ITERATIONS)
    return f"{settings.hash_start}{salt}${base64.b64encode(derived).decode()}"


def _write_argon2id(password: bytes, _: HashingSettings) -> str:
    """Write Argon2id with the parameters that argon2-cffi, pwdlib and passlib use by default.

    They are RFC 9106's second recommendation, with 64 MiB of memory.
    """
    from cryptography.hazmat.primitives.kdf import argon2

    function = argon2.Argon2id(
        salt=random_bytes(16), length=32, iterations=3, lanes=4, memory_cost=64 * 1024
    )
    return function.derive_phc_encoded(password)


def _write_werkzeug_scrypt(password: bytes, settings: HashingSettings) -> str:
    """Write Werkzeug's default format."""
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
