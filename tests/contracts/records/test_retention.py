"""Rows leave once they have stopped mattering, and not before."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text
from tests.contracts.outbox.table import settle_others
from tests.contracts.plans import plans_of
from tests.driver.connections import committing

from keyturn.service.accounts.builtin import AccountRow, SessionRow
from keyturn.service.database import Database
from keyturn.service.outbox.models import ERASED, OutboxRow
from keyturn.service.reset.records.audit import AuditRow
from keyturn.service.reset.records.retention import Retention
from keyturn.service.secrets import Purpose, SecretRow

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)


@pytest.fixture
def retention(database: Database) -> Retention:
    return Retention(database, 365 * DAY)


async def write(database: Database, model: Any, *rows: dict[str, Any]) -> None:
    await database.transact(lambda connection: connection.execute(insert(model), list(rows)))


async def kept(database: Database, column: Any) -> list[Any]:
    return [next(iter(row.values())) for row in await database.fetch(select(column).order_by(column))]


def link(token: str, expires_at: datetime) -> dict[str, Any]:
    return {
        "purpose": Purpose.RESET,
        "key": token.encode().ljust(32),
        "account_id": token,
        "mailbox": b"",
        "data": "",
        "created_at": expires_at,
        "expires_at": expires_at,
        "used_at": None,
        "revoked_at": None,
    }


def lock(account_id: str, end: datetime) -> dict[str, Any]:
    return link(account_id, end) | {"purpose": Purpose.CHANGE}


def press(name: str, end: datetime) -> dict[str, Any]:
    return link(name, end) | {"purpose": Purpose.SECURE, "used_at": end - HOUR}


def message(key: str, state: str, settled_at: datetime | None, payload: str = '{"email": "x"}') -> dict[str, Any]:
    return {
        "key": key,
        "kind": "note",
        "payload": payload,
        "state": state,
        "attempts": 1,
        "settled_at": settled_at,
        "available_at": NOW - 900 * DAY,
        "created_at": NOW - 900 * DAY,
    }


CODE = {"code": b"", "account_id": "", "email": "", "expires_at": NOW, "tries": 1}
ENTRY = {"event": "sign_in", "outcome": "", "account_id": "", "ip_address": "", "user_agent": "", "request_id": ""}


@pytest.mark.parametrize(
    ("counted", "rows", "column", "left"),
    [
        pytest.param(
            "secrets",
            [
                link("gone", NOW - 7 * DAY - SECOND),
                link("gone, revoked", NOW - 7 * DAY - SECOND) | {"revoked_at": NOW - 8 * DAY},
                link("gone, used", NOW - 7 * DAY - SECOND) | {"used_at": NOW - 8 * DAY},
                link("kept", NOW - 7 * DAY),
                link("revoked", NOW - 7 * DAY) | {"revoked_at": NOW - 8 * DAY},
                link("used", NOW - 7 * DAY) | {"used_at": NOW - 8 * DAY},
            ],
            SecretRow.account_id,
            ["kept", "revoked", "used"],
            id="links leave some days after their end, also those that were used or revoked",
        ),
        pytest.param(
            "secrets",
            [press("gone", NOW - 365 * DAY - SECOND), press("kept", NOW - 365 * DAY)],
            SecretRow.account_id,
            ["kept"],
            id="presses leave after a year",
        ),
        pytest.param(
            "messages",
            [
                message("sent", "sent", NOW - 31 * DAY),
                message("dead", "dead", NOW - 31 * DAY),
                message("dropped", "dropped", NOW - 31 * DAY),
                message("young", "sent", NOW - 29 * DAY),
                message("waiting", "waiting", None),
            ],
            OutboxRow.key,
            ["waiting", "young"],
            id="settled messages leave and waiting ones never do",
        ),
        pytest.param(
            "audit",
            [ENTRY | {"email": "gone", "at": NOW - 366 * DAY}, ENTRY | {"email": "kept", "at": NOW - 364 * DAY}],
            AuditRow.email,
            ["kept"],
            id="the trail is kept for a year",
        ),
        pytest.param(
            "secrets",
            [lock("gone", NOW - DAY - SECOND), lock("kept", NOW - HOUR)],
            SecretRow.account_id,
            ["kept"],
            id="locks leave a day after their end",
        ),
    ],
)
async def test_rows_leave_once_they_have_stopped_mattering(
    database: Database, retention: Retention, counted: str, rows: list[dict[str, Any]], column: Any, left: list[Any]
) -> None:
    await write(database, column.class_, *rows)

    assert (await retention.purge(NOW))[counted] == len(rows) - len(left)
    assert await kept(database, column) == left


async def test_addresses_in_settled_messages_are_erased_earlier(database: Database, retention: Retention) -> None:
    await write(
        database,
        OutboxRow,
        message("old", "sent", NOW - 4 * DAY, "old"),
        message("young", "sent", NOW - 2 * DAY, "young"),
        message("waiting", "waiting", None, "waiting"),
    )

    assert (await retention.purge(NOW))["addresses"] == 1
    assert sorted(await kept(database, OutboxRow.payload)) == ["waiting", "young", "{}"]
    assert (await retention.purge(NOW))["addresses"] == 0


async def test_sessions_leave_with_their_end(database: Database, retention: Retention) -> None:
    account = {
        "id": "ada",
        "email": "",
        "name": "",
        "provider": "",
        "kind": "",
        "locale": "",
        "active": True,
        "created_at": NOW,
    }
    await write(database, AccountRow, account)
    session = {"account_id": "ada", "created_at": NOW}
    await write(
        database,
        SessionRow,
        {**session, "digest": b"gone", "expires_at": NOW - SECOND},
        {**session, "digest": b"kept", "expires_at": NOW + SECOND},
    )

    assert (await retention.purge(NOW))["sessions"] == 1
    assert await kept(database, SessionRow.digest) == [b"kept"]


async def test_a_purge_does_not_look_again_at_what_it_has_erased(database: Database, retention: Retention) -> None:
    """However many erased messages are kept, those with an address are found by the index that holds only them."""
    await settle_others(database)

    plans = await plans_of(database, lambda: retention.purge(NOW))

    (erasing,) = (plan for statement, plan in plans.items() if "UPDATE keyturn_outbox" in statement)
    assert "ix_keyturn_outbox_not_erased" in erasing


async def test_any_number_of_rows_leave_in_small_batches(database: Database, retention: Retention) -> None:
    """Whether they go, are changed, or have no index of times; however many have the same time."""
    many = range(1200)
    await write(database, SecretRow, *(link(str(number), NOW - 8 * DAY) for number in many))
    await write(database, OutboxRow, *(message(str(number), "sent", NOW - 4 * DAY) for number in many))

    done = await retention.purge(NOW)
    assert (done["secrets"], done["addresses"]) == (1200, 1200)
    assert await kept(database, func.count(SecretRow.key)) == [0]
    assert set(await kept(database, OutboxRow.payload)) == {ERASED}


async def test_it_goes_on_after_a_purge_that_failed(
    database: Database, retention: Retention, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "keyturn.housekeeping")
    async with committing(database) as connection:
        await connection.execute(text("DROP TABLE keyturn_audit"))
    task = asyncio.create_task(retention.run(timedelta(milliseconds=1)))
    async with asyncio.timeout(10):
        while len(caplog.records) < 2:
            await asyncio.sleep(0.01)

    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
