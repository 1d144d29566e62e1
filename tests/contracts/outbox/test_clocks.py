"""Machines whose clocks are wrong: leases, pauses and locks are by the database's clock, which all of them share."""

import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection
from tests.contracts.outbox.table import Note, Rows, text_of
from tests.contracts.outbox.worker import Handler, worker_of

from keyturn.errors import SendRetryable
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.outbox.history import retry
from keyturn.service.outbox.queue import Outbox
from keyturn.service.secrets import Purpose, take

pytestmark = pytest.mark.parametrize("databases", ["postgresql"], indirect=True)


MINUTE = timedelta(minutes=1)


@pytest.fixture(params=[60 * MINUTE, -60 * MINUTE], ids=["ahead", "behind"])
def wrong(request: pytest.FixtureRequest) -> Iterator[pytest.MonkeyPatch]:
    """Set the clock of this machine wrong, by an hour, until the fixture is undone."""

    def wrong_now() -> object:
        return now() + request.param

    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if name.startswith("keyturn.") and getattr(module, "now", None) is now:
                patch.setattr(module, "now", wrong_now)
        yield patch


async def test_a_message_is_due_and_held_as_long_on_a_machine_whose_clock_is_wrong(
    outbox: Outbox, elsewhere: Outbox, wrong: pytest.MonkeyPatch
) -> None:
    await outbox.post("note", Note("held"))
    (held,) = await outbox.claim(1, MINUTE)
    assert await elsewhere.claim(1, MINUTE) == []
    assert await retry(outbox.database, [held.id]) == ["under way"]
    await outbox.post("note", Note("posted"))
    await outbox.database.transact(lambda connection: outbox.within(connection).enqueue("note", Note("enqueued")))
    wrong.undo()

    assert [text_of(message) for message in await elsewhere.claim(3, MINUTE)] == ["posted", "enqueued"]


async def test_a_pause_is_as_long_whatever_the_clock(outbox: Outbox, rows: Rows, wrong: pytest.MonkeyPatch) -> None:
    await outbox.post("note", Note("one"))
    await worker_of(outbox, Handler(one=SendRetryable("busy", 300))).drain()
    wrong.undo()

    assert timedelta(seconds=240) < (await rows.only()).available_at - now() < timedelta(seconds=310)


async def test_an_account_is_locked_as_long_whatever_the_clock(database: Database, wrong: pytest.MonkeyPatch) -> None:
    def lock(connection: Connection) -> bool:
        return take(connection, (Purpose.CHANGE, b"u-1"), "u-1", database.clock(), database.clock(MINUTE))

    assert await database.transact(lock)
    wrong.undo()

    assert not await database.transact(lock)
