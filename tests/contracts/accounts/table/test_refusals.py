"""Changes that the app's database refuses, suppresses, or does only in part."""

import pytest
from tests.contracts.accounts.stores import own_messages
from tests.contracts.accounts.table.conftest import ROW, USERS, Over, changes, doubts_of, one
from tests.driver.app_database import App

from keyturn.service.accounts.table.store import table_accounts
from keyturn.service.database import Database
from keyturn.service.problems.passwords import ChangeRefused
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import TableSettings

SAYING_NO = {
    "sqlite": "CREATE TRIGGER no BEFORE UPDATE ON users BEGIN SELECT RAISE(ABORT, 'audited app "
    "only');END",
    "postgresql": "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'audited app only';END $$; "
    "CREATE TRIGGER no BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION no()",
    "mysql": "CREATE TRIGGER no BEFORE UPDATE ON users FOR EACH ROW"
    " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audited app only'",
}


async def test_trigger_that_refuses(app: App, over: Over, caplog: pytest.LogCaptureFixture) -> None:
    """A change that the app's trigger refuses is refused for good, and the log has the trigger's
    own words.
    """
    await app.run(f"{USERS}; {ROW}; {SAYING_NO[app.dialect]}")
    accounts = over()
    with pytest.raises(ChangeRefused):
        await changes(accounts)

    (logged,) = own_messages(caplog)
    assert logged.startswith("accounts.refused table=users reason=")
    assert "audited app only" in logged
    assert await accounts.password_hash("1") == "old"


@pytest.mark.parametrize("databases", ["sqlite", "postgresql"], indirect=True)
async def test_trigger_that_refuses_in_one_database(app: App) -> None:
    """The same holds where the change joins Keyturn's own transaction."""
    await app.run(f"{USERS}; {ROW}; {SAYING_NO[app.dialect]}")
    database = Database(app.url)
    accounts = table_accounts(TableSettings(table="users"), database)
    ada = await one(accounts)
    with pytest.raises(ChangeRefused):
        await database.transact(
            lambda connection: accounts.set_password_within(connection, ada, "$2b$new")
        )
    await database.close()


SUPPRESSING = {
    "sqlite": "CREATE TRIGGER none BEFORE UPDATE ON users BEGIN SELECT RAISE(IGNORE);END",
    "postgresql": "CREATE RULE none AS ON UPDATE TO users DO INSTEAD NOTHING",
}


@pytest.mark.parametrize("databases", ["sqlite", "postgresql"], indirect=True)
async def test_trigger_that_suppresses(
    app: App, over: Over, caplog: pytest.LogCaptureFixture
) -> None:
    """A change of no row, of an account that is as it was, is refused, and the log says why."""
    await app.run(f"{USERS}; {ROW}; {SUPPRESSING[app.dialect]}")
    accounts = over()
    with pytest.raises(ChangeRefused):
        await changes(accounts)

    (logged,) = own_messages(caplog)
    assert logged.startswith(
        "accounts.refused table=users reason=no row was changed, although the account is as it was"
    )


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_foreign_keys_of_sqlite(app: App, over: Over) -> None:
    """In the app's own file of SQLite, rows go with those that they belong to,
    as its schema says.
    """
    await app.run(
        f"{USERS}; {ROW}; CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id INTEGER)"
    )
    await app.run(
        "CREATE TABLE pushes (session_id INTEGER REFERENCES sessions (id) ON DELETE CASCADE)"
    )
    await app.run("INSERT INTO sessions VALUES (7, 1); INSERT INTO pushes VALUES (7)")
    assert await changes(over(delete=("sessions.user_id",)))

    assert await app.run("SELECT * FROM pushes") == []


KEPT = USERS.replace(", name TEXT)", ") ENGINE=MyISAM")


@pytest.mark.parametrize("databases", ["mariadb"], indirect=True)
@pytest.mark.parametrize("engine", ["MyISAM", "Aria"])
async def test_engine_without_transactions(app: App, over: Over, engine: str) -> None:
    """The start names each table whose engine has no transactions."""
    await app.run(KEPT.replace("MyISAM", engine))
    await app.run(
        f"CREATE TABLE sessions (user_id INTEGER) ENGINE={engine}; CREATE TABLE tokens (user_id "
        "INTEGER)"
    )
    accounts = over(delete=("sessions.user_id", "tokens.user_id"))
    await accounts.require_ready()

    why = "has no transactions, so a change that fails half-way stays half done"
    assert await doubts_of(accounts) == [
        f"the engine {engine} of the table users {why}",
        f"the engine {engine} of the table sessions {why}",
    ]


@pytest.mark.parametrize("databases", ["mariadb"], indirect=True)
async def test_change_without_transactions(app: App, over: Over) -> None:
    """A change that failed half-way, in a table without transactions, is not told as one that was
    not made.
    """
    await app.run(f"{KEPT}; {ROW}; CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id INTEGER)")
    await app.run(
        "INSERT INTO sessions VALUES (1, 1); CREATE TABLE uses (id INTEGER REFERENCES sessions "
        "(id))"
    )
    await app.run("INSERT INTO uses VALUES (1)")
    accounts = over(delete=("sessions.user_id",))
    with pytest.raises(AccountsUnready) as failed:
        await changes(accounts)

    assert not failed.value.not_changed
    assert await accounts.password_hash("1") == "$2b$new"
