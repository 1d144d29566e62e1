"""What a worker holds is its own while it lives, and others' soon after it died, by the clock of the database."""

import asyncio
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection
from tests.contracts.outbox.conftest import Handler, Note, Rows, post, running, text_of, worker_of

from keyturn.errors import SendRetryable
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.outbox.history import retry
from keyturn.service.outbox.queue import Outbox
from keyturn.service.problems.requests import DatabaseUnready
from keyturn.service.secrets import Purpose, take

HOUR, SHORT = timedelta(hours=1), timedelta(seconds=1.5)


async def renewed(rows: Rows, since: object) -> None:
    async with asyncio.timeout(10):
        while (await rows.only()).available_at == since:
            await asyncio.sleep(0.01)


@pytest.mark.long
async def test_a_delivery_beyond_its_lease_stays_in_its_hands(outbox: Outbox, elsewhere: Outbox, rows: Rows) -> None:
    handler = Handler()
    await post(outbox, "slow")
    async with running(worker_of(outbox, handler, longest=HOUR, lease=SHORT)):
        await handler.has_begun("slow")
        first = (await rows.only()).available_at
        assert first - now() <= SHORT, "however long a delivery may take, a dead worker lets go soon"
        while now() < first + SHORT:
            await renewed(rows, (await rows.only()).available_at)
            assert await elsewhere.claim(1, HOUR, abandoned=True) == []
        handler.open.set()
        await handler.has_done("slow")

    assert await rows.states() == ["sent"]


async def test_a_message_that_is_in_other_hands_is_left_there(outbox: Outbox, elsewhere: Outbox, rows: Rows) -> None:
    await post(outbox, "one")
    (lost,) = await outbox.claim(1, timedelta(0))
    await elsewhere.claim(1, HOUR, abandoned=True)
    before = await rows.only()
    await outbox.renew([lost], 2 * HOUR)

    assert await rows.only() == before


@pytest.mark.parametrize("fault", [DatabaseUnready("away"), ValueError("whatever")])
@pytest.mark.long
async def test_leases_are_renewed_again_after_a_renewal_that_failed(
    outbox: Outbox, rows: Rows, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew, failures = outbox.renew, [fault]

    async def fail_once(*arguments: object) -> None:
        if failures:
            raise failures.pop()
        await renew(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(outbox, "renew", fail_once)
    handler = Handler()
    await post(outbox, "slow")
    async with running(worker_of(outbox, handler, longest=HOUR, lease=timedelta(seconds=2))):
        await handler.has_begun("slow")
        await renewed(rows, (await rows.only()).available_at)
        handler.open.set()

    assert failures == []


@pytest.fixture(params=[HOUR, -HOUR], ids=["ahead", "behind"])
def wrong(request: pytest.FixtureRequest) -> Iterator[pytest.MonkeyPatch]:
    """Set the clock of this machine wrong, by an hour, until the fixture is undone."""

    def wrong_now() -> object:
        return now() + request.param

    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if name.startswith("keyturn.") and getattr(module, "now", None) is now:
                patch.setattr(module, "now", wrong_now)
        yield patch


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_leases_pauses_and_locks_are_as_long_on_a_machine_whose_clock_is_wrong(
    database: Database, outbox: Outbox, elsewhere: Outbox, rows: Rows, wrong: pytest.MonkeyPatch
) -> None:
    def lock(connection: Connection) -> bool:
        return take(connection, (Purpose.CHANGE, b"u-1"), "u-1", database.clock(), database.clock(timedelta(minutes=1)))

    await outbox.post("note", Note("paused"))
    await worker_of(outbox, Handler(paused=SendRetryable("busy", 300))).drain()
    await outbox.post("note", Note("held"))
    (held,) = await outbox.claim(1, timedelta(minutes=1))
    assert await elsewhere.claim(1, timedelta(minutes=1)) == []
    assert await retry(outbox.database, [held.id]) == ["under way"]
    await outbox.post("note", Note("posted"))
    await outbox.database.transact(lambda connection: outbox.within(connection).enqueue("note", Note("enqueued")))
    assert await database.transact(lock)
    wrong.undo()

    assert [text_of(message) for message in await elsewhere.claim(3, timedelta(minutes=1))] == ["posted", "enqueued"]
    assert timedelta(seconds=240) < (await rows.all())[0].available_at - now() < timedelta(seconds=310)
    assert not await database.transact(lock)
