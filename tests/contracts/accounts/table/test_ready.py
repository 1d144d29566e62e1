"""What the start says of a table: every fault by its setting, at once."""

from typing import Any

import pytest
from sqlalchemy import make_url
from tests.contracts.accounts.table.conftest import USERS, Over, faults
from tests.driver.app_database import App

from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import Ending


async def test_every_name_that_is_wrong_is_told_at_once(app: App, over: Over) -> None:
    await app.run(f"{USERS}; CREATE TABLE sessions (user_id INTEGER)")
    accounts = over(
        email="e_mail",
        name="naem",
        active="not deleted_at",
        set={"changed_at": "{now}", "id": 4},
        lock={"stat": "locked"},
        unlock={"name": "{now_ms}"},
        delete=("session.user_id", "sessions.userId"),
    )

    assert await faults(accounts) == [
        "email: the table users has no column e_mail; did you mean email?",
        "name: the table users has no column naem; did you mean name?",
        "active: the table users has no column deleted_at",
        "set.changed_at: the table users has no column changed_at",
        "set.id: is the column of the id, the address or the password, which a change sets itself",
        "lock.stat: the table users has no column stat",
        "unlock.name: '{now_ms}' does not fit a column of type TEXT",
        (
            "delete: the database has no table session; did you mean sessions? "
            "(its tables: sessions, users)"
        ),
        "delete: the table sessions has no column userId; did you mean user_id?",
    ]
    # Later callers cannot fix it, and are asked to retry.
    with pytest.raises(
        AccountsUnready,
        match=r"email: the table users has no column e_mail.*; accounts\.table\.name",
    ):
        await accounts.find("ada@northwind.test")


async def test_a_table_that_is_not_there_is_told_with_those_that_are(app: App, over: Over) -> None:
    assert await faults(over()) == ["table: the database has no table users; it has no tables"]
    await app.run(USERS)
    await app.run("CREATE VIEW people AS SELECT * FROM users")

    assert await faults(over(table="peple")) == [
        "table: the database has no table peple; did you mean people? (its tables: people, users)"
    ]
    # The error has been fixed in the meantime.
    ready = over()
    await ready.require_ready()


@pytest.mark.parametrize("databases", ["postgresql", "mariadb"], indirect=True)
async def test_columns_that_cannot_serve_are_told_with_their_types(app: App, over: Over) -> None:
    await app.run("CREATE TABLE users (id INTEGER, email DATE, password_hash VARCHAR(59))")
    await app.run(
        "CREATE TABLE sessions (user_id DATE); CREATE TABLE days (id DATE PRIMARY KEY, email "
        "VARCHAR(99))"
    )

    assert await faults(over(delete=("sessions.user_id",))) == [
        "email: the column email must contain text, but is DATE",
        (
            "password: the column password_hash is VARCHAR(59), but a hash has 60 characters: make "
            "the column longer"
        ),
        "id: the column id must be the primary key of users, or unique",
        "delete: sessions.user_id is DATE, but users.id is INTEGER: they must have the same type",
    ]
    # A day can be written in more ways than one.
    assert await faults(over(table="days", password="")) == [
        "id: the column id is DATE: ids must be whole numbers, UUIDs, texts or bytes"
    ]


async def test_no_two_keys_name_one_column(app: App, over: Over) -> None:
    await app.run(USERS)

    for key, column in (("password", "email"), ("password", "id"), ("email", "id")):
        told = f"{key}: the column {column} is also the one of {column}: choose another"
        assert told in await faults(over(**{key: column}))
    await over(password="").require_ready()


@pytest.mark.long
async def test_a_status_is_told_by_its_values(app: App, over: Over) -> None:
    kinds = {"sqlite": "TEXT", "postgresql": "mood", "mysql": "ENUM('active', 'banned')"}
    if app.dialect == "postgresql":
        await app.run("CREATE TYPE mood AS ENUM ('active', 'banned')")
    await app.run(
        USERS.replace(
            "name TEXT", f"status {kinds[app.dialect]} NOT NULL, why {kinds[app.dialect]}"
        )
    )

    said = ["active: has an empty value: write status = active | invited, for example"]
    assert await faults(over(active="status = active |")) == said
    assert await faults(over(active="stauts = active")) == [
        "active: the table users has no column stauts; did you mean status?"
    ]
    await over(active="status = ACTIVE").require_ready()
    await over(active="not why").require_ready()
    if app.dialect == "sqlite":  # which has no types that list their values
        await over(active="status").require_ready()
        return
    assert await faults(over(active="status = actve")) == [
        (
            "active: the column status never contains actve; did you mean active? (its values are "
            "active, banned)"
        )
    ]
    assert await faults(over(active="status")) == [
        "active: none of active, banned means no: list the active values, as in status = active"
    ]


async def test_a_column_that_is_computed_is_blamed_and_not_the_password(
    app: App, over: Over
) -> None:
    computed = "name VARCHAR(99) GENERATED ALWAYS AS (lower(email)) STORED, seen INTEGER"
    await app.run(USERS.replace("name TEXT", computed))

    told = await faults(over(set={"seen": 1, "name": "Ada"}))
    assert told == ["set.name: is a generated column, which cannot be written: remove it"]


COLUMNS = {
    "sqlite": "flag BOOLEAN NOT NULL, at DATETIME, number INTEGER, day DATE",
    "postgresql": (
        "flag boolean NOT NULL, at timestamptz, number int, day date, code char(4), host inet"
    ),
    "mysql": (
        "flag TINYINT(1) NOT NULL, at DATETIME, number INT, day DATE, "
        "code ENUM('new', 'calm'), host TIME"
    ),
}
WRONG: dict[str, dict[str, Any]] = {
    "sqlite": {"flag": "{null}", "at": "yesterday", "number": "1.5", "day": 3},
    "postgresql": {
        "flag": "{now}",
        "at": True,
        "number": 2**31,
        "day": "",
        "code": "{now}",
        "host": "::1",
    },
    "mysql": {
        "flag": 300,
        "at": 7,
        "number": "{now_ms}",
        "day": "{null}?",
        "code": "old",
        "host": "{now}",
    },
}


async def test_values_that_do_not_fit_are_told_with_the_type(app: App, over: Over) -> None:
    await app.run(USERS.replace("name TEXT", COLUMNS[app.dialect]))
    told = await faults(over(set=WRONG[app.dialect]))

    assert [fault.partition(":")[0] for fault in told] == [
        f"set.{column}" for column in WRONG[app.dialect]
    ]
    said = {
        "sqlite": "set.flag: may not be NULL",
        "postgresql": "set.number: 2147483648 does not fit a column of type INTEGER",
        "mysql": "set.number: '{now_ms}' does not fit a column of type INTEGER",
    }
    assert said[app.dialect] in told


async def test_a_reset_never_deletes_accounts(app: App, over: Over) -> None:
    await app.run(f"{USERS}; CREATE TABLE sessions (user_id INTEGER)")
    schema = {"sqlite": "main", "postgresql": "public"}.get(app.dialect, make_url(app.url).database)
    whole = f"{schema}.users.id" if app.dialect == "postgresql" else f"{schema}.Users.id"

    assert await faults(over(delete=("users.id", "sessions.user_id", whole))) == [
        f"delete: {entry} is in the table of accounts, so a reset would delete accounts: remove it"
        for entry in ("users.id", whole)
    ]
    assert len(await faults(over(table=f"{schema}.users", delete=("users.email",)))) == 1


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_user_of_the_database_that_may_only_read_is_told(app: App, over: Over) -> None:
    await app.run(
        f"{USERS}; CREATE TABLE sessions (user_id INTEGER); CREATE TABLE tokens (user_id INTEGER, "
        "ended INT)"
    )
    role = make_url(app.url).database
    await app.run(f"CREATE ROLE {role} LOGIN; GRANT SELECT ON users, sessions, tokens TO {role}")
    limited = app.url.replace("//postgres:", f"//{role}:")
    ends = {"tokens.user_id": Ending(set={"ended": 1})}
    for_all = {"set": {"name": "{null}"}, "delete": ("sessions.user_id",), "ends": ends}

    others = [
        "delete: refused: permission denied for table sessions",
        'ends."tokens.user_id": refused: permission denied for table tokens',
    ]
    told = await faults(over(url=limited, **for_all))
    assert told == ["password: refused: permission denied for table users", *others]
    await app.run(f"GRANT UPDATE (password_hash) ON users TO {role}")
    await over(url=limited).require_ready()
    told = await faults(over(url=limited, **for_all))
    assert told == ["set.name: refused: permission denied for table users", *others]
    await app.run(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.parametrize("databases", ["mariadb"], indirect=True)
async def test_a_user_of_mariadb_that_may_only_read_is_told(app: App, over: Over) -> None:
    await app.run(f"{USERS}; CREATE TABLE sessions (user_id INTEGER)")
    await app.run("CREATE VIEW people AS SELECT * FROM users")
    user = f"{make_url(app.url).database}@localhost"
    await app.run(
        f"CREATE USER {user}; GRANT SELECT ON users TO {user}; GRANT SELECT ON sessions TO {user}"
    )
    limited = app.url.replace("root@localhost", user)

    (told,) = await faults(over(url=limited))
    assert told.startswith("password: refused: (1142, ")
    assert "UPDATE command denied to user" in told
    await app.run(f"GRANT UPDATE ON users TO {user}")
    await over(url=limited).require_ready()
    (told,) = await faults(over(url=limited, delete=("sessions.user_id",)))
    assert "DELETE command denied to user" in told
    # MariaDB shows the plan of a view only to roles that may read its tables.
    await app.run(
        f"REVOKE ALL ON users FROM {user}; GRANT SELECT, UPDATE, SHOW VIEW ON people TO {user}"
    )
    await over(url=limited, table="people").require_ready()
    await app.run(f"DROP USER {user}")


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_looking_fires_no_trigger(app: App, over: Over) -> None:
    await app.run(f"{USERS}; CREATE TABLE sessions (user_id INTEGER); CREATE SEQUENCE fired")
    body = "$$ BEGIN PERFORM nextval('fired');RETURN NULL;END $$"
    await app.run(f"CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS {body}")
    for table in ("users", "sessions"):
        events = f"BEFORE UPDATE OR DELETE ON {table} FOR EACH STATEMENT"
        await app.run(f"CREATE TRIGGER fires {events} EXECUTE FUNCTION fire()")
    await over(set={"name": "{null}"}, delete=("sessions.user_id",)).require_ready()

    (row,) = await app.run("SELECT is_called FROM fired")
    assert not row.is_called
