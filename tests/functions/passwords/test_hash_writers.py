"""A new hash is what the app's own library reads, and would write itself:
asked of the libraries.
"""

from collections.abc import Callable
from typing import Any

import bcrypt
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.hashers import check_password, identify_hasher
from pwdlib import PasswordHash
from werkzeug.security import check_password_hash

from keyturn.service.reset.passwords.hasher import PasswordHasher
from keyturn.service.settings import BCRYPT_PREFIXES, HashingSettings

PASSWORD = "seven quiet harbours"

if not django_settings.configured:
    django_settings.configure()


def reads_bcrypt(password: str, stored: str) -> bool:
    return bcrypt.checkpw(
        password.encode(), stored.removeprefix("bcrypt$").removeprefix("{bcrypt}").encode()
    )


LIBRARIES: dict[str, Callable[[str, str], bool]] = {
    **dict.fromkeys(BCRYPT_PREFIXES, reads_bcrypt),
    "django-pbkdf2": check_password,
    "argon2id": lambda password, stored: PasswordHash.recommended().verify(password, stored),
    "werkzeug-scrypt": lambda password, stored: check_password_hash(stored, password),
}


def settings_of(name: Any) -> HashingSettings:
    return HashingSettings(format=name, cost=10, workers=1)


async def hash_of(settings: HashingSettings, password: str) -> str:
    hasher = PasswordHasher(settings)
    try:
        return await hasher.hash(password)
    finally:
        hasher.close()


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.long
async def test_the_app_s_own_library_reads_what_is_written_and_so_does_keyturn(name: str) -> None:
    settings = settings_of(name)
    hasher = PasswordHasher(settings)
    stored, another = await hasher.hash(PASSWORD), await hasher.hash(PASSWORD)

    assert LIBRARIES[name](PASSWORD, stored)
    assert not LIBRARIES[name]("another", stored)
    assert await hasher.verify(PASSWORD, stored)
    assert not await hasher.verify("another", stored)
    assert stored != another, "a salt of its own"
    assert stored.startswith(settings.hash_start)
    assert name not in BCRYPT_PREFIXES or stored.startswith(f"{BCRYPT_PREFIXES[name]}10$")
    assert len(stored) == settings.hash_length
    hasher.close()


async def test_django_6_and_pwdlib_themselves_would_leave_it_as_it_is() -> None:
    """Django hashes anew at a sign-in where the iterations or the salt are not its own."""
    stored = await hash_of(HashingSettings(format="django-pbkdf2", workers=1), PASSWORD)
    hasher = identify_hasher(stored)
    hasher.iterations = (
        1_200_000  # of Django 6.0, https://docs.djangoproject.com/en/6.0/releases/6.0/
    )
    assert not hasher.must_update(stored)

    stored = await hash_of(settings_of("argon2id"), PASSWORD)
    assert PasswordHash.recommended().verify_and_update(PASSWORD, stored) == (True, None)


@pytest.mark.parametrize("name", LIBRARIES)
async def test_more_than_is_read_is_refused_and_not_cut(name: str) -> None:
    with pytest.raises(ValueError, match=f"at most {settings_of(name).max_bytes} bytes"):
        await hash_of(settings_of(name), "x" * (settings_of(name).max_bytes + 1))
