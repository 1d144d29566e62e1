"""Rows leave once they have stopped mattering, and not before."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text
from tests.contracts.outbox.conftest import settle_others
from tests.contracts.plans import plans_of
from tests.driver.connections import committing

from keyturn.service.accounts.builtin import AccountRow
from keyturn.service.accounts.sessions import SessionRow
from keyturn.service.database import Database
from keyturn.service.one_time_secrets import Purpose, SecretRow
from keyturn.service.outbox.models import ERASED, OutboxRow
from keyturn.service.reset.records.audit import AuditRow
from keyturn.service.reset.records.retention import Retention

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)


@pytest.fixture
def retention(database: Database) -> Retention:
    return Retention(database, 365 * DAY)


async def write(database: Database, model: Any, *rows: dict[str, Any]) -> None:
    await database.transact(lambda connection: connection.execute(insert(model), list(rows)))


async def kept(database: Database, column: Any) -> list[Any]:
    return [
        next(iter(row.values())) for row in await database.fetch(select(column).order_by(column))
    ]


def link(
    name: str, expires_at: datetime, purpose: Purpose = Purpose.RESET, **changes: Any
) -> dict[str, Any]:
    row = {
        "purpose": purpose,
        "key": name.encode().ljust(32),
        "account_id": name,
        "mailbox": b"",
        "data": "",
    }
    return {
        **row,
        "created_at": expires_at,
        "expires_at": expires_at,
        "used_at": None,
        "revoked_at": None,
        **changes,
    }


def message(
    key: str, state: str, age: int | None, payload: str = '{"email": "x"}'
) -> dict[str, Any]:
    row = {"key": key, "kind": "note", "payload": payload, "state": state, "attempts": 1}
    long_ago = dict.fromkeys(("available_at", "created_at"), NOW - 900 * DAY)
    return {**row, **long_ago, "settled_at": None if age is None else NOW - age * DAY}


def entry(name: str, age: int) -> dict[str, Any]:
    row = {
        "event": "sign_in",
        "outcome": "",
        "account_id": "",
        "ip_address": "",
        "user_agent": "",
        "request_id": "",
    }
    return {**row, "email": name, "at": NOW - age * DAY}


def session(name: str, end: datetime) -> dict[str, Any]:
    return {"account_id": "ada", "created_at": NOW, "digest": name.encode(), "expires_at": end}


ADA = {
    **dict.fromkeys(("email", "name", "provider", "kind", "locale"), ""),
    "id": "ada",
    "active": True,
    "created_at": NOW,
}
WEEK = NOW - 7 * DAY
USED: dict[str, Any] = {"used_at": NOW - 8 * DAY}
REVOKED: dict[str, Any] = {"revoked_at": NOW - 8 * DAY}
LEAVING = {
    "links some days after their end, also those that were used or revoked": (
        "secrets",
        [
            link("gone", WEEK - SECOND),
            link("r", WEEK - SECOND, **REVOKED),
            link("u", WEEK - SECOND, **USED),
        ],
        [link("kept", WEEK), link("revoked", WEEK, **REVOKED), link("used", WEEK, **USED)],
        SecretRow.account_id,
    ),
    "presses after a year": (
        "secrets",
        [link("gone", NOW - 365 * DAY - SECOND, Purpose.SECURE, used_at=NOW - 365 * DAY - HOUR)],
        [link("kept", NOW - 365 * DAY, Purpose.SECURE, used_at=NOW - 365 * DAY - HOUR)],
        SecretRow.account_id,
    ),
    "locks a day after their end": (
        "secrets",
        [link("gone", NOW - DAY - SECOND, Purpose.CHANGE)],
        [link("kept", NOW - HOUR, Purpose.CHANGE)],
        SecretRow.account_id,
    ),
    "settled messages, and those that wait never": (
        "messages",
        [message("1", "sent", 31), message("2", "dead", 31), message("3", "dropped", 31)],
        [message("waiting", "waiting", None), message("young", "sent", 29)],
        OutboxRow.key,
    ),
    "addresses in settled messages": (
        "addresses",
        [message("1", "sent", 4, "old")],
        [message("2", "sent", 2, "young"), message("3", "waiting", None, "waiting")],
        OutboxRow.payload,
    ),
    "the trail after a year": ("audit", [entry("gone", 366)], [entry("kept", 364)], AuditRow.email),
    "sessions with their end": (
        "sessions",
        [session("gone", NOW - SECOND)],
        [session("kept", NOW + SECOND)],
        SessionRow.digest,
    ),
}


@pytest.mark.parametrize(("counted", "gone", "left", "column"), LEAVING.values(), ids=LEAVING)
async def test_rows_leave_once_they_have_stopped_mattering(
    database: Database,
    retention: Retention,
    counted: str,
    gone: list[Any],
    left: list[Any],
    column: Any,
) -> None:
    await write(database, AccountRow, ADA)
    await write(database, column.class_, *gone, *left)

    assert (await retention.purge(NOW))[counted] == len(gone)
    erased = [ERASED] if counted == "addresses" else []
    assert sorted(await kept(database, column)) == sorted(
        [*erased, *(row[column.key] for row in left)]
    )
    assert (await retention.purge(NOW))[counted] == 0


async def test_any_number_of_rows_leave_in_small_batches_and_no_erased_one_is_looked_at_again(
    database: Database, retention: Retention
) -> None:
    """Whether they go, are changed, or have no index of times; however many have the same time."""
    many = range(1200)
    await write(database, SecretRow, *(link(str(number), NOW - 8 * DAY) for number in many))
    await write(database, OutboxRow, *(message(f"own {number}", "sent", 4) for number in many))

    done = await retention.purge(NOW)
    assert (done["secrets"], done["addresses"]) == (1200, 1200)
    assert await kept(database, func.count(SecretRow.key)) == [0]
    assert set(await kept(database, OutboxRow.payload)) == {ERASED}
    await settle_others(database)
    plans = await plans_of(database, lambda: retention.purge(NOW))
    (erasing,) = (plan for statement, plan in plans.items() if "UPDATE keyturn_outbox" in statement)
    assert "ix_keyturn_outbox_not_erased" in erasing
    assert database.is_sqlite or "CTE Scan on batch" in erasing, "a batch is chosen once"


async def test_it_outlives_failures(
    database: Database, retention: Retention, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "keyturn.housekeeping")
    async with committing(database) as connection:
        await connection.execute(text("DROP TABLE keyturn_audit"))
    task = asyncio.create_task(retention.run(timedelta(milliseconds=1)))
    async with asyncio.timeout(10):
        while len(caplog.records) < 2:
            await asyncio.sleep(0)

    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
