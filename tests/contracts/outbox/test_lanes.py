"""Messages with a lane of their own: a delay in one lane delays no other."""

from tests.contracts.outbox.table import Note, Rows
from tests.contracts.outbox.worker import Handler, post, running, worker_of

from keyturn.service.outbox.queue import Outbox
from keyturn.service.outbox.worker import Lane


async def post_hooks(outbox: Outbox, *texts: str) -> None:
    for text in texts:
        await outbox.post("hook", Note(text))


async def test_a_worker_that_is_ended_waits_for_both(outbox: Outbox, rows: Rows) -> None:
    notes, hooks = Handler(), Handler()
    await post(outbox, "slow")
    await post_hooks(outbox, "slow too")
    async with running(worker_of(outbox, notes, Lane({"hook": hooks}, 4))) as task:
        await notes.has_begun("slow")
        await hooks.has_begun("slow too")
        task.cancel()
        notes.open.set()
        hooks.open.set()

    assert await rows.states() == ["sent", "sent"]


async def test_a_message_of_an_unknown_kind_stays_for_a_newer_worker(outbox: Outbox, rows: Rows) -> None:
    handler = Handler()
    await outbox.post("riddle", Note("?"))
    async with running(worker_of(outbox, handler, Lane({"hook": Handler()}, 4))):
        await post(outbox, "one")
        await handler.has_done("one")
        await post(outbox, "two")
        await handler.has_done("two")

    riddle = (await rows.all())[0]
    assert (riddle.state, riddle.reason, riddle.attempts, riddle.claim) == ("waiting", None, 0, None)


async def test_as_many_are_claimed_as_there_are_places_where_none_are_prepared_ahead(outbox: Outbox) -> None:
    handler = Handler()
    await post(outbox, "one", "slow 0", "slow 1", "slow 2")
    async with running(worker_of(outbox, handler, places=3)):
        await handler.has_begun("one", "slow 0", "slow 1", "slow 2")
        handler.open.set()
        await handler.has_done("slow 0", "slow 1", "slow 2")
