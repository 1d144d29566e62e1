"""What a worker holds is its own for as long as it lives, and others' seconds after it died."""

import asyncio
from datetime import timedelta

import pytest
from tests.contracts.outbox.conftest import Handler, Rows, post, running, worker_of

from keyturn.service.clock import now
from keyturn.service.outbox.queue import Outbox
from keyturn.service.problems.requests import DatabaseUnready

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
