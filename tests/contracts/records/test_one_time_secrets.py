"""The table of secrets: whatever happens at once, one guarded statement decides what a secret
opens.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection

from keyturn.service import one_time_secrets
from keyturn.service.database import Database
from keyturn.service.one_time_secrets import OneTimeSecret, Purpose, SecretRow, ToStore
from keyturn.service.reset.stores import HeldAccounts

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
LIFE, SECOND = timedelta(minutes=30), timedelta(seconds=1)
END = NOW + LIFE
ADA, BEA = b"ada's mailbox".ljust(32), b"bea's mailbox".ljust(32)
KEY = one_time_secrets.token_digest("token")

Result = TypeVar("Result")


async def run(
    database: Database, do: Callable[..., Result], *given: object, **named: object
) -> Result:
    return await database.transact(lambda connection: do(connection, *given, **named))


def secret(purpose: Purpose = Purpose.RESET, key: bytes = KEY, **changes: Any) -> OneTimeSecret:
    fields = {
        "mailbox": ADA,
        "proof": None,
        "account_id": "ada",
        "data": "what it opens",
        **changes,
    }
    return OneTimeSecret(purpose=purpose, key=key, created_at=NOW, expires_at=END, **fields)


async def added(database: Database, *stored: OneTimeSecret) -> None:
    await run(database, one_time_secrets.add, [ToStore(one) for one in stored])


async def state(
    database: Database, purpose: Purpose = Purpose.RESET, key: bytes = KEY, at: datetime = NOW
) -> str:
    found = await run(database, one_time_secrets.find, key, purpose)
    return found.dead_reason(at) or "works" if found else "unknown"


@pytest.mark.parametrize("purpose", Purpose)
async def test_a_secret_opens_only_what_its_purpose_says(
    database: Database, purpose: Purpose
) -> None:
    await added(database, secret(purpose))

    for other in set(Purpose) - {purpose}:
        assert await run(database, one_time_secrets.find, KEY, other) is None
        assert await run(database, one_time_secrets.use, secret(other), NOW) is False
        assert await run(database, one_time_secrets.end, secret(other), NOW) is False
        await run(database, one_time_secrets.give_back, secret(other), NOW)
        await run(database, one_time_secrets.revoke, "ada", [other], NOW)
    assert await run(database, one_time_secrets.use, secret(purpose), NOW)


async def test_an_undone_use_can_be_made_again_unless_the_secret_was_revoked(
    database: Database,
) -> None:
    await added(database, secret())
    await run(database, one_time_secrets.use, secret(), NOW)
    await run(database, one_time_secrets.give_back, secret(), NOW - SECOND)
    assert await state(database) == "used", "another use was undone"

    await run(database, one_time_secrets.give_back, secret(), NOW)
    assert await run(database, one_time_secrets.use, secret(), NOW)
    await run(database, one_time_secrets.revoke, "ada", [Purpose.RESET], NOW)
    await run(database, one_time_secrets.give_back, secret(), NOW)
    assert await state(database) == "invalid"
    assert await run(database, one_time_secrets.use, secret(), NOW) is False


async def test_a_revocation_ends_the_secrets_of_one_account_and_of_those_purposes_that_work(
    database: Database,
) -> None:
    keys = {name: one_time_secrets.token_digest(name) for name in ("hers", "elsewhere", "recovery")}
    await added(
        database,
        secret(key=keys["hers"]),
        secret(key=keys["elsewhere"], mailbox=BEA),
        secret(Purpose.UNLOCK, keys["recovery"]),
    )
    await run(database, one_time_secrets.revoke, "bea", list(Purpose), NOW)
    assert await state(database, key=keys["hers"]) == "works"

    await run(
        database, one_time_secrets.revoke, "ada", [Purpose.RESET], NOW, SecretRow.mailbox == ADA
    )
    assert await state(database, key=keys["hers"]) == "invalid"
    assert await state(database, key=keys["elsewhere"]) == "works"
    assert await state(database, Purpose.UNLOCK, keys["recovery"]) == "works"

    await run(database, one_time_secrets.revoke, "ada", list(Purpose), END)
    assert await state(database, key=keys["elsewhere"], at=END) == "expired"
    assert await state(database, key=keys["hers"], at=END) == "invalid", (
        "nothing replaces what was revoked"
    )


async def test_a_code_works_only_with_its_proof_and_only_until_another_takes_its_place(
    database: Database,
) -> None:
    first, second = b"first".ljust(32), b"second".ljust(32)
    for proof in (first, second):
        await added(database, secret(Purpose.CODE, ADA, proof=proof))
        assert (await run(database, one_time_secrets.count_try, Purpose.CODE, ADA, NOW)).tries == 1
    await run(database, one_time_secrets.give_try_back, Purpose.CODE, ADA)
    assert (await run(database, one_time_secrets.count_try, Purpose.CODE, ADA, NOW)).tries == 1

    for given, works in ((first, False), (None, False), (second, True)):
        assert (
            await run(database, one_time_secrets.use, secret(Purpose.CODE, ADA, proof=given), NOW)
            == works
        )


async def test_link_of_an_account_that_is_not_held(database: Database) -> None:
    """A link is stored only by a transaction that holds its account."""

    def mint(connection: Connection, account_id: str) -> None:
        HeldAccounts(connection, ["ada"]).store([ToStore(secret(account_id=account_id))])

    with pytest.raises(ValueError, match="does not hold"):
        await run(database, mint, "bea")
    assert await state(database) == "unknown"
    await run(database, mint, "ada")
    assert await state(database) == "works"
