"""What a new password changes in an app's database, and what is said where that cannot be reached
or refuses.
"""

import asyncio
import logging
import socket
import sqlite3
import traceback
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.contracts.accounts.stores import own_messages
from tests.contracts.accounts.table.conftest import (
    NEW,
    ROW,
    USERS,
    AppPeople,
    Over,
    changes,
    mapping,
    one,
)
from tests.driver.app_database import App, running_app
from tests.driver.database import refuse_writes, take_writes
from tests.driver.lost_commits import losing_commits
from tests.driver.operator import migrate_database
from tests.driver.service import problem, running, settings_for
from tests.servers.databases import SqliteFiles

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.port import Account, AccountStore
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.accounts.table.store import JoiningTableAccounts, TableAccounts, table_accounts
from keyturn.service.database import Database
from keyturn.service.problems.passwords import ChangeRefused
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import AccountSettings, SecretStr, TableSettings
from keyturn.testing import AccountStoreContract, People

COLUMNS = {
    "sqlite": (
        "at_zone TIMESTAMP, at TIMESTAMP, day DATE, flag BOOLEAN, small TINYINT, share REAL,"
        " token TEXT, kind TEXT, device UUID"
    ),
    "postgresql": (
        "at_zone timestamptz, at timestamp, day date, flag boolean, small smallint,"
        " share numeric(4, 2), token text, kind mood, device uuid"
    ),
    "mysql": (
        "at_zone TIMESTAMP(6) NULL, at DATETIME(6), day DATE, flag BIT(1), small TINYINT,"
        " share DECIMAL(4, 2), token TEXT, kind ENUM('new', 'calm'), device CHAR(36)"
    ),
}
UUID_ = "8b1c7a52-3c55-4d6e-9a0f-2d7c3f6b1e90"
SET: dict[str, Any] = {
    "at_zone": "{now}",
    "at": "{now}",
    "day": "2026-11-20",
    "flag": False,
    "small": True,
    "share": 0.25,
    "token": "{null}",
    "kind": "calm",
    "device": UUID_,
}


async def test_columns_are_set_to_what_their_type_makes_of_it(app: App, over: Over) -> None:
    if app.dialect == "postgresql":
        await app.run("CREATE TYPE mood AS ENUM ('new', 'calm')")
    await app.run(
        "CREATE TABLE users (id INT PRIMARY KEY, email TEXT, password_hash TEXT, "
        f"{COLUMNS[app.dialect]})"
    )
    await app.run(
        "INSERT INTO users (id, email, token) VALUES (1, 'ada@northwind.test', 't'), (2, "
        "'b@c.de', 'b')"
    )
    accounts = over(set=SET)
    await accounts.require_ready()
    assert await changes(accounts)

    in_utc = "SET time_zone = '+00:00'; " if app.dialect == "mysql" else ""
    row, other = await app.run(f"{in_utc}SELECT * FROM users ORDER BY id")
    for moment, zone in ((row.at_zone, app.dialect == "postgresql"), (row.at, False)):
        known = datetime.fromisoformat(str(moment))
        assert (known.tzinfo is not None) == zone
        assert abs(datetime.now(UTC) - (known if zone else known.replace(tzinfo=UTC))) < timedelta(
            seconds=30
        )
    assert (str(row.day), row.flag in (0, b"\0"), row.small, float(row.share)) == (
        "2026-11-20",
        True,
        1,
        0.25,
    )
    assert (row.token, row.kind, str(row.device), row.password_hash) == (
        None,
        "calm",
        UUID_,
        "$2b$new",
    )
    assert (other.password_hash, other.token, other.small) == (None, "b", None)
    # Everything is as it was to be already: MariaDB changes no row, and the password is set all the
    # same.
    assert await changes(over(set={"flag": False}))


async def test_a_commit_without_answer_is_no_certain_no(
    app: App, over: Over, monkeypatch: pytest.MonkeyPatch
) -> None:
    await app.run(f"{USERS}; {ROW}")
    accounts = over()
    account = await one(accounts)
    with losing_commits(monkeypatch), pytest.raises(AccountsUnready) as lost:
        await accounts.set_password(account, NEW)

    assert not lost.value.not_changed
    assert await accounts.password_hash("1") == "$2b$new"


async def test_first_password_meanwhile(app: App, over: Over) -> None:
    """A password for an account that was read as awaiting its first one replaces none that it has
    by now.
    """
    await app.run(f"{USERS}; {ROW}")
    await app.run("UPDATE users SET password_hash = NULL")
    accounts = over()
    awaiting = await one(accounts)
    assert awaiting.awaits_password
    await app.run("UPDATE users SET password_hash = 'first'")
    assert await accounts.set_password(awaiting, NEW) is False
    assert await accounts.password_hash("1") == "first"
    await app.run("UPDATE users SET password_hash = ''")
    assert await accounts.set_password(awaiting, NEW)


async def test_what_cannot_be_done_together_is_not_done_at_all(app: App, over: Over) -> None:
    await app.run(
        f"{USERS}; {ROW}; CREATE TABLE tokens (owner VARCHAR(20)); CREATE TABLE devices (owner "
        "INTEGER PRIMARY KEY)"
    )
    await app.run("INSERT INTO tokens VALUES ('1'), ('2'); INSERT INTO devices VALUES (1)")
    await app.run(GUARDS[app.dialect])
    accounts = over(delete=("tokens.owner", "devices.owner"))
    with pytest.raises(ChangeRefused, match="the database of the accounts refused a statement: "):
        await changes(accounts)

    assert await accounts.password_hash("1") == "old"
    assert len(await app.run("SELECT * FROM tokens")) == 2
    assert await changes(over(delete=("tokens.owner",)))
    assert [row.owner for row in await app.run("SELECT * FROM tokens")] == ["2"]


@pytest.mark.parametrize("refusal", ["CHECK", "SIGNAL"])
async def test_a_hash_that_the_table_refuses_is_logged_without_it(
    app: App, over: Over, refusal: str, caplog: pytest.LogCaptureFixture
) -> None:
    signals = refusal == "SIGNAL" and app.dialect == "mysql"
    check = "name TEXT" if signals else "CHECK (password_hash NOT LIKE '$2b$%')"
    await app.run(f"{USERS.replace('name TEXT', check)}; {ROW}")
    if signals:
        await app.run(
            "CREATE TRIGGER kept BEFORE UPDATE ON users FOR EACH ROW SIGNAL SQLSTATE '45000'"
        )
    accounts = over()
    with pytest.raises(
        ChangeRefused, match="the database of the accounts refused a statement: "
    ) as refused:
        await changes(accounts)

    (logged,) = own_messages(caplog)
    assert logged.startswith("accounts.refused table=users reason=")
    assert "$2b$new" not in logged + "".join(traceback.format_exception(refused.value))
    assert await accounts.password_hash("1") == "old"


@pytest.mark.parametrize("within", [False, True])
async def test_a_table_that_changed_meanwhile_is_away_until_it_is_as_it_was(
    app: App, over: Over, within: bool, caplog: pytest.LogCaptureFixture
) -> None:
    if within and app.dialect == "mysql":
        return  # Keyturn's own tables are never there
    await app.run(f"{USERS}; {ROW}")
    database = Database(app.url if within else "sqlite://")
    accounts = table_accounts(TableSettings(table="users"), database) if within else over()
    ada = await one(accounts)
    await app.run("ALTER TABLE users RENAME COLUMN password_hash TO hash")

    for asked in (accounts.get("1"), accounts.find(ada.email), accounts.password_hash("1")):
        with pytest.raises(AccountsUnready):
            await asked
    with pytest.raises(AccountsUnready, match="the table users has no column password_hash"):
        await accounts.set_password(ada, NEW)
    assert [line.partition(" ")[0] for line in own_messages(caplog)] == [
        "accounts.refused",
        *["accounts.changed"] * 3,
    ]

    await app.run("ALTER TABLE users RENAME COLUMN hash TO password_hash")
    assert await accounts.set_password(ada, NEW)
    assert await accounts.password_hash("1") == "$2b$new"
    await app.run("ALTER TABLE users RENAME COLUMN email TO mail")
    if isinstance(accounts, JoiningTableAccounts):
        with pytest.raises(AccountsUnready, match="refused a statement"):
            await database.transact(
                lambda connection: accounts.set_password_within(connection, ada, "$2b$newer")
            )
        with pytest.raises(
            AccountsUnready, match="has refused a statement"
        ) as raised:  # and is not looked at here
            await database.transact(
                lambda connection: accounts.password_hash_within(connection, "1")
            )
        assert raised.value.not_changed
    else:
        with pytest.raises(SettingsInvalid, match="the table users has no column email"):
            await accounts.require_ready()
        with pytest.raises(
            AccountsUnready, match="does not match the settings"
        ):  # no statement is tried
            await accounts.get("1")
    await database.close()


GUARDS = {
    "sqlite": (
        "CREATE TRIGGER kept BEFORE DELETE ON devices BEGIN SELECT RAISE(ABORT, 'in use');END"
    ),
    "postgresql": (
        "CREATE TABLE uses (device INTEGER REFERENCES devices); INSERT INTO uses VALUES (1)"
    ),
    "mysql": (
        "CREATE TABLE uses (device INTEGER REFERENCES devices (owner)); INSERT INTO uses VALUES (1)"
    ),
}


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_tables_may_be_in_schemas(app: App, over: Over) -> None:
    await app.run(
        'CREATE SCHEMA auth; CREATE SCHEMA "The App"; CREATE TABLE auth.sessions ("user" bigint); '
        'CREATE TABLE "The App".users (id bigserial PRIMARY KEY, email text, password_hash text); '
        "INSERT INTO \"The App\".users (email) VALUES ('ada@northwind.test'); INSERT INTO "
        "auth.sessions VALUES (1), (2)"
    )
    accounts = over(table="The App.users", delete=("auth.sessions.user",))
    await accounts.require_ready()
    assert await changes(accounts)

    assert [row.user for row in await app.run("SELECT * FROM auth.sessions")] == [2]


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_rows_are_deleted_whose_bytes_are_the_id_of_the_account(app: App, over: Over) -> None:
    """Advanced Alchemy's GUID is BINARY(16), which SQLite takes for a number and stores as it
    comes.
    """
    await app.run(
        "CREATE TABLE users (id BINARY(16) PRIMARY KEY, email TEXT, password_hash TEXT); "
        "CREATE TABLE sessions (user_id BINARY(16)); INSERT INTO sessions VALUES (x'ab01'), "
        "(x'ab02'); "
        "INSERT INTO users VALUES (x'ab01', 'ada@northwind.test', 'old')"
    )
    assert await changes(over(delete=("sessions.user_id",)))

    assert [row.user_id for row in await app.run("SELECT * FROM sessions")] == [b"\xab\x02"]


@pytest.mark.parametrize("databases", ["mariadb"], indirect=True)
async def test_an_address_that_only_the_collation_calls_the_same_has_changed(
    app: App, over: Over
) -> None:
    await app.run(f"{USERS}; {ROW}")
    accounts = over()
    account = await one(accounts)
    await app.run("UPDATE users SET email = '\u00e1da@northwind.test'")

    assert not await accounts.set_password(account, NEW)
    assert await accounts.password_hash("1") == "old"


ENGINES = [("postgresql", True), ("mariadb", True), ("postgresql", False)]
WAITING = {
    "postgresql": "SELECT count(*) FROM pg_locks WHERE NOT granted",
    "mysql": "SELECT variable_value FROM information_schema.global_status"
    " WHERE variable_name = 'Innodb_row_lock_current_waits'",
}
"""How many transactions wait for a lock that another one holds."""


@pytest.mark.parametrize(("databases", "is_elsewhere"), ENGINES, indirect=["databases"])
@pytest.mark.long
async def test_a_deadlock_with_the_app_is_a_503_that_says_to_try_again_and_the_link_works(
    empty_url: str, is_elsewhere: bool, sqlite: SqliteFiles, caplog: pytest.LogCaptureFixture
) -> None:
    own = sqlite.migrated() if is_elsewhere else empty_url
    if not is_elsewhere:
        await migrate_database(empty_url)
    url = SecretStr(empty_url if is_elsewhere else "")
    table = TableSettings(url=url, table="users", delete=("signed_in.user_id",))
    settings = settings_for(own, accounts=AccountSettings(store="table", table=table))
    sessions = "CREATE TABLE signed_in (id INTEGER PRIMARY KEY, user_id INTEGER)"
    async with running_app(empty_url, f"{USERS}; {sessions}") as app, running(settings) as service:
        await app.run(ROW)
        await app.run("INSERT INTO signed_in VALUES (1, 1)")
        token = await service.link()

        async with app.holding("UPDATE signed_in SET user_id = 1") as theirs:
            # The app's transaction is the one that goes on: on PostgreSQL it looks for a deadlock
            # later, and on MariaDB it has changed more rows.
            if app.dialect == "postgresql":
                await theirs.execute(text("SET LOCAL deadlock_timeout = '1min'"))
            else:
                more = ", ".join(f"({number}, 2)" for number in range(2, 100))
                await theirs.execute(text(f"INSERT INTO signed_in VALUES {more}"))
            resetting = asyncio.create_task(service.reset(token))
            async with asyncio.timeout(20):
                while int((await app.run(WAITING[app.dialect]))[0][0]) == 0:
                    pass
            await theirs.execute(text("UPDATE users SET email = email"))
            answer = await resetting

        assert problem(answer) == "503 unavailable"
        assert "undone" not in answer.text
        assert "signed_in" not in answer.text
        assert int(answer.headers["Retry-After"]) > 0
        assert " has undone the transaction: " in caplog.text
        assert problem(await service.reset(token)) == "200"
        assert await app.run("SELECT 1 FROM signed_in") == []


ADA = Account(id="1", email="ada@northwind.test")

on_servers = pytest.mark.parametrize("databases", ["postgresql", "mariadb"], indirect=True)


def store(url: str) -> TableAccounts:
    return table_accounts(TableSettings(url=SecretStr(url), table="users"), Database("sqlite://"))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:////nowhere/at/all.db", "SQLite in /nowhere/at/all.db: No such file or directory"),
        ("postgresql://app:hunter2@127.0.0.1:9/app", "PostgreSQL on 127.0.0.1:9, database app: "),
        (
            "mysql://app:hunter2@127.0.0.1:9/app",
            "MySQL on 127.0.0.1:9, database app: Connection refused",
        ),
        (
            "mariadb://app:hunter2@localhost/app?unix_socket=/nowhere/x.sock",
            "MariaDB on localhost, database app: ",
        ),
    ],
)
async def test_a_database_that_cannot_be_reached_is_named_without_its_password(
    url: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    accounts = store(url)
    caplog.set_level(logging.DEBUG)
    calls = (
        accounts.require_ready(),
        accounts.find(ADA.email),
        accounts.get("1"),
        accounts.password_hash("1"),
    )
    for asked in (*calls, accounts.set_password(ADA, NEW)):
        with pytest.raises(AccountsUnready) as unready:
            await asked
        assert str(unready.value).startswith(
            f"the database of the accounts cannot be reached: {said}"
        )
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
        await app.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
    else:
        others = "db = database() AND id <> connection_id()"
        for row in await app.run(f"SELECT id FROM information_schema.processlist WHERE {others}"):
            await app.run(f"KILL {row.id}")

    assert await accounts.get("1") == ADA


@on_servers
@pytest.mark.long
async def test_a_lock_that_the_app_holds_is_not_waited_for_for_ever(app: App, over: Over) -> None:
    await app.run(f"{USERS}; {ROW}")
    impatient = TableAccounts(
        TableSettings(table="users"), AppDatabase(app.url, timedelta(seconds=1)), 60
    )
    async with app.holding("UPDATE users SET email = email"):
        # More at once than there are connections.
        changes = (impatient.set_password(ADA, NEW) for _ in range(7))
        for outcome in await asyncio.wait_for(asyncio.gather(*changes, return_exceptions=True), 20):
            assert isinstance(outcome, AccountsUnready)

    # An abandoned change is not made later, and leaves no lock.
    await impatient.close()
    accounts = over()
    assert await accounts.password_hash("1") == "old"
    assert await accounts.set_password(ADA, NEW)
    assert await accounts.password_hash("1") == "$2b$new"


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
async def test_a_server_that_says_nothing_is_given_up(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"{scheme}://app@127.0.0.1:{silent.getsockname()[1]}/app"
        accounts = TableAccounts(
            TableSettings(table="users"), AppDatabase(address, timedelta(seconds=0.2)), 60
        )
        with pytest.raises(AccountsUnready, match=", database app: it does not answer"):
            await asyncio.wait_for(accounts.find(ADA.email), 15)
        await accounts.close()


async def test_a_file_that_stays_locked_is_given_up(tmp_path: Path) -> None:
    """A caller waits for a locked file as long as the database's `patience` says."""
    file = tmp_path / "app.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as app:
        app.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE, password TEXT)")
        app.execute("INSERT INTO users VALUES (1, ?, 'old')", (ADA.email,))
        accounts = TableAccounts(
            TableSettings(table="users"),
            AppDatabase(f"sqlite:///{file}", timedelta(seconds=0.2)),
            60,
        )
        app.execute("BEGIN IMMEDIATE")
        with pytest.raises(AccountsUnready) as unready:
            await asyncio.wait_for(accounts.set_password(ADA, NEW), 15)
        assert unready.value.not_changed
        app.execute("ROLLBACK")
        await accounts.close()
        assert app.execute("SELECT password FROM users").fetchall() == [("old",)]


@on_servers
async def test_a_change_is_refused_as_not_made_and_the_next_is_made_on_another_connection(
    app: App, over: Over
) -> None:
    await app.run(f"{USERS}; {ROW}")
    is_mysql, accounts = app.dialect == "mysql", over()
    await (
        app.run("SET GLOBAL tx_read_only = 1") if is_mysql else refuse_writes(app.url)
    )  # of new connections
    try:
        assert await accounts.get("1") == ADA
        with pytest.raises(
            AccountsUnready, match="the database of the accounts takes no writes: "
        ) as unready:
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
