"""The secret in a link, and what is kept of it."""

import os
import re
from hashlib import sha256

import pytest

from keyturn.service import secrets


def test_a_token_is_thirty_two_random_bytes_as_a_url_can_hold_them() -> None:
    asked: list[int] = []

    def random_bytes(count: int) -> bytes:
        asked.append(count)
        return b"\xff" * count

    assert secrets.mint(random_bytes) == "_" * 42 + "8"
    assert asked == [32]


def test_tokens_need_no_quoting_and_differ() -> None:
    minted = [secrets.mint(os.urandom) for _ in range(200)]

    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in minted)
    assert {len(token) for token in minted} == {secrets.LENGTH}
    assert len(set(minted)) == 200


def test_what_is_kept_is_the_sha_256() -> None:
    token = secrets.mint(os.urandom)

    assert secrets.digest(token) == sha256(token.encode()).digest()
    assert secrets.digest(f"{token}).") == secrets.digest(token), "the signs of a sentence may stand behind a link"


@pytest.mark.parametrize("anything", ["", "ü", "\ud800", "x" * 10_000, "\x00"])
def test_anything_can_be_looked_for(anything: str) -> None:
    assert len(secrets.digest(anything)) == 32
