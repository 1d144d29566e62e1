"""Safeguards that no fault of a port takes away: each is taken out of the code, for the simulation.

| safeguard | why no port can | another test that is red without it |
|---|---|---|
| `given_up` | whether a caller still waits is known to the code alone | tests/database/test_trips.py |
| `survival` | it catches what ports raise, and no port can keep it from that | tests/outbox/test_outages.py |
| `one_alone` | the items of a batch meet in this process, before any port | tests/database/test_batching.py |
"""

from typing import Any
from unittest import mock

from keyturn.service.database import sqlite
from keyturn.service.database.batching import Batcher
from keyturn.service.outbox import Worker


def given_up() -> None:
    """Commit work that its caller has given up."""
    mock.patch.object(sqlite, "_require_caller").start()


def survival() -> None:
    """Let a worker end by an error of the database."""

    async def claim(self: Any, lane: Any) -> Any:
        only, abandoned = lane.handlers, lane.abandoned
        return await self._outbox.claim(lane.batch, self._limits.lease, only=only, abandoned=abandoned)

    mock.patch.object(Worker, "_claim", claim).start()


def one_alone() -> None:
    """Let a bad item of a batch fail its neighbours."""

    async def run(self: Any, items: Any) -> Any:
        try:
            return list(await self._execute(items))
        except Exception as error:  # noqa: BLE001 - as in the original
            return [error] * len(items)

    mock.patch.object(Batcher, "_run", run).start()
