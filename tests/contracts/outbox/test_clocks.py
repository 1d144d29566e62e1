"""Machines whose clocks are wrong: leases, pauses and locks are by the database's clock, which all of them share."""

import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection
from tests.contracts.outbox.conftest import Handler, Note, Rows, text_of, worker_of

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


async def test_leases_pauses_and_locks_are_as_long_on_a_machine_whose_clock_is_wrong(
    database: Database, outbox: Outbox, elsewhere: Outbox, rows: Rows, wrong: pytest.MonkeyPatch
) -> None:
    def lock(connection: Connection) -> bool:
        return take(connection, (Purpose.CHANGE, b"u-1"), "u-1", database.clock(), database.clock(MINUTE))

    await outbox.post("note", Note("paused"))
    await worker_of(outbox, Handler(paused=SendRetryable("busy", 300))).drain()
    await outbox.post("note", Note("held"))
    (held,) = await outbox.claim(1, MINUTE)
    assert await elsewhere.claim(1, MINUTE) == []
    assert await retry(outbox.database, [held.id]) == ["under way"]
    await outbox.post("note", Note("posted"))
    await outbox.database.transact(lambda connection: outbox.within(connection).enqueue("note", Note("enqueued")))
    assert await database.transact(lock)
    wrong.undo()

    assert [text_of(message) for message in await elsewhere.claim(3, MINUTE)] == ["posted", "enqueued"]
    assert timedelta(seconds=240) < (await rows.all())[0].available_at - now() < timedelta(seconds=310)
    assert not await database.transact(lock)
