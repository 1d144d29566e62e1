"""secrets rotate: whether previous keys may leave the settings, by the exit code, a sentence and as JSON."""

import sqlite3
from contextlib import closing
from types import SimpleNamespace

import msgspec
import pytest
from tests.cli.command import ADA, Keyturn
from tests.cli.test_second_factors import BUILTIN
from tests.spec.second_factors import SEED, code_of

from keyturn.cli import accounts
from keyturn.outbox import Seal

pytestmark = pytest.mark.long

NEW = "fedcba9876543210" * 4
OLD = BUILTIN["KEYTURN_SECRET_KEY"]
ROTATING = BUILTIN | {"KEYTURN_SECRET_KEY": NEW, "KEYTURN_PREVIOUS_SECRET_KEYS": OLD}
ROTATED = BUILTIN | {"KEYTURN_SECRET_KEY": NEW}


@pytest.fixture
def ada(migrated: Keyturn, monkeypatch: pytest.MonkeyPatch) -> Keyturn:
    """Let Ada have a second factor that the old key has sealed."""
    assert migrated("accounts", "add", ADA).code == 0
    monkeypatch.setattr(accounts, "os", SimpleNamespace(urandom=lambda _: SEED))
    assert migrated("accounts", "totp", ADA, stdin=f"{code_of()}\n", **BUILTIN).code == 0
    return migrated


def test_after_a_rotation_the_new_key_alone_is_enough(ada: Keyturn) -> None:
    needed = ada("secrets", "rotate", "--json", **ROTATED)
    assert needed.code == 1
    (lost,) = msgspec.json.decode(needed.out)["unreadable"]
    assert f"no key decrypts the second factors of 1 accounts: {lost}." in needed.err
    rotated = ada("secrets", "rotate", **ROTATING)
    assert (rotated.code, rotated.err) == (0, "")
    assert rotated.out == (
        "Encrypted 1 accounts with the current key; 0 had it already.\n"
        "Stored second factors and waiting mails no longer need previous_secret_keys.\n"
    )
    assert ada("secrets", "rotate", "--json", **ROTATED).code == 0
    assert ada("accounts", "recovery-codes", ADA, **ROTATED).code == 0


def test_a_waiting_mail_that_the_old_key_sealed_still_needs_it(migrated: Keyturn) -> None:
    with closing(sqlite3.connect(".keyturn/keyturn.db")) as database, database:
        for key, name in ((OLD, "a"), (NEW, "b")):
            database.execute(
                "INSERT INTO keyturn_outbox (key, kind, payload, state, attempts, faults, available_at, sealed,"
                " created_at) VALUES (?, 'x', '{}', 'waiting', 0, 0, '2030-01-01 00:00:00', ?, '2030-01-01 00:00:00')",
                (name, Seal([key]).close(b"a mail")),
            )
    waits = migrated("secrets", "rotate", "--json", **ROTATING)
    assert waits.code == 1
    assert msgspec.json.decode(waits.out) == {
        "current": 0,
        "sealed": 0,
        "changed": 0,
        "unreadable": [],
        "mails": 1,
        "previous_keys_needed": True,
    }
    assert "1 waiting mails are encrypted with another key: keep previous_secret_keys until" in waits.err


def test_without_a_secret_key_nothing_is_sealed(migrated: Keyturn) -> None:
    refused = migrated("secrets", "rotate", **BUILTIN | {"KEYTURN_SECRET_KEY": ""})
    assert (refused.code, "KEYTURN_SECRET_KEY is not set" in refused.err) == (1, True)
