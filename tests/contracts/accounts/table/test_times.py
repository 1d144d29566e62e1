"""How a change writes the time: as the placeholder says, which the doctor compares with what the app has written."""

import re

import pytest
from tests.contracts.accounts.table.conftest import Over, changes, doubts_of, faults
from tests.driver.app_database import App

from keyturn.service.accounts.table.columns import TIMES

KINDS = {
    "sqlite": ("DATETIME", "INTEGER", "TEXT"),
    "postgresql": ("timestamptz", "bigint", "text"),
    "mysql": ("TIMESTAMP NULL", "BIGINT", "VARCHAR(40)"),
}
SECONDS, MILLISECONDS, SQL, ISO = r"\d{10}", r"\d{13}", r"\S{10} [\d:.]{15}", r"\S{10}T[\d:.]{12}Z"
NATIVE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d.*"
WRITTEN: dict[tuple[str, str], tuple[str, str, str]] = {
    ("sqlite", "{now}"): (SQL, SECONDS, SQL),
    ("sqlite", "{now_ms}"): (MILLISECONDS, MILLISECONDS, ""),
    ("sqlite", "{now_iso}"): (ISO, "", ISO),
    ("server", "{now}"): (NATIVE, SECONDS, SQL),
    ("server", "{now_ms}"): (NATIVE, MILLISECONDS, ""),
    ("server", "{now_iso}"): (NATIVE, "", ISO),
}
"""What each placeholder writes into columns of times, numbers and texts; "" where it does not fit."""


async def make_users(app: App, kind: str, *values: str) -> None:
    await app.run(
        f"CREATE TABLE users (id INT PRIMARY KEY, email VARCHAR(99), password_hash VARCHAR(60), changed_at {kind})"
    )
    for number, value in enumerate(values or ("NULL",), 1):
        email = "ada@northwind.test" if number == 1 else f"b{number}@northwind.test"
        row = f"({number}, '{email}', '', {value})"
        await app.run(f"INSERT INTO users (id, email, password_hash, changed_at) VALUES {row}")  # noqa: S608


@pytest.mark.parametrize("given", TIMES)
@pytest.mark.parametrize("place", range(3), ids=["times", "numbers", "texts"])
async def test_a_placeholder_writes_its_form_or_is_refused(app: App, over: Over, given: str, place: int) -> None:
    await make_users(app, KINDS[app.dialect][place])
    shape = WRITTEN["sqlite" if app.dialect == "sqlite" else "server", given][place]
    accounts = over(set={"changed_at": given})
    if not shape:
        (fault,) = await faults(accounts)
        assert fault.startswith(f"set.changed_at: '{given}' does not fit a column of type")
        return
    await accounts.require_ready()
    assert await changes(accounts)
    (row,) = await app.run("SELECT changed_at FROM users")

    assert re.fullmatch(shape, str(row.changed_at)), row.changed_at


@pytest.mark.parametrize(
    ("databases", "kind", "values", "given", "message"),
    [
        ("sqlite", "DATETIME", ("1763628402000",), "{now}", "the column has milliseconds since 1970"),
        ("sqlite", "DATETIME", ("'2026-01-02T03:04:05.123+00:00'",), "{now}", "texts such as 2026-11-20T08:46:42Z"),
        ("sqlite", "TEXT", ("'2026-01-02'", "'soon'"), "{now_iso}", "the column has days such as 2026-11-20"),
        ("postgresql", "bigint", ("1763628402000", "1763628402001", "7"), "{now}", "milliseconds since 1970"),
        ("mariadb", "BIGINT", ("1763628402",), "{now_ms}", "the column has seconds since 1970"),
        ("sqlite", "DATETIME", ("'2026-01-02 03:04:05'", "NULL"), "{now}", ""),
        ("sqlite", "TEXT", ("'2026-01-02T03:04:05-05:00'",), "{now_iso}", ""),
        ("sqlite", "TEXT", ("'soon'", "''"), "{now_iso}", ""),
        ("postgresql", "timestamptz", ("now()",), "{now_ms}", ""),
        ("mariadb", "BIGINT", ("1763628402000", "0"), "{now_ms}", ""),
    ],
    indirect=["databases"],
)
async def test_a_column_with_times_of_another_form_is_doubted(
    app: App, over: Over, kind: str, values: tuple[str, ...], given: str, message: str
) -> None:
    await make_users(app, kind, *values)
    doubts = await doubts_of(over(set={"changed_at": given}))

    assert len(doubts) == bool(message)
    for doubt in doubts:
        assert doubt.startswith(f"accounts.table.set.changed_at: {given} writes ")
        assert doubt.endswith(message)
