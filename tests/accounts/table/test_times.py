"""How a change writes the time: as the app does, which its columns' types do not always say."""

import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.accounts.table.app import Over, hashed, one
from tests.accounts.table.test_ready import database_of
from tests.driver.app_database import App

from keyturn.service.accounts.port import NewPassword
from keyturn.service.accounts.table.columns import recognise_times

PRISMA = """
CREATE TABLE "User" (
  "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "email" TEXT NOT NULL, "password" TEXT,
  "passwordChangedAt" DATETIME, "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" DATETIME NOT NULL
); CREATE UNIQUE INDEX "User_email_key" ON "User"("email")"""
SQLITE, POSTGRESQL = ["sqlite"], ["postgresql"]
MOMENT = datetime(2026, 11, 20, 8, 46, 42, 123456, tzinfo=UTC)


async def changed(app: App, over: Over, column: str = "changed_at", **settings: Any) -> Any:
    """Set a password, and return what `column` holds afterwards."""
    accounts = over(set={column: "{now}"}, **settings)
    await accounts.require_ready()
    assert await accounts.set_password(await one(accounts), NewPassword("new", hashed))
    (row,) = await app.run(f'SELECT "{column}" FROM "{settings.get("table", "users")}" WHERE id = 1')  # noqa: S608
    return row[0]


async def make_users(app: App, columns: str, *rows: str) -> None:
    await app.run(f"CREATE TABLE users (id INT PRIMARY KEY, email VARCHAR(99), password_hash VARCHAR(60), {columns})")
    for number, row in enumerate(rows or ("NULL",), 1):
        email = "ada@northwind.test" if number == 1 else f"b{number}@northwind.test"
        names = ", ".join(part.split()[0] for part in columns.split(", ")[: row.count(",") + 1])
        await app.run(f"INSERT INTO users (id, email, {names}) VALUES ({number}, '{email}', {row})")  # noqa: S608


@pytest.mark.parametrize("databases", SQLITE, indirect=True)
@pytest.mark.parametrize("created", ["1763628402000", None], ids=["beside values", "in a table without values"])
async def test_prisma_gets_its_milliseconds_on_sqlite(app: App, over: Over, created: str | None) -> None:
    await app.run(PRISMA)
    await app.run(
        'INSERT INTO "User" ("email", "createdAt", "updatedAt") VALUES (:email, :at, :at)',
        email="ada@northwind.test",
        at=int(created) if created else "",
    )
    written = await changed(app, over, "passwordChangedAt", table="User", password="password")

    assert isinstance(written, int)
    assert abs(written / 1000 - time.time()) < 30


@pytest.mark.parametrize(
    ("databases", "columns", "row", "shape"),
    [
        (
            "sqlite",
            "changed_at DATETIME, created_at DATETIME",
            "NULL, '2026-01-02 03:04:05.123 +00:00'",
            r"\S{10} [\d:]{8}\.\d{3} \+00:00",
        ),
        ("sqlite", "changed_at TEXT, joined TEXT", "NULL, 'Tuesday'", r"\S{10}T[\d:]{8}\.\d{3}Z"),
        ("sqlite", "changed_at INTEGER, created_at INTEGER", "NULL, 1763628402", r"\d{10}"),
        ("sqlite", "changed_at INTEGER, created_at INTEGER", "1763628402000, 1763628402", r"\d{13}"),
        ("sqlite", "changed_at, seen_at", "NULL, 1763628402000", r"\d{13}"),
        ("sqlite", "changed_at TEXT", "'2026-01-02'", r"\d{4}-\d\d-\d\d"),
        ("postgresql", "changed_at bigint, created_at bigint", "NULL, 1763628402000", r"\d{13}"),
        ("postgresql", "changed_at bigint, created_at bigint", "NULL, 1763628402", r"\d{10}"),
        ("postgresql", "changed_at bigint, follower_count bigint", "NULL, 1763628402000", r"\d{10}"),
        ("postgresql", "changed_at text, created_at text", "NULL, '2026-01-02T03:04:05Z'", r"\S{10}T[\d:]{8}Z"),
        ("postgresql", "changed_at numeric(20), created_at numeric(20)", "NULL, 1763628402000", r"\d{13}"),
        ("mariadb", "changed_at BIGINT, created_at BIGINT", "NULL, 1763628402000", r"\d{13}"),
        ("mariadb", "changed_at VARCHAR(40), updated_at VARCHAR(40)", "NULL, '1763628402000'", r"\d{13}"),
    ],
    indirect=["databases"],
)
@pytest.mark.long
async def test_the_time_is_written_as_the_column_or_its_neighbours_have_it(
    app: App, over: Over, columns: str, row: str, shape: str
) -> None:
    await make_users(app, columns, row)
    written = await changed(app, over)

    assert re.fullmatch(shape, str(written)), written


async def test_milliseconds_are_written_where_they_are_asked_for_by_name(app: App, over: Over) -> None:
    declared = "DATETIME" if app.dialect == "sqlite" else "BIGINT"
    await make_users(app, f"changed_at {declared}, created_at BIGINT", "NULL, 1763628402")
    accounts = over(set={"changed_at": "{now_ms}"})
    assert await accounts.set_password(await one(accounts), NewPassword("new", hashed))
    (row,) = await app.run("SELECT changed_at FROM users")

    assert abs(row.changed_at / 1000 - time.time()) < 30


@pytest.mark.parametrize("databases", POSTGRESQL, indirect=True)
async def test_what_may_not_be_read_leaves_the_time_to_the_type(app: App, over: Over) -> None:
    await make_users(app, "changed_at bigint, created_at bigint", "NULL, 1763628402000")
    role = database_of(app)
    await app.run(f"CREATE ROLE {role} LOGIN; GRANT SELECT (id, email, password_hash), UPDATE ON users TO {role}")
    limited = over(url=app.url.replace("//postgres:", f"//{role}:"), set={"changed_at": "{now}"})
    await limited.require_ready()
    times = await limited.written_times()
    await app.run(f"DROP OWNED BY {role}; DROP ROLE {role}")

    assert re.fullmatch(
        r"\d{10} \(BIGINT, a guess, because the table has no such value yet\)", times["changed_at"].shown
    )


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([1763628402], 1795164402),
        ([1763628402000, 1763628402001, 1763628402], 1795164402123),
        ([1763628402.5], 1795164402),
        ([1763628402000000], 1795164402123456),
        (["1763628402"], "1795164402"),
        (["2026-01-02"], "2026-11-20"),
        (["2026-01-02T03:04:05.1234567-05:00"], "2026-11-20T08:46:42.1234560+00:00"),
        (["2026-01-02 03:04:05+00"], "2026-11-20 08:46:42+00"),
        (["2026-01-02 03:04:05"], "2026-11-20 08:46:42"),
        (["2026-01-02T03:04:05.123456+02:00"], "2026-11-20T08:46:42.123456+00:00"),
        (["2026-01-02T03:04:05Z", "yesterday"], "2026-11-20T08:46:42Z"),
    ],
)
def test_a_time_is_recognised_and_written_alike(values: list[Any], written: int | str) -> None:
    told = recognise_times(values, days=True)

    assert told is not None
    assert told.write(MOMENT) == written


@pytest.mark.parametrize(
    "values",
    [[], [None], [0, 1], [True], ["", "soon"], [52.5], ["9" * 400], [10**30], [b"x"], [Decimal("NaN")], [float("nan")]],
)
def test_what_is_no_time_tells_nothing(values: list[Any]) -> None:
    assert recognise_times(values, days=True) is None
