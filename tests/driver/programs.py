"""A program of Keyturn that a simulation starts and stops as often as it likes, in event loops of its own."""

from collections.abc import Callable
from contextlib import ExitStack

from litestar.types import ASGIApp

from keyturn.service import clock
from keyturn.testing import Clock, RunningService


class Program:
    """An API server or a worker, built as `service`, and stopped. It runs again in any event loop.

    `app`: what answers requests.
    """

    def __init__(self, running: RunningService) -> None:
        self.app: ASGIApp = running.app
        self._parts = running.parts

    async def work(self) -> None:
        """Run the worker until it is cancelled."""
        await self._parts.work()

    def wake(self) -> None:
        """Let the worker look for messages, as each request does to a worker in its own process."""
        self._parts.outbox.wake()

    async def purge(self) -> None:
        """Delete what is too old, as the worker does once an hour."""
        await self._parts.retention.purge(clock.now())


def rule_over(time: Clock, random: Callable[[int], bytes]) -> None:
    """Give this Python process another clock and other random bytes until it ends."""
    _UNTIL_THE_END.enter_context(clock.replaced(time, random))


_UNTIL_THE_END = ExitStack()
