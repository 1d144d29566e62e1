"""Hashes that other libraries have written: read here, and never a crash."""

from collections.abc import AsyncIterator
from typing import Any

import argon2
import bcrypt
import pytest
from werkzeug.security import generate_password_hash

from keyturn.service.reset.passwords.hash_formats import fits
from keyturn.service.reset.passwords.hasher import PasswordHasher
from keyturn.service.settings import BCRYPT_PREFIXES, HashingSettings
from keyturn.service.telemetry.logs import redact

PASSWORD = "seven quiet harbours"
LONG = "long " * 30
"""150 bytes."""

# Node 20: bcrypt 6.0.0, `bcrypt.hashSync(PASSWORD, 4)`, and with `genSaltSync(4, "a")`; bcryptjs 3.0.3, the same.
NODE = {
    "node bcrypt": "$2b$04$4hCfrRmtv9d0rzxsDv0eXuFVrkwm840LW5VYhU3g//blWcBCF/QaK",
    "node bcrypt, minor a": "$2a$04$pdGYge0KVTLlbav7gTMTz.GiQYhlCYp5mgYAFX4rUzggkR3oDEULC",
    "node bcryptjs": "$2b$04$Uk/wHqYRP/Nk/mlyD8fUwuh/1Y8ypsluaJ2e578cCW8j9ezYXdSU2",
}

# PHP 8.2.36: `password_hash(PASSWORD, PASSWORD_BCRYPT, ["cost" => 4])`.
PHP = {"PHP": "$2y$04$JMUoRidbqGslZmCpEKTocOArt2IipfoDHW.kFqRYSYkjdv6BKd7/i"}

# Django 5.2.19: `hasher.encode(PASSWORD, hasher.salt())` of each class in django.contrib.auth.hashers, with iterations
# 1000, rounds 4, work_factor 16, and for argon2 time_cost 1, memory_cost 64, parallelism 1.
DJANGO = {
    "PBKDF2": "pbkdf2_sha256$1000$KaMYj2W2uZleneRv291Nxk$kfBEjNo4rWwxWKBC4f0L3we5SaA19f7krqelwLLwx0w=",
    "PBKDF2SHA1": "pbkdf2_sha1$1000$Jq4N6iIB6RNBw63dWqweLd$u1jJf8SI20ZUPzjo0TiOD77SrZs=",
    "Argon2": (
        "argon2$argon2id$v=19$m=64,t=1,p=1$end1aFFyWGNVd1FCeDdaRkRPVDB6Sg$yjR48g96P93zA4+kYdmLQvg+cd4dmJSkMJJxcdHio1A"
    ),
    "BCryptSHA256": "bcrypt_sha256$$2b$04$rPHw3VUp1fl8gM64fmhdpufB1xz3Opj692Jgs0sZrQJ9QC37Qn2sC",
    "BCrypt": "bcrypt$$2b$04$bZZUMQvElQxxND259GXxPei5.ls2pJNHoj7wBXyU9tU54OK7QXlNq",
    "Scrypt": (
        "scrypt$16$6KG7mmRH8wsvkpYwg3pc9p$8$5$jrLJebaIGBcj78/Rs6aqYybBPCdakpt1C8Nkk1gqHEfNMhxXcNDaZ4JMCsJ+cMTfsJuHn4ms"
        "CFAEP2ylZSTg0Q=="
    ),
    "Scrypt, its own work factor": (
        "scrypt$16384$NigWCwoCXY4dX7SctGLiTO$8$5$axLuMr0QJp4rOI9DUeVLDtCyAesLUw25ONhK5uRJAjIyZ8EmyOLYUlhTOgYnzcmofPgrj5"
        "P/O08Q5028y+FoQg=="
    ),
}

# The same for LONG, which BCryptPasswordHasher refuses.
DJANGO_LONG = {
    "PBKDF2": "pbkdf2_sha256$1000$MiyGIXMjY3ow2UINDL0lWB$jIgn54kTApdCGHQvNDidIO+ZfVe1qWogdel0nzocqbw=",
    "PBKDF2SHA1": "pbkdf2_sha1$1000$X25ll2FHGSjBZ43UStrfGL$nuXAst4wgqdCHVKBGFgMlnkKRo4=",
    "Argon2": (
        "argon2$argon2id$v=19$m=64,t=1,p=1$VVJTTllOcVFrRXlnUDhEanQ0b3VCWQ$goeNqo5Ky9TuXqG82wjO4fJAkHIs64JebHF7uWZ7snI"
    ),
    "BCryptSHA256": "bcrypt_sha256$$2b$04$5LxHfXCbDh7Z5QWa9sUiiOay5fvnz2h/hxLCk7Qhg49e0p0Fwee5e",
    "Scrypt": (
        "scrypt$16$G6NKYjcanYoIN2hSVxyj9a$8$5$ohf8dihvu6hCXx3zbyY92nRja+ulCFSLTzPxTvKZ2y/epfz+oaStkmDx2Hh6cI/Ew+0yD/W5"
        "VtGbeS8qx8a6Ow=="
    ),
}


def made_here(password: str) -> dict[str, str]:
    """Return hashes that the libraries themselves make now."""
    types = {"argon2id": argon2.Type.ID, "argon2i": argon2.Type.I, "argon2d": argon2.Type.D}
    made = {
        name: argon2.PasswordHasher(type=kind, time_cost=1, memory_cost=64, parallelism=1).hash(password)
        for name, kind in types.items()
    }
    for method in ("pbkdf2:sha256:1000", "pbkdf2:sha1:1000", "pbkdf2:sha512:1000", "scrypt:1024:8:1", "scrypt"):
        made[f"werkzeug {method}"] = generate_password_hash(password, method)
    return made


ALL = {**NODE, **PHP, **DJANGO, **made_here(PASSWORD)}
QUICK = {name: stored for name, stored in ALL.items() if "16384" not in stored and "32768" not in stored}
ALL_LONG = {**DJANGO_LONG, **made_here(LONG)}


@pytest.fixture
async def hasher() -> AsyncIterator[PasswordHasher]:
    hasher = PasswordHasher(HashingSettings(cost=4, workers=1))
    yield hasher
    hasher.close()


@pytest.mark.parametrize("stored", ALL.values(), ids=ALL.keys())
@pytest.mark.long
async def test_the_right_password_fits_and_no_other_does(hasher: PasswordHasher, stored: str) -> None:
    assert await hasher.verify(PASSWORD, stored)
    assert not await hasher.verify(PASSWORD.title(), stored)
    assert not await hasher.verify(PASSWORD + " ", stored)
    assert not await hasher.verify("", stored)


@pytest.mark.parametrize("stored", ALL_LONG.values(), ids=ALL_LONG.keys())
async def test_a_password_over_72_bytes_fits_where_its_format_reads_it_all(hasher: PasswordHasher, stored: str) -> None:
    assert await hasher.verify(LONG, stored)
    assert not await hasher.verify(LONG[:72], stored)
    assert not await hasher.verify(LONG + "x", stored)


@pytest.mark.parametrize("before", ["", "bcrypt$"])
async def test_bcrypt_never_accepts_more_than_it_reads(hasher: PasswordHasher, before: str) -> None:
    """CVE-2025-22228."""
    stored = before + bcrypt.hashpw(LONG[:72].encode(), bcrypt.gensalt(4)).decode()

    assert await hasher.verify(LONG[:72], stored)
    assert not await hasher.verify(LONG, stored)


async def test_a_hash_of_the_broken_bcrypt_is_no_hash(hasher: PasswordHasher) -> None:
    """CVE-2011-2483: no library here computes $2x$, so such a hash is not verified."""
    stored = "$2x$" + NODE["node bcrypt"][4:]

    assert fits(PASSWORD.encode(), stored) is None
    assert not await hasher.verify(PASSWORD, stored)


@pytest.mark.parametrize(
    "stored",
    [
        "!QKks40A3ctfUUN9dkuFYhWCs6ZWi7BY6D8vBG3fN",  # Django's for "no password"
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
async def test_what_is_broken_or_would_take_for_ever_fits_nothing(hasher: PasswordHasher, stored: str) -> None:
    assert fits(PASSWORD.encode(), stored) is None, "so that the decoy's work is done instead"
    assert not await hasher.verify(PASSWORD, stored)


@pytest.mark.parametrize("stored", QUICK.values(), ids=QUICK.keys())
async def test_a_hash_that_was_cut_or_changed_fits_nothing(hasher: PasswordHasher, stored: str) -> None:
    for end in range(0, len(stored), 7):
        assert not await hasher.verify(PASSWORD, stored[:end])
        assert not await hasher.verify(PASSWORD, stored[:end] + "\x00" + stored[end + 1 :])
    # The last letter of base64 may hold bits that nothing reads.
    assert not await hasher.verify(PASSWORD, stored[:-6] + ("A" if stored[-6] != "A" else "B") + stored[-5:])


@pytest.mark.parametrize(("name", "prefix"), BCRYPT_PREFIXES.items())
async def test_a_hash_is_written_as_the_app_reads_it(name: Any, prefix: str) -> None:
    hasher = PasswordHasher(HashingSettings(cost=4, format=name, workers=1))
    stored = await hasher.hash(PASSWORD)

    assert stored.startswith(f"{prefix}04$")
    assert bcrypt.checkpw(PASSWORD.encode(), stored.removeprefix("bcrypt$").removeprefix("{bcrypt}").encode())
    assert await hasher.verify(PASSWORD, stored)
    assert not await hasher.verify("another", stored)
    hasher.close()


@pytest.mark.parametrize("stored", ALL.values(), ids=ALL.keys())
def test_no_log_prints_a_hash(stored: str) -> None:
    shown = redact(f"the row ('ada', '{stored}') is odd")

    assert stored[-20:] not in shown
    assert shown.endswith("') is odd")
