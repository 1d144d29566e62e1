"""What each endpoint asks of the database and of threads, which does not vary with the machine."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.driver.service import REQUEST, VALIDATE, Service
from tests.driver.statements import statements_sent, thread_trips

COUNTS = "keyturn_limits"

_WORDS = re.compile(
    r"(SELECT|INSERT INTO|UPDATE|DELETE FROM|BEGIN|WITH)\b.*?(?:(keyturn_\w+)|$)", re.DOTALL
)


@contextmanager
def asked() -> Iterator[list[str]]:
    """Collect each statement by its verb and the first of Keyturn's tables in it, without those
    that count limits.
    """
    short: list[str] = []
    with statements_sent() as statements:
        yield short
    for statement in statements:
        if COUNTS in statement:
            continue
        found = _WORDS.match(statement)
        short.append(" ".join(filter(None, found.groups())) if found else statement)


async def test_a_request_for_a_link_is_one_statement_and_a_bad_one_none(
    service: Service, database_url: str
) -> None:
    await service.ask()
    with asked() as statements:
        await service.ask()
    assert statements == ["BEGIN"] * database_url.startswith("sqlite:") + [
        "INSERT INTO keyturn_outbox"
    ]
    with asked() as statements:
        assert (await service.anywhere().post(REQUEST, json={"email": "nobody"})).status_code == 400
    assert statements == []


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_limits_of_a_request_and_of_a_check(service: Service) -> None:
    """The limits of a request, and those of a check, are one statement while none is near."""
    token = await service.link()
    with statements_sent() as statements:
        await service.ask()
    assert sum(COUNTS in statement for statement in statements) == 1
    with statements_sent() as statements:
        await service.anywhere().post(VALIDATE, json={"token": token})
    assert sum(COUNTS in statement for statement in statements) == 1


async def test_a_check_of_a_link_reads_it_and_its_account_and_of_what_is_none_no_account(
    service: Service,
) -> None:
    token = await service.link()
    with asked() as statements:
        answer = await service.anywhere().post(VALIDATE, json={"token": token})
    assert answer.json()["valid"] is True
    assert statements == ["SELECT keyturn_secrets", "SELECT keyturn_accounts"]
    with asked() as statements:
        assert not await service.works("x" * 43)
    assert statements == ["SELECT keyturn_secrets"]


async def test_a_reset_is_one_transaction_after_its_reads_and_its_hashes_in_threads(
    service: Service, database_url: str
) -> None:
    token, on_sqlite = await service.link(), database_url.startswith("sqlite:")
    with asked() as statements, thread_trips() as trips:
        assert (await service.reset(token)).status_code == 200
    read, written = ["asyncio", "asyncio"] * on_sqlite, ["keyturn-sqlite-writes"] * on_sqlite
    assert trips == [*read, "keyturn-guess", "keyturn-hash", *written]
    assert statements[:2] == ["SELECT keyturn_secrets", "SELECT keyturn_accounts"], (
        "the link and its account"
    )
    assert "SELECT keyturn_accounts" not in statements[2:], "the current hash does not matter"
    assert statements.count("BEGIN") == int(on_sqlite)
    assert statements.count("UPDATE keyturn_secrets") == 2, (
        "the link is used, and others of the account end"
    )
    assert len(statements) <= 13
