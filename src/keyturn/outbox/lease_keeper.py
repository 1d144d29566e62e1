"""A claim lasts for as long as its worker lives: it is renewed while the message is worked on, and ends soon after."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from keyturn.outbox.message import Message
from keyturn.outbox.queue import Outbox
from keyturn.problems.requests import DatabaseUnready
from keyturn.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.outbox")


class LeaseKeeper:
    """Renews the leases of the messages that are held, three times within each `lease`.

    A worker that is killed holds what it had for no longer than that, however long a delivery may take.
    """

    def __init__(self, outbox: Outbox, lease: timedelta) -> None:
        self.lease = lease
        self._outbox = outbox
        self._held: dict[int, str] = {}

    @contextmanager
    def hold(self, messages: Sequence[Message]) -> Iterator[None]:
        """Keep the messages in these hands while the block lasts, if somebody runs `run`."""
        self._held.update((message.id, message.claim) for message in messages)
        try:
            yield
        finally:
            for message in messages:
                if self._held.get(message.id) == message.claim:
                    del self._held[message.id]

    async def run(self) -> None:
        """Renew until cancelled. One that cannot be renewed ends, as if the worker had died."""
        while True:
            await asyncio.sleep(self.lease.total_seconds() / 3)
            try:
                if self._held:
                    await self._outbox.renew(self._held, self.lease)
            except DatabaseUnready as error:
                log.warning(LogEvent("outbox.unready", reason=error))
            except Exception:  # whatever a database answers, a worker outlives it
                log.exception(LogEvent("outbox.renewal_failed"))
