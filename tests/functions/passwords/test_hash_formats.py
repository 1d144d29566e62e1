"""Hashes that other libraries have written: read here, and never a crash."""

import warnings
from collections.abc import AsyncIterator
from typing import Any

import argon2
import bcrypt
import pytest
from django.conf import settings as django_settings
from django.contrib.auth import hashers
from werkzeug.security import generate_password_hash

from keyturn.service.accounts.hash_formats import fits
from keyturn.service.reset.passwords.hasher import PasswordHasher
from keyturn.service.settings import HashingSettings
from keyturn.service.telemetry.logs import redact

PASSWORD = "seven quiet harbours"
LONG = "long " * 30
"""150 bytes."""

# Node 20: bcrypt 6.0.0, `bcrypt.hashSync(PASSWORD, 4)`, and with `genSaltSync(4, "a")`; bcryptjs
# 3.0.3, the same.
NODE = {
    "node bcrypt": "$2b$04$4hCfrRmtv9d0rzxsDv0eXuFVrkwm840LW5VYhU3g//blWcBCF/QaK",
    "node bcrypt, minor a": "$2a$04$pdGYge0KVTLlbav7gTMTz.GiQYhlCYp5mgYAFX4rUzggkR3oDEULC",
    "node bcryptjs": "$2b$04$Uk/wHqYRP/Nk/mlyD8fUwuh/1Y8ypsluaJ2e578cCW8j9ezYXdSU2",
}

# PHP 8.2.36: `password_hash(PASSWORD, PASSWORD_BCRYPT, ["cost" => 4])`.
PHP = {"PHP": "$2y$04$JMUoRidbqGslZmCpEKTocOArt2IipfoDHW.kFqRYSYkjdv6BKd7/i"}


def made_here(password: str) -> dict[str, str]:
    types = {"argon2id": argon2.Type.ID, "argon2i": argon2.Type.I, "argon2d": argon2.Type.D}
    made = {
        name: argon2.PasswordHasher(type=kind, time_cost=1, memory_cost=64, parallelism=1).hash(
            password
        )
        for name, kind in types.items()
    }
    for method in (
        "pbkdf2:sha256:1000",
        "pbkdf2:sha1:1000",
        "pbkdf2:sha512:1000",
        "scrypt:1024:8:1",
        "scrypt",
    ):
        made[f"werkzeug {method}"] = generate_password_hash(password, method)
    for hasher, cheap in DJANGO.items():
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            if hasher is not hashers.BCryptPasswordHasher or len(password) <= 72:  # it refuses more
                made[hasher.__name__] = type("Cheap", (hasher,), cheap)().encode(
                    password, hasher().salt()
                )
    return made


if not django_settings.configured:
    django_settings.configure()

DJANGO: dict[Any, dict[str, int]] = {
    hashers.PBKDF2PasswordHasher: {"iterations": 1000},
    hashers.PBKDF2SHA1PasswordHasher: {"iterations": 1000},
    hashers.Argon2PasswordHasher: {"time_cost": 1, "memory_cost": 64, "parallelism": 1},
    hashers.BCryptSHA256PasswordHasher: {"rounds": 4},
    hashers.BCryptPasswordHasher: {"rounds": 4},
    hashers.ScryptPasswordHasher: {"work_factor": 16},
}
ALL = {**NODE, **PHP, **made_here(PASSWORD)}
ALL |= {
    "Django scrypt, its own work factor": hashers.ScryptPasswordHasher().encode(PASSWORD, "a" * 22)
}
QUICK = {
    name: stored for name, stored in ALL.items() if "16384" not in stored and "32768" not in stored
}
ALL_LONG = made_here(LONG)


@pytest.fixture
async def hasher() -> AsyncIterator[PasswordHasher]:
    hasher = PasswordHasher(HashingSettings(cost=4, workers=1))
    yield hasher
    hasher.close()


@pytest.mark.parametrize("stored", ALL.values(), ids=ALL.keys())
@pytest.mark.long
async def test_the_right_password_fits_and_no_other_does(
    hasher: PasswordHasher, stored: str
) -> None:
    assert await hasher.verify(PASSWORD, stored)
    assert not await hasher.verify(PASSWORD.title(), stored)
    assert not await hasher.verify(PASSWORD + " ", stored)
    assert not await hasher.verify("", stored)


@pytest.mark.parametrize("stored", ALL_LONG.values(), ids=ALL_LONG.keys())
async def test_a_password_over_72_bytes_fits_where_its_format_reads_it_all(
    hasher: PasswordHasher, stored: str
) -> None:
    assert await hasher.verify(LONG, stored)
    assert not await hasher.verify(LONG[:72], stored)
    assert not await hasher.verify(LONG + "x", stored)


@pytest.mark.parametrize("before", ["", "bcrypt$"])
async def test_bcrypt_never_accepts_more_than_it_reads(hasher: PasswordHasher, before: str) -> None:
    """CVE-2025-22228."""
    stored = before + bcrypt.hashpw(LONG[:72].encode(), bcrypt.gensalt(4)).decode()

    assert await hasher.verify(LONG[:72], stored)
    assert not await hasher.verify(LONG, stored)


@pytest.mark.parametrize(
    "stored",
    [
        "!QKks40A3ctfUUN9dkuFYhWCs6ZWi7BY6D8vBG3fN",  # Django's for "no password"
        "$2x$" + NODE["node bcrypt"][4:],  # CVE-2011-2483: no library here computes it
        "$2b$31$" + "x" * 53,
        "$2b$04$" + "{" * 53,
        "pbkdf2_sha256$0$salt$AAAA",
        "pbkdf2_sha256$1000$\ud800$AAAA",
        "pbkdf2_sha256$999999999$salt$AAAA",
        "pbkdf2_md5$1000$salt$AAAA",
        "pbkdf2:sha256:1000$salt$abc",
        "scrypt$15$salt$8$5$AAAA",
        "scrypt$16$salt$0$5$AAAA",
        "scrypt:536870912:8:1$salt$abcd",
        "$argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=64,t=999999,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=64,t=1,p=1$c$A",
        "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
        "seven quiet harbours",
        "hâché 🦊 \ud800",
        "",
    ],
)
async def test_what_is_broken_or_would_take_for_ever_fits_nothing(
    hasher: PasswordHasher, stored: str
) -> None:
    assert fits(PASSWORD.encode(), stored) is None, "so that the decoy's work is done instead"
    assert not await hasher.verify(PASSWORD, stored)


@pytest.mark.parametrize("stored", QUICK.values(), ids=QUICK.keys())
async def test_a_hash_that_was_cut_or_changed_fits_nothing(
    hasher: PasswordHasher, stored: str
) -> None:
    for end in range(0, len(stored), 7):
        assert not await hasher.verify(PASSWORD, stored[:end])
        assert not await hasher.verify(PASSWORD, stored[:end] + "\x00" + stored[end + 1 :])
    # The last letter of base64 may hold bits that nothing reads.
    assert not await hasher.verify(
        PASSWORD, stored[:-6] + ("A" if stored[-6] != "A" else "B") + stored[-5:]
    )


@pytest.mark.parametrize("stored", ALL.values(), ids=ALL.keys())
def test_no_log_prints_a_hash(stored: str) -> None:
    shown = redact(f"the row ('ada', '{stored}') is odd")

    assert stored[-20:] not in shown
    assert shown.endswith("') is odd")
