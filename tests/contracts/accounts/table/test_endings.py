"""What a new password ends in the app's tables, in the keys' order; accounts that are locked, and
what lifts that.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.contracts.accounts.table.conftest import (
    HASH,
    NEW,
    ROW,
    USERS,
    Over,
    changes,
    doubts_of,
    faults,
    one,
)
from tests.driver.app_database import App

from keyturn.service.accounts.port import Account, Ended
from keyturn.service.settings import Ending

TIMES = {"sqlite": "DATETIME", "postgresql": "timestamptz", "mysql": "TIMESTAMP NULL"}
ZONELESS = {"sqlite": "DATETIME", "postgresql": "timestamp", "mysql": "DATETIME"}


async def ids(app: App, table: str) -> list[int]:
    return [row.id for row in await app.run(f"SELECT id FROM {table} ORDER BY id")]


async def tokens(app: App, columns: str, *rows: str) -> None:
    await app.run(
        f"{USERS}; CREATE TABLE tokens (id INTEGER PRIMARY KEY, user_id INTEGER, {columns}); {ROW}"
    )
    for row in rows:
        await app.run(f"INSERT INTO tokens VALUES ({row})")


def keys(**sets: bool | float | str) -> dict[str, Ending]:
    return {"tokens.user_id": Ending(what="api_keys", set=sets)}


async def test_what_the_app_ends_by_itself_stays_and_need_not_exist(app: App, over: Over) -> None:
    await tokens(app, "name TEXT", "1, 1, 'laptop'")
    accounts = over(
        ends={"tokens.user_id": Ending(when="never"), "no_table.user_id": Ending(when="never")}
    )
    await accounts.require_ready()

    assert await changes(accounts, intruded=True) is True
    assert await ids(app, "tokens") == [1]


async def test_only_the_rows_of_a_condition_end(app: App, over: Over) -> None:
    """Laravel's tokens belong to users or to teams, and WordPress keeps anything in one table."""
    user = r"App\\Models\\User" if app.dialect == "mysql" else r"App\Models\User"
    rows = (
        f"'{user}', NULL, false",
        "'Team', NULL, false",
        f"'{user}', 4, false",
        f"'{user}', NULL, true",
    )
    columns = "kind VARCHAR(40), team INTEGER, is_robot BOOLEAN"
    await tokens(app, columns, *(f"{number}, 1, {row}" for number, row in enumerate(rows, 1)))
    where: dict[str, Any] = {"kind": r"App\Models\User", "team": "{null}", "is_robot": False}
    accounts = over(ends={"tokens.user_id": Ending(what="access_tokens", where=where)})
    await accounts.require_ready()

    assert await changes(accounts) == Ended({"access_tokens": 1})
    assert await ids(app, "tokens") == [2, 3, 4]


PAST, FUTURE = "2020-01-01", "2037-01-01"
KINDS: list[tuple[Any, str, str, str]] = [
    *(
        ("VARCHAR(40)", f"'{PAST}T00:00:00{zone}'", f"'{FUTURE}T00:00:00{zone}'", "{now_iso}")
        for zone in ("+00:00", "+02:00", "Z")
    ),
    *((kind, "1577836800", "2114380800", "{now}") for kind in ("DOUBLE PRECISION", "BIGINT")),
    *(
        (kinds, f"'{PAST} 00:00:00'", f"'{FUTURE} 00:00:00'", "{now}")
        for kinds in (TIMES, ZONELESS)
    ),
]
"""Columns with a time in the past and one in the future. Python's isoformat() writes +00:00."""


@pytest.mark.parametrize(("kind", "past", "future", "given"), KINDS)
async def test_what_has_ended_before_stays_and_is_not_counted_again(
    app: App, over: Over, kind: Any, past: str, future: str, given: str
) -> None:
    column = kind if isinstance(kind, str) else kind[app.dialect]
    await tokens(app, f"revoked_at {column}", f"1, 1, {past}", f"2, 1, {future}", "3, 1, NULL")
    before = [row.revoked_at for row in await app.run("SELECT * FROM tokens ORDER BY id")]
    accounts = over(ends=keys(revoked_at=given))
    await accounts.require_ready()

    assert await accounts.end_intrusion("1") == Ended({"api_keys": 2})
    after = [row.revoked_at for row in await app.run("SELECT * FROM tokens ORDER BY id")]
    assert after[0] == before[0]
    assert before[0] < after[1] < before[1]
    assert after[2] == after[1]
    assert await accounts.end_intrusion("1") == Ended()
    await app.run("INSERT INTO tokens VALUES (4, 1, NULL)")
    assert await changes(accounts, intruded=True) == Ended({"api_keys": 1})


async def test_a_token_that_may_still_be_valid_in_another_zone_is_ended(
    app: App, over: Over
) -> None:
    """A column without a zone may have the app's local time, which is up to half a day behind
    UTC.
    """
    await tokens(app, f"expires_at {ZONELESS[app.dialect]}")
    here = (datetime.now(UTC) - timedelta(hours=11)).replace(tzinfo=None)
    await app.run(
        "INSERT INTO tokens VALUES (1, 1, :at)",
        at=here.isoformat(" ") if app.dialect == "sqlite" else here,
    )

    # It may have ended eleven hours ago, too, and is therefore not counted.
    assert await changes(over(ends=keys(expires_at="{now}"))) is True
    (row,) = await app.run("SELECT expires_at FROM tokens")
    assert str(row.expires_at)[:16] > str(here)[:16]


@pytest.mark.parametrize("databases", ["mariadb"], indirect=True)
async def test_an_owner_in_other_letters_is_another_one(app: App, over: Over) -> None:
    """MySQL compares without regard to case and accents."""
    await app.run(
        "CREATE TABLE users (id VARCHAR(9) PRIMARY KEY, email VARCHAR(99), password_hash "
        "VARCHAR(60)); "
        "INSERT INTO users VALUES ('cafe', 'ada@northwind.test', 'old'); "
        "CREATE TABLE tokens (id INTEGER PRIMARY KEY, user_id VARCHAR(9)); "
        "INSERT INTO tokens VALUES (1, 'cafe'), (2, 'CAFE'), (3, 'café')"
    )

    assert await changes(over(ends=keys())) == Ended({"api_keys": 1})
    assert await ids(app, "tokens") == [2, 3]


async def test_flags_numbers_and_texts_are_set_where_they_differ(app: App, over: Over) -> None:
    rows = ("1, 1, false, 'new', NULL, 's'", "2, 1, true, 'ended', 1600000000000, NULL",
            "3, 1, true, NULL, 1600000000000, NULL")  # fmt: skip
    await tokens(app, "revoked BOOLEAN, status VARCHAR(9), ms BIGINT, secret TEXT", *rows)
    accounts = over(ends=keys(revoked=True, status="ended", ms="{now_ms}", secret="{null}"))
    await accounts.require_ready()

    assert await changes(accounts) == Ended({"api_keys": 2})
    stored = await app.run("SELECT * FROM tokens ORDER BY id")
    assert [(bool(row.revoked), row.status, row.secret) for row in stored] == [
        (True, "ended", None)
    ] * 3
    assert [row.ms == 1_600_000_000_000 for row in stored] == [False, True, False]
    assert await changes(accounts) is True


async def test_a_column_of_the_account_itself_can_be_a_key(app: App, over: Over) -> None:
    """Directus keeps an API token in the row of its user."""
    await app.run(USERS.replace("name TEXT", "token VARCHAR(9) DEFAULT 't'"))
    await app.run(ROW)
    await app.run("INSERT INTO users (id, email) VALUES (2, 'eve@northwind.test')")
    accounts = over(
        ends={"users.id": Ending(what="api_keys", when="intrusion", set={"token": "{null}"})}
    )
    await accounts.require_ready()

    assert await changes(accounts, intruded=True) == Ended({"api_keys": 1})
    assert [row.token for row in await app.run("SELECT * FROM users ORDER BY id")] == [None, "t"]


async def test_every_wrong_name_and_value_is_told_by_its_setting(app: App, over: Over) -> None:
    await tokens(app, "name VARCHAR(9) NOT NULL")
    wrong = Ending(set={"revoked": True, "name": "{null}"}, where={"team": "x"})
    ends = {
        "tokens.owner": Ending(),
        "token.user_id": Ending(),
        "users.id": Ending(),
        "tokens.user_id": wrong,
    }

    assert await faults(over(ends=ends)) == [
        'ends."tokens.owner": the table tokens has no column owner',
        (
            'ends."token.user_id": the database has no table token; did you mean tokens? '
            "(its tables: tokens, users)"
        ),
        (
            'ends."users.id": users.id is in the table of accounts, so a reset would delete '
            "accounts: remove it"
        ),
        'ends."tokens.user_id".set.revoked: the table tokens has no column revoked',
        'ends."tokens.user_id".set.name: may not be NULL',
        'ends."tokens.user_id".where.team: the table tokens has no column team',
    ]
    own = {"users.id": Ending(set={"email": "x"}), "users.name": Ending(set={"name": "{null}"})}
    assert await faults(over(ends=own)) == [
        (
            'ends."users.id".set.email: is the column of the id, the address or the password, '
            "which a change sets itself"
        ),
        (
            'ends."users.name": name is not the id of an account, so other accounts would be '
            "changed: write users.id"
        ),
    ]


KEPT = "rows of refresh that refer to deleted rows of access stay, which the database forbids"
BOTH = {
    "access.user_id": Ending(what="oauth_grants"),
    "refresh.user_id": Ending(what="oauth_grants"),
}


async def make_referring(app: App, rule: str = "") -> None:
    """Give Ada an access token, to which a refresh token refers."""
    await app.run(
        f"{USERS}; CREATE TABLE access (id INTEGER PRIMARY KEY, user_id INTEGER);"
        " CREATE TABLE refresh (id INTEGER PRIMARY KEY, user_id INTEGER, revoked BOOLEAN, "
        "access_id INTEGER,"
        f" FOREIGN KEY (access_id) REFERENCES access (id) {rule})"
    )
    await app.run("INSERT INTO users VALUES (1, 'ada@northwind.test', :hashed, NULL)", hashed=HASH)
    await app.run("INSERT INTO access VALUES (1, 1); INSERT INTO refresh VALUES (1, 1, false, 1)")


@pytest.mark.parametrize(
    ("rule", "ends", "ended", "left"),
    [
        ("", BOTH, {"oauth_grants": 2}, []),
        (
            "ON DELETE CASCADE",
            {"access.user_id": Ending(what="access_tokens")},
            {"access_tokens": 1},
            [],
        ),
        (
            "ON DELETE SET NULL",
            {"access.user_id": Ending(what="access_tokens")},
            {"access_tokens": 1},
            [1],
        ),
    ],
)
async def test_rows_that_refer_to_others_go_first_unless_the_key_follows_a_deletion(
    app: App, over: Over, rule: str, ends: dict[str, Ending], ended: dict[str, int], left: list[int]
) -> None:
    await make_referring(app, rule)
    accounts = over(ends=ends)
    await accounts.require_ready()

    assert await accounts.end_sessions("1") == Ended(ended)
    assert (await ids(app, "access"), await ids(app, "refresh")) == ([], left)


@pytest.mark.parametrize(
    "refresh", [None, Ending(set={"revoked": True}), Ending(when="intrusion"), Ending(when="never")]
)
async def test_a_row_that_refers_to_a_deleted_one_is_a_doubt(
    app: App, over: Over, refresh: Ending | None
) -> None:
    """The entry works for as long as no row refers."""
    await make_referring(app)
    ends = {"access.user_id": Ending(), **({"refresh.user_id": refresh} if refresh else {})}
    accounts = over(ends=ends)

    assert await doubts_of(accounts) == [f'accounts.table.ends."access.user_id": {KEPT}']
    assert await doubts_of(over(delete=("access.user_id", "refresh.user_id"))) == []
    await app.run("DELETE FROM refresh")
    assert await changes(accounts)
    assert await ids(app, "access") == []


ADA, BEN = "ada@northwind.test", "ben@northwind.test"
TABLES = """
    CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(190), password_hash VARCHAR(80),
        status VARCHAR(20), locked_at TIMESTAMP NULL, reason VARCHAR(20))"""
BY_STATUS: dict[str, Any] = {
    "active": "status = active",
    "lock": {"status": "locked"},
    "unlock": {"status": "active"},
}
BY_TIME: dict[str, Any] = {
    "active": "not locked_at",
    "lock": {"locked_at": "{now}", "reason": "not me"},
    "unlock": {"locked_at": "{null}", "reason": "{null}"},
}


@pytest.fixture
async def people(app: App) -> App:
    await app.run(TABLES)
    for id_, email, status in (
        (1, ADA, "active"),
        (2, BEN, "active"),
        (3, "dan@northwind.test", "left"),
    ):
        statement = (
            "INSERT INTO users (id, email, password_hash, status) VALUES (:id, :email, "
            "'$2b$x', :status)"
        )
        await app.run(statement, id=id_, email=email, status=status)
    return app


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("how", [BY_STATUS, BY_TIME], ids=["by status", "by time"])
@pytest.mark.long
async def test_an_account_is_locked_and_unlocked_and_nobody_else(
    over: Over, how: dict[str, Any]
) -> None:
    accounts = over(**how)
    await accounts.require_ready()
    assert accounts.can_lock
    before = await one(accounts, ADA)
    assert await accounts.lock(before)
    assert not await accounts.lock(before)  # it is not active any more

    states = [
        (person.active, person.locked)
        for person in (await one(accounts, ADA), await one(accounts, BEN))
    ]
    assert states == [(False, True), (True, False)]
    assert await accounts.unlock("1")
    assert not await accounts.unlock("1")
    assert (await one(accounts, ADA)).active


async def test_a_new_password_lifts_the_lock_of_who_was_read_as_locked_alone(
    over: Over, people: App
) -> None:
    accounts = over(**BY_STATUS)
    before = await one(accounts)
    await accounts.lock(before)
    assert not await accounts.set_password(before, NEW)

    assert await changes(accounts)
    assert ("active", "$2b$new") in await people.run(
        "SELECT status, password_hash FROM users WHERE id = 1"
    )


async def test_who_has_moved_or_is_disabled_is_neither_locked_nor_unlocked(
    over: Over, people: App
) -> None:
    accounts = over(**BY_STATUS)
    before = await one(accounts, ADA)
    await people.run("UPDATE users SET email = 'ada@elsewhere.test' WHERE id = 1")
    no_id = Account(id="x", email=ADA)  # of this table
    for account in (before, Account(id="3", email="dan@northwind.test"), no_id):
        assert not await accounts.lock(account)
    assert not await accounts.unlock("3")

    assert [row.status for row in await people.run("SELECT * FROM users ORDER BY id")] == [
        "active",
        "active",
        "left",
    ]


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


async def test_a_database_that_cannot_be_opened_is_no_answer_that_nobody_was_locked(
    over: Over,
) -> None:
    with pytest.raises(ValueError, match=r"null (byte|character)"):
        await over(**BY_STATUS, url="sqlite:///no\0file").lock(Account(id="1", email=ADA))
