"""A database that is not Keyturn's own: how it is reached, and what is said where it is not."""

import asyncio
import logging
import socket
import traceback
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.contracts.accounts.table.conftest import NEW, ROW, USERS, AppPeople, Over, mapping
from tests.driver.app_database import App, running_app
from tests.driver.database import refuse_writes, take_writes

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.port import Account, AccountStore
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.accounts.table.store import TableAccounts, table_accounts
from keyturn.service.database import Database
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import Secret, TableSettings
from keyturn.testing import AccountStoreContract, People

ADA = Account(id="1", email="ada@northwind.test")

on_servers = pytest.mark.parametrize("databases", ["postgresql", "mariadb"], indirect=True)


def store(url: str) -> TableAccounts:
    return table_accounts(TableSettings(url=Secret(url), table="users"), Database("sqlite://"))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:////nowhere/at/all.db", "SQLite in /nowhere/at/all.db: No such file or directory"),
        ("postgresql://app:hunter2@127.0.0.1:9/app", "PostgreSQL on 127.0.0.1:9, database app: "),
        ("mysql://app:hunter2@127.0.0.1:9/app", "MySQL on 127.0.0.1:9, database app: Connection refused"),
        ("mariadb://app:hunter2@localhost/app?unix_socket=/nowhere/x.sock", "MariaDB on localhost, database app: "),
    ],
)
async def test_a_database_that_cannot_be_reached_is_named_without_its_password(
    url: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    accounts = store(url)
    caplog.set_level(logging.DEBUG)
    calls = (accounts.require_ready(), accounts.find(ADA.email), accounts.get("1"), accounts.password_hash("1"))
    for asked in (*calls, accounts.set_password(ADA, NEW)):
        with pytest.raises(AccountsUnready) as unready:
            await asked
        assert str(unready.value).startswith(f"the database of the accounts cannot be reached: {said}")
        assert "hunter2" not in "".join(traceback.format_exception(unready.value))
    assert "hunter2" not in caplog.text
    await accounts.close()


def test_an_address_of_sqlite_must_name_a_file() -> None:
    with pytest.raises(SettingsInvalid, match=r"accounts\.table\.url: must name a file"):
        store("sqlite://")


async def test_a_file_is_left_in_its_journal_mode_and_never_made(tmp_path: Path) -> None:
    file = tmp_path / "the app's 100%.db"
    accounts = store(f"sqlite:///{file}")
    with pytest.raises(AccountsUnready):
        await accounts.require_ready()
    assert not file.exists()

    async with running_app(f"sqlite:///{file}", f"{USERS}; {ROW}") as app:
        # It was not there before; now it is.
        assert await accounts.find(ADA.email) == ADA
        assert await accounts.set_password(ADA, NEW)
        await accounts.close()
        (row,) = await app.run("PRAGMA journal_mode")
    assert row.journal_mode == "delete"


@on_servers
async def test_connections_that_were_cut_are_made_anew(app: App, over: Over) -> None:
    await app.run(f"{USERS}; {ROW}")
    accounts = over()
    assert await accounts.get("1") == ADA
    if app.dialect == "postgresql":
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        await app.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")  # noqa: S608
    else:
        others = "db = database() AND id <> connection_id()"
        for row in await app.run(f"SELECT id FROM information_schema.processlist WHERE {others}"):  # noqa: S608
            await app.run(f"KILL {row.id}")

    assert await accounts.get("1") == ADA


@on_servers
@pytest.mark.long
async def test_a_lock_that_the_app_holds_is_not_waited_for_for_ever(app: App) -> None:
    await app.run(f"{USERS}; {ROW}")
    impatient = TableAccounts(TableSettings(table="users"), AppDatabase(app.url, timedelta(seconds=1)), 60)
    assert await impatient.get("1") == ADA
    async with app.holding("UPDATE users SET email = email"):
        # More at once than there are connections.
        changes = (impatient.set_password(ADA, NEW) for _ in range(7))
        for outcome in await asyncio.wait_for(asyncio.gather(*changes, return_exceptions=True), 20):
            assert isinstance(outcome, AccountsUnready)

    # An abandoned change is not made later, and leaves no lock.
    assert await impatient.password_hash("1") == "old"
    assert await impatient.set_password(ADA, NEW)
    assert await impatient.password_hash("1") == "$2b$new"
    await impatient.close()


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
async def test_a_server_that_says_nothing_is_given_up(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"{scheme}://app@127.0.0.1:{silent.getsockname()[1]}/app"
        accounts = TableAccounts(TableSettings(table="users"), AppDatabase(address, timedelta(seconds=0.2)), 60)
        with pytest.raises(AccountsUnready, match=", database app: it does not answer"):
            await asyncio.wait_for(accounts.find(ADA.email), 15)
        await accounts.close()


@on_servers
async def test_a_change_is_refused_as_not_made_and_the_next_is_made_on_another_connection(app: App, over: Over) -> None:
    await app.run(f"{USERS}; {ROW}")
    is_mysql, accounts = app.dialect == "mysql", over()
    await (app.run("SET GLOBAL tx_read_only = 1") if is_mysql else refuse_writes(app.url))  # of new connections
    try:
        assert await accounts.get("1") == ADA
        with pytest.raises(AccountsUnready, match="the database of the accounts takes no writes: ") as unready:
            await accounts.set_password(ADA, NEW)
        assert unready.value.not_changed
        assert await accounts.password_hash("1") == "old"
    finally:
        await (app.run("SET GLOBAL tx_read_only = 0") if is_mysql else take_writes(app.url))

    with pytest.raises(AccountsUnready):  # by the connection that read the hash
        await accounts.set_password(ADA, NEW)
    assert await accounts.set_password(ADA, NEW)
    assert await accounts.password_hash("1") == "$2b$new"


class TestTableInAnotherDatabase(AccountStoreContract):
    @pytest.fixture
    async def app(self, empty_url: str) -> AsyncIterator[App]:
        async with running_app(empty_url) as app:
            yield app

    @pytest.fixture
    async def store(self, app: App) -> AsyncIterator[AccountStore]:
        store = table_accounts(mapping(app.url), Database("sqlite://"))
        yield store
        await store.close()

    @pytest.fixture
    def people(self, app: App) -> People:
        return AppPeople(app)
