"""Waiting for mails: whoever waits is woken, in another thread as in an event loop."""

import asyncio
import contextlib
import threading


class Arrivals:
    """Counts what changes among the captured mails. `revision` is the count; who has seen one waits for the next."""

    def __init__(self) -> None:
        self.revision = 0
        self._condition = threading.Condition()
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def tell(self) -> None:
        with self._condition:
            self.revision += 1
            self._condition.notify_all()
            for event, loop in self._waiting.items():
                with contextlib.suppress(RuntimeError):  # the loop has ended, and with it who waited
                    loop.call_soon_threadsafe(event.set)

    def wait(self, seen: int, seconds: float) -> None:
        """Wait in this thread until something is new to who has seen `seen`, or for so many seconds."""
        with self._condition:
            self._condition.wait_for(lambda: self.revision != seen, seconds)

    async def wait_in_loop(self, seen: int, seconds: float) -> None:
        """Do the same in this event loop."""
        event = asyncio.Event()
        with self._condition:
            if self.revision != seen:
                return
            self._waiting[event] = asyncio.get_running_loop()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await event.wait()
        finally:
            with self._condition:
                self._waiting.pop(event, None)
