"""Rows leave once they have stopped mattering, and not before."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select, text
from tests.connections import committing
from tests.plans import plans_of

from keyturn.accounts.builtin import AccountRow, BuiltinAccounts, SessionRow
from keyturn.database import Database
from keyturn.outbox.models import ERASED, EventRow, OutboxRow
from keyturn.reset.proofs.altcha import SpentAnswerRow
from keyturn.reset.proofs.second_step.models import SecondStepTriesRow, SmsCodeRow
from keyturn.reset.records.codes import ResetCodeRow
from keyturn.reset.records.mailboxes import Mailboxes
from keyturn.reset.records.models import AccountLockRow, AuditRow, MailboxRow, ResetTokenRow
from keyturn.reset.records.retention import Retention
from keyturn.reset.records.secure_links import SecureLinkStore

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def retention(database: Database) -> Retention:
    mailboxes = Mailboxes(database, cooldown=timedelta(minutes=1), daily=6, suppression=14 * DAY)
    return Retention(
        database,
        365 * DAY,
        mailboxes,
        BuiltinAccounts(database),
        SecureLinkStore(database, lifetime=DAY, suspected=DAY),
    )


async def write(database: Database, model: Any, *rows: dict[str, Any]) -> None:
    await database.transact(lambda connection: connection.execute(insert(model), list(rows)))


async def kept(database: Database, column: Any) -> list[Any]:
    return [next(iter(row.values())) for row in await database.fetch(select(column).order_by(column))]


def link(token: str, expires_at: datetime) -> dict[str, Any]:
    return {
        "digest": token.encode().ljust(32),
        "account_id": token,
        "email": "",
        "ip_address": "",
        "user_agent": "",
        "created_at": expires_at,
        "expires_at": expires_at,
    }


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


async def test_links_leave_some_days_after_their_end(database: Database, retention: Retention) -> None:
    await write(
        database, ResetTokenRow, link("gone", NOW - 7 * DAY - timedelta(seconds=1)), link("kept", NOW - 7 * DAY)
    )

    assert (await retention.purge(NOW))["links"] == 1
    assert await kept(database, ResetTokenRow.account_id) == ["kept"]


async def test_settled_messages_leave_and_waiting_ones_never_do(database: Database, retention: Retention) -> None:
    old, young = NOW - 31 * DAY, NOW - 29 * DAY
    await write(
        database,
        OutboxRow,
        message("sent", "sent", old),
        message("dead", "dead", old),
        message("dropped", "dropped", old),
        message("young", "sent", young),
        message("waiting", "waiting", None),
    )

    assert (await retention.purge(NOW))["messages"] == 3
    assert await kept(database, OutboxRow.key) == ["waiting", "young"]


async def test_what_happened_to_a_message_leaves_with_it(database: Database, retention: Retention) -> None:
    await write(database, OutboxRow, message("gone", "sent", NOW - 31 * DAY), message("kept", "sent", NOW))
    gone, stays = await kept(database, OutboxRow.id)
    about = {"event": "sent", "detail": "", "at": NOW - 31 * DAY}
    await write(database, EventRow, {**about, "message_id": gone}, {**about, "message_id": stays})

    await retention.purge(NOW)
    assert await kept(database, EventRow.message_id) == [stays]


async def test_codes_leave_after_an_hour_and_what_was_guessed_at_a_month_later(
    database: Database, retention: Retention
) -> None:
    code = {"code": b"", "account_id": "", "email": "", "expires_at": NOW, "tries": 1}
    hour = timedelta(hours=1)
    await write(
        database,
        ResetCodeRow,
        code | {"mailbox": b"idle", "failures": 0, "touched_at": NOW - 2 * hour},
        code | {"mailbox": b"live", "failures": 0, "touched_at": NOW - hour / 2},
        code | {"mailbox": b"guessed at", "failures": 99, "touched_at": NOW - 29 * DAY},
        code | {"mailbox": b"long ago", "failures": 99, "touched_at": NOW - 31 * DAY},
    )

    assert (await retention.purge(NOW))["codes"] == 2
    assert await kept(database, ResetCodeRow.mailbox) == [b"guessed at", b"live"]


async def test_answers_to_challenges_leave_once_they_have_expired(database: Database, retention: Retention) -> None:
    await write(
        database,
        SpentAnswerRow,
        {"digest": b"gone", "expires_at": NOW - timedelta(seconds=1)},
        {"digest": b"kept", "expires_at": NOW},
    )

    assert (await retention.purge(NOW))["answers"] == 1
    assert await kept(database, SpentAnswerRow.digest) == [b"kept"]


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


async def test_the_trail_is_kept_for_a_year(database: Database, retention: Retention) -> None:
    entry = {
        "event": "sign_in",
        "outcome": "",
        "account_id": "",
        "ip_address": "",
        "user_agent": "",
        "request_id": "",
    }
    await write(
        database,
        AuditRow,
        {**entry, "email": "gone", "at": NOW - 366 * DAY},
        {**entry, "email": "kept", "at": NOW - 364 * DAY},
    )

    assert (await retention.purge(NOW))["audit"] == 1
    assert await kept(database, AuditRow.email) == ["kept"]


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
        {**session, "digest": b"gone", "expires_at": NOW - timedelta(seconds=1)},
        {**session, "digest": b"kept", "expires_at": NOW + timedelta(seconds=1)},
    )

    assert (await retention.purge(NOW))["sessions"] == 1
    assert await kept(database, SessionRow.digest) == [b"kept"]


async def test_mailboxes_leave_after_their_day_unless_they_are_suppressed(
    database: Database, retention: Retention
) -> None:
    long_ago = NOW - DAY - timedelta(minutes=2)
    await write(
        database,
        MailboxRow,
        {"digest": b"gone", "mailed_at": long_ago, "suppressed_until": None},
        {"digest": b"no longer", "mailed_at": long_ago, "suppressed_until": NOW - DAY},
        {"digest": b"suppressed", "mailed_at": long_ago, "suppressed_until": NOW + DAY},
        {"digest": b"counted", "mailed_at": NOW - DAY / 2, "suppressed_until": None},
    )
    await write(
        database,
        MailboxRow,
        {"digest": b"used", "mailed_at": long_ago, "counted_since": NOW - DAY / 2},
        {"digest": b"used long ago", "mailed_at": long_ago, "counted_since": NOW - DAY},
    )

    assert (await retention.purge(NOW))["mailboxes"] == 3
    assert await kept(database, MailboxRow.digest) == [b"counted", b"suppressed", b"used"]


async def test_locks_leave_a_day_after_their_end(database: Database, retention: Retention) -> None:
    await write(
        database,
        AccountLockRow,
        {"account_id": "gone", "claim": "a", "until": NOW - DAY - timedelta(seconds=1)},
        {"account_id": "kept", "claim": "b", "until": NOW - timedelta(hours=1)},
    )

    assert (await retention.purge(NOW))["locks"] == 1
    assert await kept(database, AccountLockRow.account_id) == ["kept"]


async def test_what_was_counted_of_second_factors_leaves_after_two_days(
    database: Database, retention: Retention
) -> None:
    old, new = NOW - 2 * DAY - timedelta(seconds=1), NOW - DAY
    await write(
        database,
        SecondStepTriesRow,
        {"account_id": "gone", "tries": 3, "counted_since": old},
        {"account_id": "kept", "tries": 3, "counted_since": new},
    )
    sms = {"reset_id": "1", "digest": b"d" * 32, "expires_at": NOW, "messages": 1}
    await write(
        database,
        SmsCodeRow,
        {"account_id": "gone", "sent_at": old, "counted_since": old, **sms},
        {"account_id": "kept", "sent_at": new, "counted_since": old, **sms},
    )

    done = await retention.purge(NOW)
    assert (done["second_step_tries"], done["sms_codes"]) == (1, 1)
    assert await kept(database, SecondStepTriesRow.account_id) == ["kept"]
    assert await kept(database, SmsCodeRow.account_id) == ["kept"]


async def test_a_purge_does_not_look_again_at_what_it_has_erased(database: Database, retention: Retention) -> None:
    """However many erased messages are kept, those with an address are found by the index that holds only them."""
    await write_erased(database, 20_000)

    plans = await plans_of(database, lambda: retention.purge(NOW))

    (erasing,) = (plan for statement, plan in plans.items() if "UPDATE keyturn_outbox" in statement)
    assert "ix_keyturn_outbox_not_erased" in erasing


async def write_erased(database: Database, many: int) -> None:
    """Write messages whose addresses were erased and that stay for some weeks, as in a busy installation."""
    await write(database, OutboxRow, message("first", "sent", NOW - 20 * DAY, "{}"))
    columns = "kind, payload, state, attempts, faults, available_at, created_at, settled_at"
    copies = text(
        f"INSERT INTO keyturn_outbox (key, {columns}) "  # noqa: S608 - all of it is written here
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :many) "
        f"SELECT CAST(n AS VARCHAR(32)), {columns} FROM keyturn_outbox, numbers"
    )

    def write_copies(connection: Connection) -> None:
        connection.execute(copies, {"many": many})
        connection.execute(text("ANALYZE"))  # as PostgreSQL's autovacuum does in a running installation

    await database.transact(write_copies)


async def test_any_number_of_rows_leave_in_small_batches(database: Database, retention: Retention) -> None:
    """Whether they go, are changed, or have no index of times; however many have the same time."""
    many = range(1200)
    await write(database, ResetTokenRow, *(link(str(number), NOW - 8 * DAY) for number in many))
    await write(database, OutboxRow, *(message(str(number), "sent", NOW - 4 * DAY) for number in many))
    mailboxes = ({"digest": str(number).encode(), "mailed_at": NOW - 2 * DAY} for number in many)
    await write(database, MailboxRow, *mailboxes)

    done = await retention.purge(NOW)
    assert (done["links"], done["addresses"], done["mailboxes"]) == (1200, 1200, 1200)
    assert await kept(database, func.count(ResetTokenRow.id)) == [0]
    assert await kept(database, func.count(MailboxRow.digest)) == [0]
    assert set(await kept(database, OutboxRow.payload)) == {ERASED}


async def test_a_second_time_there_is_nothing_to_do(retention: Retention) -> None:
    assert set((await retention.purge(NOW)).values()) == {0}


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


async def test_it_runs_now_and_then(database: Database, retention: Retention) -> None:
    task = asyncio.create_task(retention.run(timedelta(milliseconds=1)))
    async with asyncio.timeout(10):
        for _ in range(2):
            await write(database, ResetTokenRow, link("old", datetime(2020, 1, 1, tzinfo=UTC)))
            while await kept(database, ResetTokenRow.id):
                await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
