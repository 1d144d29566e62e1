"""Rows that a statement is given as one parameter arrive as they would one by one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Column, Connection, Insert, LargeBinary, insert, select

from keyturn.service.database import Database
from keyturn.service.database.statements import ManyRows
from keyturn.service.reset.records.audit import AuditRow

COLUMNS: dict[str, Any] = {name: column for name, column in AuditRow.__table__.c.items() if name != "id"}
ROW: dict[str, Any] = {
    "at": datetime(2026, 11, 20, 14, 0, 1, 250, tzinfo=UTC),
    "event": "reset_request",
    "outcome": "no_account",
    "account_id": "",
    "email": "j\u00fcrgen@b\u00fccher.example",
    "ip_address": "2001:db8::1",
    "user_agent": "a \"b\" 'c' \\ {}",
    "request_id": "c0ffee",
    "message_id": 2**40,
    "operator": "",
    "note": "",
}


def given_and_written(database: Database) -> tuple[ManyRows, Insert]:
    """Return rows that are given as one parameter, and the statement that writes them."""
    given = ManyRows(database, COLUMNS)
    return given, insert(AuditRow).from_select(list(COLUMNS), select(*(given.table.c[name] for name in COLUMNS)))


@pytest.mark.parametrize("count", [0, 1, 300])
async def test_they_are_written_as_they_are(database: Database, count: int) -> None:
    rows = [ROW | {"account_id": str(number), "message_id": None if number else 2**40} for number in range(count)]
    given, written = given_and_written(database)
    await database.transact(lambda connection: connection.execute(written, given.parameter(rows)))

    found = await database.fetch(select(*COLUMNS.values()).order_by(AuditRow.id))
    assert sorted(map(dict, found), key=lambda row: int(row["account_id"])) == rows


async def test_times_are_in_order_with_those_that_were_written_one_by_one(database: Database) -> None:
    given, written = given_and_written(database)
    moments = [ROW["at"] + timedelta(seconds=second) for second in range(3)]

    def write(connection: Connection) -> None:
        connection.execute(insert(AuditRow), [ROW | {"at": moments[0]}])
        connection.execute(written, given.parameter([ROW | {"at": moments[1]}]))
        connection.execute(insert(AuditRow), [ROW | {"at": moments[2]}])

    await database.transact(write)

    found = await database.fetch(select(AuditRow.at).order_by(AuditRow.at))
    assert [row["at"] for row in found] == moments
    one = await database.fetch(select(AuditRow.id).where(AuditRow.at == moments[1]))
    assert len(one) == 1


async def test_what_no_text_of_both_databases_can_hold_is_left_out(database: Database) -> None:
    given, written = given_and_written(database)

    def write(connection: Connection) -> None:
        row = ROW | {"outcome": "a\0b", "user_agent": "\\u0000 \\\0\0"}
        connection.execute(written, given.parameter([row]))

    await database.transact(write)

    (found,) = await database.fetch(select(AuditRow.outcome, AuditRow.user_agent))
    assert tuple(found.values()) == ("ab", "\\u0000 \\")


async def test_bytes_arrive_as_they_are_and_so_does_their_absence(database: Database) -> None:
    columns: dict[str, Any] = {"id": AuditRow.__table__.c.id, "secret": Column("secret", LargeBinary())}
    given = ManyRows(database, columns)
    secrets = [bytes(range(256)), b"", None]
    rows = [{"id": number, "secret": secret} for number, secret in enumerate(secrets)]
    found = await database.fetch(select(given.table.c.secret).order_by(given.table.c.id), given.parameter(rows))

    assert [None if one["secret"] is None else bytes(one["secret"]) for one in found] == secrets
