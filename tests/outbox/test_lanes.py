"""Messages with places of their own: whatever holds them up, they hold nobody else up."""

from tests.outbox.table import Note, Rows
from tests.outbox.worker import Handler, post, relay_of, running

from keyturn.outbox import Lane, Outbox


async def post_hooks(outbox: Outbox, *texts: str) -> None:
    for text in texts:
        await outbox.post("hook", Note(text))


async def test_however_many_stall_in_one_lane_the_others_go_at_once(outbox: Outbox) -> None:
    notes, hooks = Handler(), Handler()
    stalled = [f"slow {number}" for number in range(7)]
    await post_hooks(outbox, *stalled)
    aside = Lane({"hook": hooks}, concurrency=2)
    async with running(relay_of(outbox, notes, aside, concurrency=1)):
        await hooks.has_begun("slow 0", "slow 1")
        await post(outbox, "one", "two")
        await notes.has_done("one", "two")
        assert hooks.done == []
        hooks.open.set()
        await hooks.has_done(*stalled)

    assert hooks.most_at_once == 2
    assert hooks.begun == stalled


async def test_nor_do_the_others_hold_those_up(outbox: Outbox) -> None:
    notes, hooks = Handler(), Handler()
    await post(outbox, *(f"slow {number}" for number in range(3)))
    async with running(relay_of(outbox, notes, Lane({"hook": hooks}, 4), concurrency=1)):
        await notes.has_begun("slow 0")
        await post_hooks(outbox, "one")
        await hooks.has_done("one")
        notes.open.set()
        await notes.has_done("slow 0", "slow 1", "slow 2")

    assert notes.most_at_once == 1


async def test_a_relay_that_is_ended_waits_for_both(outbox: Outbox, rows: Rows) -> None:
    notes, hooks = Handler(), Handler()
    await post(outbox, "slow")
    await post_hooks(outbox, "slow too")
    async with running(relay_of(outbox, notes, Lane({"hook": hooks}, 4))) as task:
        await notes.has_begun("slow")
        await hooks.has_begun("slow too")
        task.cancel()
        notes.open.set()
        hooks.open.set()

    assert await rows.states() == ["sent", "sent"]


async def test_each_kind_goes_to_its_handler_when_all_is_drained(outbox: Outbox, rows: Rows) -> None:
    notes, hooks = Handler(), Handler()
    await post_hooks(outbox, "one")
    await post(outbox, "two")
    await post_hooks(outbox, "three")

    assert await relay_of(outbox, notes, Lane({"hook": hooks}, 4), concurrency=1).drain() == 3
    assert (sorted(notes.done), sorted(hooks.done)) == (["two"], ["one", "three"])
    assert await rows.states() == ["sent"] * 3


async def test_a_kind_that_nobody_handles_is_refused_and_told(outbox: Outbox, rows: Rows) -> None:
    await outbox.post("riddle", Note("?"))

    assert await relay_of(outbox, Handler(), Lane({"hook": Handler()}, 4)).drain() == 1
    (row,) = await rows.all()
    assert (row.state, row.reason) == ("dead", "unknown kind of message: riddle")
