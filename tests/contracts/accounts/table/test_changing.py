"""What a new password changes in the app's database, besides the password."""

import traceback
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.contracts.accounts.messages import own_messages
from tests.contracts.accounts.table.app import Over, hashed, one
from tests.driver.app_database import App
from tests.driver.lost_commits import losing_commits

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.port import NewPassword
from keyturn.service.accounts.table.store import JoiningTableAccounts, table_accounts
from keyturn.service.database import Database
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import TableSettings

COLUMNS = {
    "sqlite": "at_zone TIMESTAMP, at TIMESTAMP, day DATE, text TEXT, seconds INTEGER, ms INTEGER, flag BOOLEAN,"
    " small TINYINT, share REAL, token TEXT, kind TEXT, device UUID",
    "postgresql": "at_zone timestamptz, at timestamp, day date, text varchar(24), seconds int, ms bigint, flag boolean,"
    " small smallint, share numeric(4, 2), token text, kind mood, device uuid",
    "mysql": "at_zone TIMESTAMP(6) NULL, at DATETIME(6), day DATE, text VARCHAR(24), seconds INT UNSIGNED, ms BIGINT,"
    " flag BIT(1), small TINYINT, share DECIMAL(4, 2), token TEXT, kind ENUM('new', 'calm'), device CHAR(36)",
}
UUID_ = "8b1c7a52-3c55-4d6e-9a0f-2d7c3f6b1e90"
SET: dict[str, Any] = {
    "at_zone": "{now}",
    "at": "{now}",
    "day": "2026-11-20",
    "text": "{now_iso}",
    "seconds": "{now}",
    "ms": "{now_ms}",
    "flag": False,
    "small": True,
    "share": 0.25,
    "token": "{null}",
    "kind": "calm",
    "device": UUID_,
}


def since(moment: Any, *, zone: bool = False) -> timedelta:
    """Return how far away it is, however the database has it: in UTC, unless it knows better."""
    known = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    assert isinstance(known, datetime)
    assert (known.tzinfo is not None) == zone
    return abs(datetime.now(UTC) - (known if known.tzinfo else known.replace(tzinfo=UTC)))


async def test_columns_are_set_to_what_their_type_makes_of_it(app: App, over: Over) -> None:
    if app.dialect == "postgresql":
        await app.run("CREATE TYPE mood AS ENUM ('new', 'calm')")
    await app.run(f"CREATE TABLE users (id INT PRIMARY KEY, email TEXT, password_hash TEXT, {COLUMNS[app.dialect]})")
    await app.run(
        "INSERT INTO users (id, email, token) VALUES (1, 'ada@northwind.test', 'a token'), (2, 'b@c.de', 'b')"
    )
    accounts = over(set=SET)
    await accounts.require_ready()
    assert await accounts.set_password(await one(accounts), NewPassword("new", hashed))

    in_utc = {"mysql": "SET time_zone = '+00:00'; SELECT * FROM users ORDER BY id"}
    row, other = await app.run(in_utc.get(app.dialect, "SELECT * FROM users ORDER BY id"))
    moment = timedelta(seconds=30)
    assert since(row.at_zone, zone=app.dialect == "postgresql") < moment
    assert since(row.at) < moment
    assert str(row.day) == "2026-11-20"
    assert row.text.endswith("Z")
    assert since(row.text, zone=True) < moment
    assert abs(row.seconds - row.ms / 1000) < 1
    assert since(datetime.fromtimestamp(row.seconds, UTC), zone=True) < moment
    assert row.flag in (0, b"\0")
    assert (row.small, float(row.share), row.token, row.kind, str(row.device)) == (1, 0.25, None, "calm", UUID_)
    assert row.password_hash == "$2b$new"
    assert (other.password_hash, other.token, other.seconds) == (None, "b", None)
    # Everything is as it was to be already: MariaDB changes no row, and the password is set all the same.
    changed = over(set={"flag": False})
    assert await changed.set_password(await one(changed), NewPassword("new", hashed))


async def test_a_commit_whose_answer_is_lost_is_no_certain_no(
    app: App, over: Over, monkeypatch: pytest.MonkeyPatch
) -> None:
    await app.run("CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(99), password_hash TEXT)")
    await app.run("INSERT INTO users VALUES (1, 'ada@northwind.test', 'old')")
    accounts = over()
    account = await one(accounts)
    with losing_commits(monkeypatch), pytest.raises(AccountsUnready) as lost:
        await accounts.set_password(account, NewPassword("new", hashed))

    assert not lost.value.not_changed
    assert await accounts.password_hash("1") == "$2b$new"


async def test_what_cannot_be_done_together_is_not_done_at_all(app: App, over: Over) -> None:
    await app.run(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(99), password_hash TEXT); "
        "CREATE TABLE tokens (owner VARCHAR(20)); "
        "CREATE TABLE devices (owner INTEGER PRIMARY KEY); "
        "INSERT INTO users VALUES (1, 'ada@northwind.test', 'old'); INSERT INTO tokens VALUES ('1'), ('2')"
    )
    await app.run("INSERT INTO devices VALUES (1)")
    await app.run(GUARDS[app.dialect])
    accounts = over(delete=("tokens.owner", "devices.owner"))
    account = await one(accounts)
    with pytest.raises(AccountsUnready, match="the database of the accounts refused a statement: ") as refused:
        await accounts.set_password(account, NewPassword("new", hashed))

    assert refused.value.not_changed
    assert await accounts.password_hash("1") == "old"
    assert len(await app.run("SELECT * FROM tokens")) == 2
    assert await over(delete=("tokens.owner",)).set_password(account, NewPassword("new", hashed))
    assert [row.owner for row in await app.run("SELECT * FROM tokens")] == ["2"]


REFUSALS = {"sqlite": ["CHECK"], "postgresql": ["CHECK"], "mysql": ["CHECK", "SIGNAL"]}


async def test_a_hash_that_the_table_refuses_is_logged_without_it(
    app: App, over: Over, caplog: pytest.LogCaptureFixture
) -> None:
    for refusal in REFUSALS[app.dialect]:
        await app.run("DROP TABLE IF EXISTS users")
        check = ", CHECK (password_hash NOT LIKE '$2b$%')" if refusal == "CHECK" else ""
        await app.run(f"CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(99), password_hash TEXT{check})")
        await app.run("INSERT INTO users VALUES (1, 'ada@northwind.test', 'old')")
        if refusal == "SIGNAL":
            await app.run("CREATE TRIGGER kept BEFORE UPDATE ON users FOR EACH ROW SIGNAL SQLSTATE '45000'")
        accounts = over()
        account = await one(accounts)
        caplog.clear()
        with pytest.raises(AccountsUnready, match="the database of the accounts refused a statement: ") as refused:
            await accounts.set_password(account, NewPassword("new", hashed))

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
    await app.run("CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(99), password_hash TEXT)")
    await app.run("INSERT INTO users VALUES (1, 'ada@northwind.test', 'old')")
    database = Database(app.url if within else "sqlite://")
    accounts = table_accounts(TableSettings(table="users"), database) if within else over()
    ada = await one(accounts)
    await app.run("ALTER TABLE users RENAME COLUMN password_hash TO hash")

    for asked in (accounts.get, accounts.find, accounts.password_hash):
        with pytest.raises(AccountsUnready):
            await asked("1" if asked != accounts.find else ada.email)
    with pytest.raises(AccountsUnready, match="the table users has no column password_hash"):
        await accounts.set_password(ada, NewPassword("new", hashed))
    assert [line.partition(" ")[0] for line in own_messages(caplog)] == ["accounts.refused", *["accounts.changed"] * 3]

    await app.run("ALTER TABLE users RENAME COLUMN hash TO password_hash")
    assert await accounts.set_password(ada, NewPassword("new", hashed))
    assert await accounts.password_hash("1") == "$2b$new"
    await app.run("ALTER TABLE users RENAME COLUMN email TO mail")
    if isinstance(accounts, JoiningTableAccounts):
        with pytest.raises(AccountsUnready, match="refused a statement"):
            await database.transact(lambda connection: accounts.set_password_within(connection, ada, "$2b$newer"))
        with pytest.raises(AccountsUnready, match="has refused a statement") as raised:  # and is not looked at here
            await database.transact(lambda connection: accounts.password_hash_within(connection, "1"))
        assert raised.value.not_changed
    else:
        with pytest.raises(SettingsInvalid, match="the table users has no column email"):
            await accounts.require_ready()
        with pytest.raises(AccountsUnready, match="does not match the settings"):  # no statement is tried
            await accounts.get("1")
    await database.close()


GUARDS = {
    "sqlite": "CREATE TRIGGER kept BEFORE DELETE ON devices BEGIN SELECT RAISE(ABORT, 'in use');END",
    "postgresql": "CREATE TABLE uses (device INTEGER REFERENCES devices); INSERT INTO uses VALUES (1)",
    "mysql": "CREATE TABLE uses (device INTEGER REFERENCES devices (owner)); INSERT INTO uses VALUES (1)",
}


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_tables_may_be_in_schemas(app: App, over: Over) -> None:
    await app.run(
        'CREATE SCHEMA auth; CREATE SCHEMA "The App"; '
        'CREATE TABLE "The App".users (id bigserial PRIMARY KEY, email text, password_hash text); '
        'CREATE TABLE auth.sessions ("user" bigint); '
        "INSERT INTO \"The App\".users (email) VALUES ('ada@northwind.test'); INSERT INTO auth.sessions VALUES (1), (2)"
    )
    accounts = over(table="The App.users", delete=("auth.sessions.user",))
    await accounts.require_ready()
    assert await accounts.set_password(await one(accounts), NewPassword("new", hashed))

    assert [row.user for row in await app.run("SELECT * FROM auth.sessions")] == [2]


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_rows_are_deleted_whose_bytes_are_the_id_of_the_account(app: App, over: Over) -> None:
    """Advanced Alchemy's GUID is BINARY(16), which SQLite takes for a number and stores as it comes."""
    await app.run(
        "CREATE TABLE users (id BINARY(16) PRIMARY KEY, email TEXT, password_hash TEXT); "
        "CREATE TABLE sessions (user_id BINARY(16)); INSERT INTO sessions VALUES (x'ab01'), (x'ab02'); "
        "INSERT INTO users VALUES (x'ab01', 'ada@northwind.test', 'old')"
    )
    accounts = over(delete=("sessions.user_id",))
    assert await accounts.set_password(await one(accounts), NewPassword("new", hashed))

    assert [row.user_id for row in await app.run("SELECT * FROM sessions")] == [b"\xab\x02"]


@pytest.mark.parametrize("databases", ["mariadb"], indirect=True)
async def test_an_address_that_only_the_collation_calls_the_same_has_changed(app: App, over: Over) -> None:
    await app.run("CREATE TABLE users (id INT PRIMARY KEY, email VARCHAR(99), password_hash TEXT)")
    await app.run("INSERT INTO users VALUES (1, 'mike@northwind.test ', 'old')")
    accounts = over()
    account = await one(accounts, "mike@northwind.test")
    await app.run("UPDATE users SET email = 'm\u00edke@northwind.test'")

    assert not await accounts.set_password(account, NewPassword("new", hashed))
    assert await accounts.password_hash("1") == "old"
