"""What becomes of a message that could not be sent, and of those beside it."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.contracts.outbox.table import Rows, make_due
from tests.contracts.outbox.worker import Handler, post, worker_of

from keyturn.errors import SendRefused, SendRetryable
from keyturn.service.database import Database
from keyturn.service.outbox.attempts import LONGEST_OF_OURS, backoff
from keyturn.service.outbox.queue import LeaseLost, Outbox
from keyturn.service.problems.requests import DatabaseUnready

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
"""The worker decides, whatever the engine."""

FIRST_PAUSE = backoff(1, 0.0)


async def work(outbox: Outbox, error: Exception, **limits: Any) -> tuple[datetime, datetime]:
    """Handle a message that fails with `error`; return the times before and after."""
    before = datetime.now(UTC)
    await worker_of(outbox, Handler(one=error), **limits).drain()
    return before, datetime.now(UTC)


@pytest.mark.parametrize(("asked", "pause"), [(30, timedelta(seconds=30)), (0.1, FIRST_PAUSE), (0, FIRST_PAUSE)])
async def test_a_pause_that_the_provider_asks_for_is_kept_where_it_is_longer(
    outbox: Outbox, rows: Rows, asked: float, pause: timedelta
) -> None:
    await post(outbox, "one")
    before, after = await work(outbox, SendRetryable("slow down", asked))

    due = (await rows.only()).available_at
    assert before + pause <= due <= after + pause


@pytest.mark.parametrize(
    ("error", "state", "reason", "leased", "levels", "said"),
    [
        (SendRefused("422 validation_error"), "dead", "422 validation_error", False, ["ERROR"], "422 validation_error"),
        (ZeroDivisionError("a slip"), "waiting", "ZeroDivisionError", False, ["ERROR", "WARNING"], "Traceback"),
        (LeaseLost(), "waiting", None, True, ["WARNING"], ""),
        (DatabaseUnready("the database cannot be reached"), "waiting", None, True, ["WARNING"], ""),
    ],
    ids=["refused", "what nobody foresaw", "a worker that comes late", "what cannot be written down"],
)
async def test_an_operator_is_told_and_the_message_keeps_its_reason_or_waits_for_the_end_of_its_lease(
    outbox: Outbox,
    rows: Rows,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    state: str,
    reason: str | None,
    leased: bool,
    levels: list[str],
    said: str,
) -> None:
    await post(outbox, "one")
    before, _ = await work(outbox, error)

    row = await rows.only()
    assert (row.state, row.reason) == (state, reason)
    if leased:
        assert row.claim
        assert row.available_at > before + timedelta(seconds=50)
    assert [record.levelname for record in caplog.records] == levels
    assert said in caplog.text


async def test_a_fault_of_ours_is_given_up_sooner(outbox: Outbox, database: Database, rows: Rows) -> None:
    await post(outbox, "one")
    for fault in (1, 2):
        assert (await rows.only()).state == "waiting", f"given up before fault {fault}"
        await work(outbox, ZeroDivisionError("a slip"), max_crashes=2)
        await make_due(database)

    row = await rows.only()
    assert (row.state, row.reason) == ("dead", "ZeroDivisionError")


async def test_claims_that_died_with_their_worker_do_not_lengthen_the_pause_after_a_providers_failure(
    outbox: Outbox, rows: Rows
) -> None:
    await post(outbox, "one")
    for number in range(6):
        await outbox.claim(1, timedelta(0), abandoned=number > 0)
    before, after = await work(outbox, SendRetryable("provider down"))

    row = await rows.only()
    assert (row.attempts, row.faults) == (1, 0)
    assert before + FIRST_PAUSE <= row.available_at <= after + FIRST_PAUSE


async def test_however_often_we_failed_a_mail_is_tried_again_within_seconds(
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


async def test_a_working_database_makes_no_noise(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    await post(outbox, "one")
    await worker_of(outbox, Handler()).drain()

    assert not [record for record in caplog.records if record.levelno > logging.INFO]
