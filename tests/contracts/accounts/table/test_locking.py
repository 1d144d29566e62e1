"""Accounts of an app's table that are locked, in the app's own words for it, and what lifts that."""

from typing import Any

import pytest
from tests.contracts.accounts.table.conftest import NEW, Over, changes, one
from tests.driver.app_database import App

from keyturn.service.accounts.port import Account

ADA, BEN = "ada@northwind.test", "ben@northwind.test"
TABLES = """
    CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(190), password_hash VARCHAR(80), status VARCHAR(20),
        locked_at TIMESTAMP NULL, reason VARCHAR(20))"""
BY_STATUS: dict[str, Any] = {"active": "status = active", "lock": {"status": "locked"}, "unlock": {"status": "active"}}
BY_TIME: dict[str, Any] = {
    "active": "not locked_at",
    "lock": {"locked_at": "{now}", "reason": "not me"},
    "unlock": {"locked_at": "{null}", "reason": "{null}"},
}


@pytest.fixture
async def people(app: App) -> App:
    await app.run(TABLES)
    for id_, email, status in ((1, ADA, "active"), (2, BEN, "active"), (3, "dan@northwind.test", "left")):
        statement = "INSERT INTO users (id, email, password_hash, status) VALUES (:id, :email, '$2b$x', :status)"
        await app.run(statement, id=id_, email=email, status=status)
    return app


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("how", [BY_STATUS, BY_TIME], ids=["by status", "by time"])
@pytest.mark.long
async def test_an_account_is_locked_and_unlocked_and_nobody_else(over: Over, how: dict[str, Any]) -> None:
    accounts = over(**how)
    await accounts.require_ready()
    assert accounts.can_lock
    before = await one(accounts, ADA)
    assert await accounts.lock(before)
    assert not await accounts.lock(before)  # it is not active any more

    states = [(person.active, person.locked) for person in (await one(accounts, ADA), await one(accounts, BEN))]
    assert states == [(False, True), (True, False)]
    assert await accounts.unlock("1")
    assert not await accounts.unlock("1")
    assert (await one(accounts, ADA)).active


async def test_a_new_password_lifts_the_lock_of_who_was_read_as_locked_alone(over: Over, people: App) -> None:
    accounts = over(**BY_STATUS)
    before = await one(accounts)
    await accounts.lock(before)
    assert not await accounts.set_password(before, NEW)

    assert await changes(accounts)
    assert ("active", "$2b$new") in await people.run("SELECT status, password_hash FROM users WHERE id = 1")


async def test_who_has_moved_or_is_disabled_is_neither_locked_nor_unlocked(over: Over, people: App) -> None:
    accounts = over(**BY_STATUS)
    before = await one(accounts, ADA)
    await people.run("UPDATE users SET email = 'ada@elsewhere.test' WHERE id = 1")
    no_id = Account(id="x", email=ADA)  # of this table
    for account in (before, Account(id="3", email="dan@northwind.test"), no_id):
        assert not await accounts.lock(account)
    assert not await accounts.unlock("3")

    assert [row.status for row in await people.run("SELECT * FROM users ORDER BY id")] == ["active", "active", "left"]


@pytest.mark.usefixtures("people")
async def test_active_accounts_are_listed_a_page_at_a_time(over: Over) -> None:
    accounts = over(**BY_STATUS)
    assert await accounts.addresses_after("", 1) == [ADA]
    assert await accounts.addresses_after(ADA, 5) == [BEN]
    assert await accounts.addresses_after(BEN, 5) == []

    assert await accounts.lock(await one(accounts, ADA))
    assert await accounts.addresses_after("", 1) == [ADA]  # who has locked theirs is to start anew


@pytest.mark.usefixtures("people")
async def test_a_store_that_was_not_told_how_locks_nobody(over: Over) -> None:
    accounts = over(active="status = active")
    assert (accounts.can_lock, await accounts.lock(await one(accounts))) == (False, False)
    assert (await one(accounts)).active


async def test_a_database_that_cannot_be_opened_is_no_answer_that_nobody_was_locked(over: Over) -> None:
    with pytest.raises(ValueError, match="null byte"):
        await over(**BY_STATUS, url="sqlite:///no\0file").lock(Account(id="1", email=ADA))
