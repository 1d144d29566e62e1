"""Counts the work that libraries do for passwords, in the unit of each, such as rounds."""

import hashlib
from collections import Counter
from collections.abc import Callable
from types import ModuleType
from typing import Any

import bcrypt
import pytest
from cryptography.hazmat.primitives.kdf import argon2

Cost = Callable[..., tuple[str, int]]


def count_work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return a counter of the work from now on, by function."""
    work = Counter[str]()

    def count(module: ModuleType, name: str, cost: Cost) -> None:
        original = getattr(module, name)

        def counting(*given: Any, **named: Any) -> Any:
            function, amount = cost(*given, **named)
            work[function] += amount
            return original(*given, **named)

        monkeypatch.setattr(module, name, counting)

    count(bcrypt, "checkpw", _bcrypt)
    count(bcrypt, "hashpw", _bcrypt)
    count(hashlib, "pbkdf2_hmac", lambda digest, _password, _salt, iterations: (f"pbkdf2 {digest}", iterations))
    count(hashlib, "scrypt", lambda _password, *, n, r, p, **_: ("scrypt", n * r * p))
    for name in ("Argon2id", "Argon2i", "Argon2d"):
        count(argon2, name, lambda *, iterations, memory_cost, **_: ("argon2", iterations * memory_cost))
    return work


def _bcrypt(_password: bytes, salt: bytes) -> tuple[str, int]:
    return "bcrypt", 2 ** int(salt.split(b"$")[2])
