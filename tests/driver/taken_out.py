"""Safeguards that no fault of a port takes away: each is taken out of the code, for the simulation.

| safeguard | why no port can | another test, in tests/contracts, that is red without it |
|---|---|---|
| `given_up` | whether a caller still waits is known to the code alone | database/test_database.py |
| `survival` | it catches what ports raise: no port can keep it from that | outbox/test_worker.py |
| `one_alone` | a claim's messages meet in the worker, before any port | outbox/test_together.py |
"""

from functools import partial
from threading import Event
from typing import Any
from unittest import mock

from keyturn.service.database import connections
from keyturn.service.outbox.worker import Worker


def given_up() -> None:
    """Commit work that its caller has given up."""

    class NeverSet(Event):
        def is_set(self) -> bool:
            return False

    mock.patch.object(connections, "Event", NeverSet).start()


def survival() -> None:
    """Let a worker end by an error of the database."""

    async def wait(_: Any, work: Any, __: str) -> Any:
        return await work

    mock.patch.object(Worker, "_survive", wait).start()


def one_alone() -> None:
    """Let a message that cannot be prepared fail those that were claimed with it."""

    async def prepare(_: Any, queue: Any, messages: Any) -> Any:
        if not (queue.prepare and messages):
            return [partial(queue.handlers[message.kind], message) for message in messages]
        try:
            return await queue.prepare(messages)
        except Exception as error:  # noqa: BLE001 - as in the original
            return [error] * len(messages)

    mock.patch.object(Worker, "_prepare", prepare).start()
