"""Messages of some kinds, what does their work, and how many may ask somebody outside at a time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from keyturn.errors import SendRefused
from keyturn.outbox.message import Delivery, Message, Settlement


class Handler(Protocol):
    """Does what a message asks, or prepares it and returns what is left to do in a place of its lane.

    Both raise SendRetryable, QuotaExhausted or SendRefused where they cannot.
    """

    def __call__(self, message: Message, /) -> Awaitable[Settlement | Delivery]: ...


@runtime_checkable
class PreparesTogether(Protocol):
    """A handler that also prepares several messages in one go, where `prepares_together`."""

    prepares_together: bool

    async def prepare_all(self, messages: Sequence[Message], /) -> Sequence[Settlement | Delivery | Exception]:
        """Return what calling it would for each of the messages, or raise."""
        ...


class Lane:
    """Handles messages of some kinds: however many wait, other lanes never do.

    `handlers` has what does each kind's work. At most `ahead` messages are in hand, to be prepared, of which at most
    `batch` are claimed at a time; what is left to do is done for at most `concurrency` of them at a time. `close` is
    called once at the end, for what the handlers hold open. `doubtful` are abandoned messages that are under way.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        concurrency: int,
        close: Callable[[], Awaitable[None]] | None = None,
        *,
        ahead: int = 0,
        batch: int | None = None,
    ) -> None:
        self.handlers = handlers
        self.together = {
            kind: one for kind, one in handlers.items() if isinstance(one, PreparesTogether) and one.prepares_together
        }
        self.ahead = max(ahead, concurrency)
        self._batch = batch or self.ahead
        self._enough = max(self.ahead // 2, concurrency)
        self.close = close
        self.doubtful: set[int] = set()
        self.under_way: dict[asyncio.Task[None], int] = {}
        """What is being done, and how many messages each has in hand."""
        self._places = asyncio.Semaphore(concurrency)
        self._queued: dict[asyncio.Task[Any], Message] = {}
        self._turned_away: list[Message] = []
        self._is_open = True

    @property
    def free(self) -> int:
        """How many more messages may be claimed, once there `is_room`."""
        return min(self.ahead - self._in_hand, self._batch)

    @property
    def is_room(self) -> bool:
        """Whether more should be claimed: not while more than half of what may be is in hand, and more than has places.

        A claim costs its trip, not its rows.
        """
        return self._in_hand < self.ahead and self._in_hand <= self._enough

    @property
    def _in_hand(self) -> int:
        return sum(self.under_way.values())

    def let_go(self, task: asyncio.Task[None]) -> bool:
        """Note that a task has nothing in hand any more; tell whether there is room now that was not there."""
        had_room = self.is_room
        self.under_way[task] = 0
        return self.is_room and not had_room

    def admit(self, messages: Sequence[Message]) -> tuple[Sequence[Message], Sequence[Message]]:
        """Return which of the claimed may be begun, and which not yet; none is abandoned where one is `doubtful`.

        Of abandoned ones, any of which may end this worker too, that is one group at a time, and half as many with each
        time that they were abandoned: in the end one ends its worker alone, and is given up alone.
        """
        abandoned = [message for message in messages if message.abandoned]
        group: list[Message] = []
        if abandoned:
            crashes = abandoned[0].crashes
            alike = [message for message in abandoned if message.crashes == crashes]
            group = alike[: max(self.ahead >> (crashes - 1), 1)]
        left = [message for message in abandoned if message.id not in {one.id for one in group}]
        return [*(message for message in messages if not message.abandoned), *group], left

    async def prepare(self, message: Message) -> Settlement | Delivery:
        if message.kind not in self.handlers:
            raise SendRefused(f"unknown kind of message: {message.kind}")
        return await self.handlers[message.kind](message)

    async def prepare_all(
        self, messages: Sequence[Message], longest: float
    ) -> Sequence[Settlement | Delivery | Exception]:
        """Do what `prepare` does for messages of a kind that is prepared together, within `longest` seconds.

        A fault of the whole is each one's, as if each had been alone.
        """
        try:
            async with asyncio.timeout(longest):
                return await self.together[messages[0].kind].prepare_all(messages)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task and task.cancelling():
                raise
            # By a scope within, as of a library that an app's store asks by.
            return [RuntimeError("broken off from within")] * len(messages)
        except Exception as error:  # noqa: BLE001 - as above
            return [error] * len(messages)

    @contextlib.asynccontextmanager
    async def place(self, message: Message) -> AsyncIterator[None]:
        """Hold a place for the message, once one is free."""
        task = asyncio.current_task()
        assert task is not None  # there is one wherever something is awaited
        if not self._is_open and self._places.locked():
            self._turned_away.append(message)
            raise asyncio.CancelledError
        self._queued[task] = message
        try:
            await self._places.acquire()
        finally:
            self._queued.pop(task, None)
        try:
            yield
        finally:
            self._places.release()

    def turn_away(self) -> Sequence[Message]:
        """End the wait of those that have no place yet, and of those that come later; return those of now.

        Called again at the end, when all are done, it lets whoever comes wait again.
        """
        queued, self._queued = self._queued, {}
        for task in queued:
            task.cancel()
        turned_away, self._turned_away = [*self._turned_away, *queued.values()], []
        self._is_open = not self.under_way
        return turned_away
