"""Foreign keys between an app's tables: what ends is ordered by them, and what they forbid is told at the start."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.contracts.accounts.table.app import USERS, Over, doubts_of, hashed, one
from tests.contracts.accounts.table.test_endings import ADA, ids
from tests.driver.app_database import App

from keyturn.service.accounts.port import Ended, NewPassword
from keyturn.service.accounts.table.store import TableAccounts, table_accounts
from keyturn.service.database import Database
from keyturn.service.settings import Ending, Secret, TableSettings

KEPT = "rows of refresh that refer to deleted rows of access stay, which the database forbids"
BOTH = {"access.user_id": Ending(what="oauth_grants"), "refresh.user_id": Ending(what="oauth_grants")}


@pytest.fixture
async def over(app: App) -> AsyncIterator[Over]:
    """Make stores; on SQLite in Keyturn's own database, since keys are not checked in an app's file."""
    async with AsyncExitStack() as closing:

        def over(**settings: Any) -> TableAccounts:
            url = "" if app.dialect == "sqlite" else app.url
            database = Database("sqlite://" if url else app.url)
            store = table_accounts(TableSettings(url=Secret(url), table="users", **settings), database)
            closing.push_async_callback(store.close)
            closing.push_async_callback(database.close)
            return store

        yield over


async def tokens(app: App, rule: str = "") -> None:
    """Give Ada an access token, to which a refresh token refers."""
    await app.run(
        f"{USERS}; CREATE TABLE access (id INTEGER PRIMARY KEY, user_id INTEGER);"
        " CREATE TABLE refresh (id INTEGER PRIMARY KEY, user_id INTEGER, revoked BOOLEAN, access_id INTEGER,"
        f" FOREIGN KEY (access_id) REFERENCES access (id) {rule})"
    )
    await app.run(ADA)
    await app.run("INSERT INTO access VALUES (1, 1); INSERT INTO refresh VALUES (1, 1, false, 1)")


async def test_rows_that_refer_to_others_are_deleted_first(app: App, over: Over) -> None:
    await tokens(app)
    accounts = over(ends=BOTH)
    await accounts.require_ready()

    assert await accounts.end_sessions("1") == Ended({"oauth_grants": 2})
    assert (await ids(app, "access"), await ids(app, "refresh")) == ([], [])


@pytest.mark.parametrize(
    "refresh",
    [
        {},
        {"refresh.user_id": Ending(set={"revoked": True})},
        {"refresh.user_id": Ending(when="intrusion")},
        {"refresh.user_id": Ending(when="never")},
    ],
)
async def test_a_row_that_stays_and_refers_to_a_deleted_one_is_a_doubt(
    app: App, over: Over, refresh: dict[str, Ending]
) -> None:
    await tokens(app)

    doubt = f'accounts.table.ends."access.user_id": {KEPT}'
    assert await doubts_of(over(ends={"access.user_id": Ending(), **refresh})) == [doubt]


@pytest.mark.parametrize("rule", ["ON DELETE CASCADE", "ON DELETE SET NULL"])
async def test_a_key_that_follows_a_deletion_is_none(app: App, over: Over, rule: str) -> None:
    await tokens(app, rule)
    accounts = over(ends={"access.user_id": Ending(what="access_tokens")})
    await accounts.require_ready()

    assert await accounts.end_sessions("1") == Ended({"access_tokens": 1})


async def test_such_an_entry_works_for_as_long_as_no_row_refers(app: App, over: Over) -> None:
    await tokens(app)
    await app.run("DELETE FROM refresh")
    accounts = over(delete=("access.user_id",))
    await accounts.require_ready()

    assert await doubts_of(accounts) == [f"accounts.table.delete: {KEPT}"]
    assert await doubts_of(over(delete=("access.user_id", "refresh.user_id"))) == []
    assert await accounts.set_password(await one(accounts), NewPassword("new", hashed)) is True
    assert await ids(app, "access") == []


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_in_an_apps_own_file_no_key_is_checked_and_none_is_a_fault(app: App) -> None:
    await tokens(app)
    settings = TableSettings(url=Secret(app.url), table="users", ends={"access.user_id": Ending(what="access_tokens")})
    accounts = table_accounts(settings, Database("sqlite://"))
    await accounts.require_ready()

    assert await accounts.end_sessions("1") == Ended({"access_tokens": 1})
    await accounts.close()
