"""What becomes of a message that could not be sent, and of those beside it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.contracts.outbox.conftest import (
    Handler,
    Rows,
    WatchedOutbox,
    make_due,
    post,
    running,
    worker_of,
)

from keyturn.errors import SendRefused, SendRetryable
from keyturn.service.database import Database
from keyturn.service.outbox.queue import LeaseLost, Outbox
from keyturn.service.outbox.worker import LONGEST, LONGEST_OF_OURS, backoff
from keyturn.service.problems.requests import DatabaseUnready

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
"""The worker decides, whatever the engine."""

FIRST_PAUSE = backoff(1, 0.0)


async def work(outbox: Outbox, error: Exception, **limits: Any) -> tuple[datetime, datetime]:
    """Handle a message that fails with `error`; return the times before and after."""
    before = datetime.now(UTC)
    await worker_of(outbox, Handler(one=error), **limits).drain()
    return before, datetime.now(UTC)


@pytest.mark.parametrize("asked", [30, 0.1])
async def test_of_the_providers_pause_and_our_own_the_longer_is_kept(
    outbox: Outbox, rows: Rows, asked: float
) -> None:
    await post(outbox, "one")
    before, after = await work(outbox, SendRetryable("slow down", asked))

    pause = max(timedelta(seconds=asked), FIRST_PAUSE)
    assert before + pause <= (await rows.only()).available_at <= after + pause


@pytest.mark.parametrize(
    ("error", "state", "reason", "levels", "said"),
    [
        (
            SendRefused("422 validation_error"),
            "dead",
            "422 validation_error",
            ["ERROR"],
            "422 validation_error",
        ),
        (
            TimeoutError("of an app's store"),
            "waiting",
            "TimeoutError",
            ["ERROR", "WARNING"],
            "Traceback",
        ),
        (LeaseLost(), "waiting", None, ["WARNING"], ""),
        (DatabaseUnready("the database cannot be reached"), "waiting", None, ["WARNING"], ""),
    ],
    ids=[
        "refused",
        "what nobody foresaw",
        "a worker that comes late",
        "what cannot be written down",
    ],
)
async def test_a_failure_is_logged_and_has_a_reason_unless_it_cannot_be_noted(
    outbox: Outbox,
    rows: Rows,
    caplog: Any,
    error: Exception,
    state: str,
    reason: str,
    levels: list[str],
    said: str,
) -> None:
    await post(outbox, "one")
    before, _ = await work(outbox, error)

    row = await rows.only()
    assert (row.state, row.reason) == (state, reason)
    is_leased = bool(row.claim) and row.available_at > before + timedelta(seconds=50)
    assert is_leased == (reason is None)
    assert [record.levelname for record in caplog.records] == levels
    assert said in caplog.text


async def test_a_fault_of_ours_is_given_up_sooner(
    outbox: Outbox, database: Database, rows: Rows
) -> None:
    await post(outbox, "one")
    ends = []
    for _ in range(2):
        await work(outbox, ZeroDivisionError("a slip"), max_crashes=2)
        await make_due(database)
        ends.append(((await rows.only()).state, (await rows.only()).reason))

    assert ends == [("waiting", "ZeroDivisionError"), ("dead", "ZeroDivisionError")]


async def test_claims_that_died_with_their_worker_lengthen_no_pause(
    outbox: Outbox, rows: Rows
) -> None:
    await post(outbox, "one")
    for number in range(6):
        await outbox.claim(1, timedelta(0), abandoned=number > 0)
    before, after = await work(outbox, SendRetryable("provider down"))

    row = await rows.only()
    assert (row.attempts, row.faults) == (1, 0)
    assert before + FIRST_PAUSE <= row.available_at <= after + FIRST_PAUSE


async def test_however_often_we_failed_the_next_try_is_soon(
    outbox: Outbox, database: Database, rows: Rows
) -> None:
    await post(outbox, "one")
    for _ in range(10):
        await work(outbox, ZeroDivisionError("a slip"))
        await make_due(database)
    _, after = await work(outbox, ZeroDivisionError("a slip"))

    row = await rows.only()
    assert row.available_at <= after + LONGEST_OF_OURS
    assert row.attempts == 0, "no provider was asked"


async def test_a_delivery_that_takes_too_long_is_cancelled(outbox: Outbox, rows: Rows) -> None:
    await post(outbox, "slow")
    handler = Handler()
    await worker_of(outbox, handler, longest=timedelta(milliseconds=50)).drain()

    row = await rows.only()
    assert (row.state, row.reason) == ("waiting", "no end within 0.05 s")
    assert (handler.begun, handler.done) == (["slow"], [])


async def test_stop_ends_a_slow_try(outbox: Outbox, rows: Rows) -> None:
    """A worker that is stopped waits no longer for a slow answer than for any other, and its mail
    is sent later.
    """
    await post(outbox, "slow")
    handler = Handler()
    before = datetime.now(UTC)
    worker = worker_of(
        outbox, handler, last_answer=timedelta(hours=1), longest=timedelta(milliseconds=50)
    )
    async with running(worker):
        await handler.has_begun("slow")

    row = await rows.only()
    assert handler.done == []
    assert row.state == "waiting"
    assert row.reason == "no answer before its worker stopped"
    assert row.available_at >= before + LONGEST
    assert row.attempts == 1
    assert row.faults == 0


async def test_last_answer_may_take_longer(outbox: WatchedOutbox, rows: Rows) -> None:
    """A queue that waits for a provider's last answer cancels no try after the usual time."""
    await post(outbox, "slow")
    handler = Handler()
    limits: dict[str, Any] = {
        "longest": timedelta(milliseconds=10),
        "lease": timedelta(seconds=0.3),
    }
    async with running(worker_of(outbox, handler, last_answer=timedelta(minutes=1), **limits)):
        await handler.has_begun("slow")
        await outbox.has_renewed()
        handler.open.set()
        await handler.has_done("slow")

    assert await rows.states() == ["sent"]
