"""What a new password ends in the app's tables beside sessions: with each change, or only after an intrusion.

Foreign keys order it, and what they forbid is told at the start.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.contracts.accounts.table.app import USERS, Over, doubts_of, faults, hashed, one
from tests.driver.app_database import App

from keyturn.service.accounts.port import Ended, NewPassword
from keyturn.service.accounts.table.store import TableAccounts, table_accounts
from keyturn.service.database import Database
from keyturn.service.settings import Ending, Secret, TableSettings

TIMES = {"sqlite": "DATETIME", "postgresql": "timestamptz", "mysql": "TIMESTAMP NULL"}
ZONELESS = {"sqlite": "DATETIME", "postgresql": "timestamp", "mysql": "DATETIME"}
ADA = "INSERT INTO users (id, email, password_hash) VALUES (1, 'ada@northwind.test', 'old')"


async def ended(accounts: TableAccounts, *, intruded: bool = False) -> bool | Ended:
    account = msgspec.structs.replace(await one(accounts), intruded=intruded)
    return await accounts.set_password(account, NewPassword("new", hashed))


async def ids(app: App, table: str, condition: str = "1 = 1") -> list[int]:
    return [row.id for row in await app.run(f"SELECT id FROM {table} WHERE {condition} ORDER BY id")]  # noqa: S608


async def tokens(app: App, columns: str, *rows: str) -> None:
    await app.run(f"{USERS}; CREATE TABLE tokens (id INTEGER PRIMARY KEY, user_id INTEGER, {columns})")
    await app.run(ADA)
    for row in rows:
        await app.run(f"INSERT INTO tokens VALUES ({row})")  # noqa: S608


async def test_what_the_app_ends_by_itself_stays_and_need_not_exist(app: App, over: Over) -> None:
    await tokens(app, "name TEXT", "1, 1, 'laptop'")
    accounts = over(ends={"tokens.user_id": Ending(when="never"), "no_table.user_id": Ending(when="never")})
    await accounts.require_ready()

    assert await ended(accounts, intruded=True) is True
    assert await ids(app, "tokens") == [1]


async def test_only_the_rows_of_a_condition_end(app: App, over: Over) -> None:
    """Laravel's tokens belong to users or to teams, and WordPress keeps anything in one table."""
    user = r"App\\Models\\User" if app.dialect == "mysql" else r"App\Models\User"
    await tokens(
        app,
        "kind VARCHAR(40), team INTEGER, is_robot BOOLEAN",
        f"1, 1, '{user}', NULL, false",
        "2, 1, 'Team', NULL, false",
        f"3, 1, '{user}', 4, false",
        f"4, 1, '{user}', NULL, true",
    )
    where: dict[str, bool | int | float | str] = {"kind": r"App\Models\User", "team": "{null}", "is_robot": False}
    accounts = over(ends={"tokens.user_id": Ending(what="access_tokens", where=where)})
    await accounts.require_ready()

    assert await ended(accounts) == Ended({"access_tokens": 1})
    assert await ids(app, "tokens") == [2, 3, 4]


@pytest.mark.parametrize("zones", [TIMES, ZONELESS])
async def test_rows_that_are_set_keep_the_time_at_which_they_ended_before(
    app: App, over: Over, zones: dict[str, str]
) -> None:
    await tokens(app, f"expires_at {zones[app.dialect]}", "1, 1, NULL")
    day = timedelta(days=1)
    times = {2: now_utc() + 9 * day, 3: now_utc() - 9 * day}
    for number, moment in times.items():
        known: Any = moment.replace(tzinfo=None) if zones is ZONELESS or app.dialect != "postgresql" else moment
        written = known.isoformat(" ", "microseconds") if app.dialect == "sqlite" else known
        await app.run("INSERT INTO tokens VALUES (:id, 1, :at)", id=number, at=written)
    accounts = over(ends={"tokens.user_id": Ending(what="access_tokens", set={"expires_at": "{now}"})})
    await accounts.require_ready()

    assert await ended(accounts) == Ended({"access_tokens": 2})
    before = {row.id: row.expires_at for row in await app.run("SELECT * FROM tokens")}
    assert str(before[3])[:10] == str(times[3])[:10]
    assert str(before[2])[:10] < str(times[2])[:10]
    assert before[1] is not None


async def test_a_token_that_may_still_be_valid_in_another_zone_is_ended(app: App, over: Over) -> None:
    """A column without a zone may have the app's local time, which is up to half a day behind UTC."""
    await tokens(app, f"expires_at {ZONELESS[app.dialect]}")
    here = (now_utc() - timedelta(hours=11)).replace(tzinfo=None)
    await app.run("INSERT INTO tokens VALUES (1, 1, :at)", at=here.isoformat(" ") if app.dialect == "sqlite" else here)
    accounts = over(ends={"tokens.user_id": Ending(what="access_tokens", set={"expires_at": "{now}"})})

    # It may have ended eleven hours ago, too, and is therefore not counted.
    assert await ended(accounts) is True
    (row,) = await app.run("SELECT expires_at FROM tokens")
    assert str(row.expires_at)[:16] > str(here)[:16]


@pytest.mark.parametrize(("kind", "given"), [("zoneless", "{now}"), ("VARCHAR(40)", "{now_iso}")])
async def test_what_a_report_has_ended_is_not_counted_again_by_the_password_after_it(
    app: App, over: Over, kind: str, given: str
) -> None:
    await tokens(app, f"revoked_at {ZONELESS[app.dialect] if kind == 'zoneless' else kind}", "1, 1, NULL", "2, 1, NULL")
    accounts = over(ends={"tokens.user_id": Ending(what="api_keys", set={"revoked_at": given})})

    assert await accounts.end_intrusion("1") == Ended({"api_keys": 2})
    assert await accounts.end_intrusion("1") == Ended()
    await app.run("INSERT INTO tokens VALUES (3, 1, NULL)")
    assert await ended(accounts, intruded=True) == Ended({"api_keys": 1})


PAST, FUTURE = "2020-01-01T00:00:00", "2099-01-01T00:00:00"


@pytest.mark.parametrize("zone", ["+00:00", "+02:00", "Z"])
async def test_a_text_in_the_past_stays_whatever_its_zone(app: App, over: Over, zone: str) -> None:
    """Python's isoformat() writes +00:00."""
    await tokens(app, "revoked_at VARCHAR(40)", f"1, 1, '{PAST}{zone}'", f"2, 1, '{FUTURE}{zone}'", "3, 1, NULL")
    accounts = over(ends={"tokens.user_id": Ending(what="api_keys", set={"revoked_at": "{now_iso}"})})

    assert await ended(accounts) == Ended({"api_keys": 2})
    first, *others = [row.revoked_at for row in await app.run("SELECT * FROM tokens ORDER BY id")]
    assert first == f"{PAST}{zone}"
    assert all(one.startswith(f"{now_utc():%Y-}") for one in others)


@pytest.mark.parametrize("kind", ["REAL", "DOUBLE PRECISION", "BIGINT"])
async def test_numbers_in_the_past_stay_whatever_their_type(app: App, over: Over, kind: str) -> None:
    if kind == "REAL" and app.dialect != "sqlite":
        pytest.skip("a REAL elsewhere has four bytes, too few for a time")
    await tokens(app, f"revoked_at {kind}", "1, 1, 1577836800", "2, 1, 4070908800", "3, 1, NULL")
    accounts = over(ends={"tokens.user_id": Ending(what="api_keys", set={"revoked_at": "{now}"})})

    assert await ended(accounts) == Ended({"api_keys": 2})
    assert await ended(accounts) is True
    (row,) = await app.run("SELECT revoked_at FROM tokens WHERE id = 1")
    assert row.revoked_at == 1577836800


@pytest.mark.parametrize("databases", ["mariadb"], indirect=True)
async def test_an_owner_in_other_letters_is_another_one(app: App, over: Over) -> None:
    """MySQL compares without regard to case and accents."""
    await app.run("CREATE TABLE users (id VARCHAR(9) PRIMARY KEY, email VARCHAR(99), password_hash VARCHAR(60))")
    await app.run("INSERT INTO users VALUES ('cafe', 'ada@northwind.test', 'old')")
    await app.run("CREATE TABLE tokens (id INTEGER PRIMARY KEY, user_id VARCHAR(9))")
    await app.run("INSERT INTO tokens VALUES (1, 'cafe'), (2, 'CAFE'), (3, 'café')")
    accounts = over(ends={"tokens.user_id": Ending(what="api_keys")})

    assert await ended(accounts) == Ended({"api_keys": 1})
    assert await ids(app, "tokens") == [2, 3]


async def test_flags_numbers_and_texts_are_set_where_they_differ(app: App, over: Over) -> None:
    await tokens(
        app,
        "revoked BOOLEAN, status VARCHAR(9), ms BIGINT, secret TEXT",
        "1, 1, false, 'new', NULL, 's'",
        "2, 1, true, 'ended', 1600000000000, NULL",
        "3, 1, true, NULL, 1600000000000, NULL",
    )
    sets: dict[str, bool | int | float | str] = {
        "revoked": True, "status": "ended", "ms": "{now_ms}", "secret": "{null}",
    }  # fmt: skip
    accounts = over(ends={"tokens.user_id": Ending(what="api_keys", set=sets)})
    await accounts.require_ready()

    assert await ended(accounts) == Ended({"api_keys": 2})
    rows = await app.run("SELECT * FROM tokens ORDER BY id")
    assert [(bool(row.revoked), row.status, row.secret) for row in rows] == [(True, "ended", None)] * 3
    assert [row.ms == 1_600_000_000_000 for row in rows] == [False, True, False]
    assert await ended(accounts) is True


async def test_a_column_of_the_account_itself_can_be_a_key(app: App, over: Over) -> None:
    """Directus keeps an API token in the row of its user."""
    await app.run("CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(99), password_hash TEXT, token TEXT)")
    await app.run("INSERT INTO users VALUES (1, 'ada@northwind.test', 'old', 't'), (2, 'eve@northwind.test', 'o', 't')")
    accounts = over(ends={"users.id": Ending(what="api_keys", when="intrusion", set={"token": "{null}"})})
    await accounts.require_ready()

    assert await ended(accounts, intruded=True) == Ended({"api_keys": 1})
    assert [row.token for row in await app.run("SELECT * FROM users ORDER BY id")] == [None, "t"]


async def test_every_wrong_name_and_value_is_told_by_its_setting(app: App, over: Over) -> None:
    await tokens(app, "name VARCHAR(9) NOT NULL")
    accounts = over(
        ends={
            "tokens.owner": Ending(),
            "token.user_id": Ending(),
            "users.id": Ending(),
            "tokens.user_id": Ending(set={"revoked": True, "name": "{null}"}, where={"team": "x"}),
        }
    )

    assert await faults(accounts) == [
        'ends."tokens.owner": the table tokens has no column owner',
        'ends."token.user_id": the database has no table token; did you mean tokens? (its tables: tokens, users)',
        'ends."users.id": users.id is in the table of accounts, so a reset would delete accounts: remove it',
        'ends."tokens.user_id".set.revoked: the table tokens has no column revoked',
        'ends."tokens.user_id".set.name: may not be NULL',
        'ends."tokens.user_id".where.team: the table tokens has no column team',
    ]
    own = over(ends={"users.id": Ending(set={"email": "x", "password_hash": "{null}"})})
    said = "is the column of the id, the address or the password, which a change sets itself"
    assert await faults(own) == [f'ends."users.id".set.{name}: {said}' for name in ("email", "password_hash")]


async def test_only_the_id_names_whose_row_of_the_accounts_is_set(app: App, over: Over) -> None:
    await app.run(f"{USERS.removesuffix(')')}, team_id INTEGER, token TEXT); {ADA}")
    accounts = over(ends={"users.team_id": Ending(set={"token": "{null}"})})

    said = "team_id is not the id of an account, so other accounts would be changed: write users.id"
    assert await faults(accounts) == [f'ends."users.team_id": {said}']
    await over(ends={"users.id": Ending(set={"token": "{null}"})}).require_ready()


def now_utc() -> datetime:
    return datetime.now(UTC)


KEPT = "rows of refresh that refer to deleted rows of access stay, which the database forbids"
BOTH = {"access.user_id": Ending(what="oauth_grants"), "refresh.user_id": Ending(what="oauth_grants")}


@pytest.fixture
async def checked(app: App) -> AsyncIterator[Over]:
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


async def make_referring(app: App, rule: str = "") -> None:
    """Give Ada an access token, to which a refresh token refers."""
    await app.run(
        f"{USERS}; CREATE TABLE access (id INTEGER PRIMARY KEY, user_id INTEGER);"
        " CREATE TABLE refresh (id INTEGER PRIMARY KEY, user_id INTEGER, revoked BOOLEAN, access_id INTEGER,"
        f" FOREIGN KEY (access_id) REFERENCES access (id) {rule})"
    )
    await app.run(ADA)
    await app.run("INSERT INTO access VALUES (1, 1); INSERT INTO refresh VALUES (1, 1, false, 1)")


async def test_rows_that_refer_to_others_are_deleted_first(app: App, checked: Over) -> None:
    await make_referring(app)
    accounts = checked(ends=BOTH)
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
    app: App, checked: Over, refresh: dict[str, Ending]
) -> None:
    await make_referring(app)

    doubt = f'accounts.table.ends."access.user_id": {KEPT}'
    assert await doubts_of(checked(ends={"access.user_id": Ending(), **refresh})) == [doubt]


@pytest.mark.parametrize("rule", ["ON DELETE CASCADE", "ON DELETE SET NULL"])
async def test_a_key_that_follows_a_deletion_is_none(app: App, checked: Over, rule: str) -> None:
    await make_referring(app, rule)
    accounts = checked(ends={"access.user_id": Ending(what="access_tokens")})
    await accounts.require_ready()

    assert await accounts.end_sessions("1") == Ended({"access_tokens": 1})


async def test_such_an_entry_works_for_as_long_as_no_row_refers(app: App, checked: Over) -> None:
    await make_referring(app)
    await app.run("DELETE FROM refresh")
    accounts = checked(delete=("access.user_id",))
    await accounts.require_ready()

    assert await doubts_of(accounts) == [f"accounts.table.delete: {KEPT}"]
    assert await doubts_of(checked(delete=("access.user_id", "refresh.user_id"))) == []
    assert await accounts.set_password(await one(accounts), NewPassword("new", hashed)) is True
    assert await ids(app, "access") == []


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_in_an_apps_own_file_no_key_is_checked_and_none_is_a_fault(app: App) -> None:
    await make_referring(app)
    settings = TableSettings(url=Secret(app.url), table="users", ends={"access.user_id": Ending(what="access_tokens")})
    accounts = table_accounts(settings, Database("sqlite://"))
    await accounts.require_ready()

    assert await accounts.end_sessions("1") == Ended({"access_tokens": 1})
    await accounts.close()
