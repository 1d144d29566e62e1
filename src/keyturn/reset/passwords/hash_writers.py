"""Writes new hashes with the format and parameters of the app's own library, which can read them.

Their cost is at least that of OWASP's Password Storage Cheat Sheet; none takes more than 64 MiB. All of them release
the interpreter's lock.
"""

import base64
import hashlib
import os
import secrets
import string
from collections.abc import Callable

import bcrypt

from keyturn.settings import HashingSettings

_LETTERS = string.ascii_letters + string.digits
_OURS = "$2b$"
_SCRYPT_MEMORY = 64 * 2**20
"""Bytes: N * r * 128 and a little more (RFC 7914, 2)."""

Writer = Callable[[bytes], str]


def writer_of(settings: HashingSettings) -> Writer:
    """Return the writer of the settings' format. It raises ValueError over `settings.max_bytes`."""
    write = _WRITERS[settings.format](settings)

    def write_bounded(password: bytes) -> str:
        if len(password) > settings.max_bytes:
            raise ValueError(f"a password has {settings.max_bytes} bytes at most")
        return write(password)

    return write_bounded


def _bcrypt(settings: HashingSettings) -> Writer:
    prefix = "$2y$" if settings.format == "php" else settings.prefix

    def write(password: bytes) -> str:
        return prefix + bcrypt.hashpw(password, bcrypt.gensalt(settings.cost)).decode().removeprefix(_OURS)

    return write


def _django_pbkdf2(settings: HashingSettings) -> Writer:
    """Write Django's default: a salt of 22 letters and digits has 128 bits.

    https://docs.djangoproject.com/en/stable/topics/auth/passwords/#increasing-the-salt-entropy
    """

    def write(password: bytes) -> str:
        salt = _salt(22)
        derived = hashlib.pbkdf2_hmac("sha256", password, salt.encode(), settings.iterations)
        return f"{settings.hash_start}{salt}${base64.b64encode(derived).decode()}"

    return write


def _argon2id(_: HashingSettings) -> Writer:
    """Write the default of argon2-cffi, pwdlib and passlib: RFC 9106's second recommendation, of 64 MiB."""
    from argon2 import Type, low_level, profiles

    profile = profiles.RFC_9106_LOW_MEMORY

    def write(password: bytes) -> str:
        return low_level.hash_secret(
            password,
            os.urandom(profile.salt_len),
            profile.time_cost,
            profile.memory_cost,
            profile.parallelism,
            profile.hash_len,
            Type.ID,
        ).decode()

    return write


def _werkzeug_scrypt(settings: HashingSettings) -> Writer:
    """Write Werkzeug's default.

    https://werkzeug.palletsprojects.com/en/stable/utils/#werkzeug.security.generate_password_hash
    """

    def write(password: bytes) -> str:
        salt = _salt(16)
        derived = hashlib.scrypt(password, salt=salt.encode(), n=2**15, r=8, p=1, maxmem=_SCRYPT_MEMORY, dklen=64)
        return f"{settings.hash_start}{salt}${derived.hex()}"

    return write


def _salt(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


_WRITERS: dict[str, Callable[[HashingSettings], Writer]] = {
    "bcrypt": _bcrypt,
    "php": _bcrypt,
    "django-pbkdf2": _django_pbkdf2,
    "argon2id": _argon2id,
    "werkzeug-scrypt": _werkzeug_scrypt,
}
