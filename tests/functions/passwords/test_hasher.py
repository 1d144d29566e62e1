"""bcrypt off the event loop, on a bounded pool."""

import asyncio
import hashlib
import os
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from types import ModuleType
from typing import Any

import bcrypt
import pytest
from cryptography.hazmat.primitives.kdf import argon2

from keyturn.bounded_pool import cores
from keyturn.service.problems.requests import Busy
from keyturn.service.reset.passwords.hasher import PasswordHasher
from keyturn.service.settings import BCRYPT_PREFIXES, HashingSettings

PASSWORD = "seven quiet harbours"


def count_work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return a counter of the work of libraries from now on, in the unit of
    each, such as rounds.
    """
    work = Counter[str]()

    def count(module: ModuleType, name: str, cost: Callable[..., tuple[str, int]]) -> None:
        original = getattr(module, name)

        def counting(*given: Any, **named: Any) -> Any:
            function, amount = cost(*given, **named)
            work[function] += amount
            return original(*given, **named)

        monkeypatch.setattr(module, name, counting)

    for name in ("checkpw", "hashpw"):
        count(bcrypt, name, lambda _password, salt: ("bcrypt", 2 ** int(salt.split(b"$")[2])))
    count(
        hashlib,
        "pbkdf2_hmac",
        lambda digest, _password, _salt, iterations: (f"pbkdf2 {digest}", iterations),
    )
    count(hashlib, "scrypt", lambda _password, *, n, r, p, **_: ("scrypt", n * r * p))
    for name in ("Argon2id", "Argon2i", "Argon2d"):
        count(
            argon2,
            name,
            lambda *, iterations, memory_cost, **_: ("argon2", iterations * memory_cost),
        )
    return work


@pytest.fixture
async def hasher() -> AsyncIterator[PasswordHasher]:
    hasher = PasswordHasher(HashingSettings(cost=4, workers=1, queue=2))
    yield hasher
    hasher.close()


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        *BCRYPT_PREFIXES.items(),
        ("bcrypt", "bcrypt_sha256$$2b$"),
        ("django-bcrypt", "bcrypt_sha256$$2b$"),
    ],
)
@pytest.mark.parametrize("cost", [8, 7, 5])
async def test_only_a_no_to_no_stranger_is_less_work_than_without_a_hash(
    monkeypatch: pytest.MonkeyPatch, cost: int, name: Any, prefix: str
) -> None:
    hasher = PasswordHasher(HashingSettings(format=name, cost=8, workers=1))
    stored = prefix + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(cost)).decode()[4:]
    work = count_work(monkeypatch)

    for password_hash, reserved, rounds in (
        (stored, False, 2**8),
        (None, False, 2**8),
        (stored, True, 2**cost),
    ):
        work.clear()
        assert not await hasher.verify("another", password_hash, reserved=reserved)
        assert work == {"bcrypt": rounds}
    hasher.close()


@pytest.mark.parametrize("name", ["django-pbkdf2", "argon2id", "werkzeug-scrypt"])
async def test_so_it_is_in_other_formats(name: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = PasswordHasher(HashingSettings(format=name, workers=1))
    stored, work = await hasher.hash(PASSWORD), count_work(monkeypatch)

    assert not await hasher.verify("another", stored)
    known = dict(work)
    work.clear()
    assert not await hasher.verify("another", None)
    assert work == known != {}
    hasher.close()


@pytest.mark.parametrize(
    "stored",
    ["pbkdf2_sha256$1$salt$AAAA", "scrypt:2:1:1$salt$ab", "plain text", "$2b$09$" + "." * 53],
)
async def test_no_wrong_password_is_less_work_than_without_a_hash(
    monkeypatch: pytest.MonkeyPatch, stored: str
) -> None:
    hasher = PasswordHasher(HashingSettings(cost=8, workers=1))
    work = count_work(monkeypatch)

    assert not await hasher.verify("another", stored)
    assert work["bcrypt"] >= 2**8
    hasher.close()


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="elsewhere a thread has no nice value of its own"
)
async def test_hashing_yields_to_everything_else(hasher: PasswordHasher) -> None:
    await hasher.hash(PASSWORD)

    # The newest: those of an earlier test may still be on their way out.
    thread = [thread for thread in threading.enumerate() if thread.name.startswith("keyturn-hash")][
        -1
    ]
    nice = os.getpriority(os.PRIO_PROCESS, thread.native_id or 0)
    main = os.getpriority(os.PRIO_PROCESS, threading.main_thread().native_id or 0)
    assert nice == min(main + 1, 19)  # 19 is the highest (setpriority(2))


async def test_a_place_is_free_again_after_success_failure_and_a_waiter_that_went(
    hasher: PasswordHasher,
) -> None:
    with pytest.raises(ValueError, match="72 bytes"):
        await hasher.hash("x" * 73)
    gone = asyncio.create_task(hasher.hash(PASSWORD))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone

    assert len(await asyncio.gather(*(hasher.hash(PASSWORD) for _ in range(3)))) == 3


@pytest.mark.parametrize("reserved", [False, True])
async def test_who_goes_while_waiting_holds_nobody_up(
    hasher: PasswordHasher, reserved: bool
) -> None:
    async def first() -> None:
        await hasher.hash(PASSWORD)
        if at_its_turn:
            gone.cancel()

    for at_its_turn in (False, True):
        calling = asyncio.create_task(first())
        gone, last = (
            asyncio.create_task(hasher.verify(PASSWORD, None, reserved=reserved)) for _ in range(2)
        )
        await asyncio.sleep(0)
        await calling if at_its_turn else gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        assert gone.cancelled()
        assert not await asyncio.wait_for(last, 10)


async def test_there_is_a_worker_for_each_core_where_none_are_set() -> None:
    hasher = PasswordHasher(HashingSettings(cost=4, queue=0))
    places = cores()

    waiting = [asyncio.create_task(hasher.hash(PASSWORD)) for _ in range(places)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await hasher.hash(PASSWORD)
    await asyncio.gather(*waiting)
    hasher.close()
