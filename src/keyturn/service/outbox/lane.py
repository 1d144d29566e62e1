"""A lane: messages of some kinds, their handlers, and how many may call an outside service at a time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from keyturn.errors import SendRefused
from keyturn.service.outbox.message import Delivery, Message, Settlement


class Handler(Protocol):
    """Handles a message, or prepares it and returns the work that is left for a place of its lane.

    Both raise SendRetryable, QuotaExhausted or SendRefused on failure.
    """

    def __call__(self, message: Message, /) -> Awaitable[Settlement | Delivery]: ...


@runtime_checkable
class PreparesTogether(Protocol):
    """A handler that can also prepare several messages together, if `prepares_together`."""

    prepares_together: bool

    async def prepare_all(self, messages: Sequence[Message], /) -> Sequence[Settlement | Delivery | Exception]:
        """Return for each message what a call would return or raise."""


class Lane:
    """Handles messages of some kinds: however many wait, other lanes are not delayed.

    `handlers`: the handler of each kind.
    `concurrency`: how many messages may have a place at a time, for the work after preparation.
    `ahead`: how many messages may be in hand at a time, including those being prepared.
    `batch`: how many of those may be claimed at a time.
    `close`: called once at the end, to close the handlers' resources.
    `doubtful`: abandoned messages that are under way.
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
        """The running tasks, and how many messages each has in hand."""
        self._places = asyncio.Semaphore(concurrency)
        self._queued: dict[asyncio.Task[Any], Message] = {}
        self._turned_away: list[Message] = []
        self._is_open = True

    @property
    def free(self) -> int:
        """How many more messages may be claimed, if there `is_room`."""
        return min(self.ahead - self._in_hand, self._batch)

    @property
    def is_room(self) -> bool:
        """Whether to claim more: if at most half of `ahead` is in hand, or no more than there are places.

        The cost of a claim is its round trip, not its rows.
        """
        return self._in_hand < self.ahead and self._in_hand <= self._enough

    @property
    def _in_hand(self) -> int:
        return sum(self.under_way.values())

    def let_go(self, task: asyncio.Task[None]) -> bool:
        """Note that a task no longer has messages in hand; return whether that made room."""
        had_room = self.is_room
        self.under_way[task] = 0
        return self.is_room and not had_room

    def admit(self, messages: Sequence[Message]) -> tuple[Sequence[Message], Sequence[Message]]:
        """Return the claimed messages that may start, and the others. An abandoned one waits for a `doubtful` one.

        Any abandoned message may kill this worker, too. They therefore start one group at a time, and a group halves
        with each time its messages were abandoned. In the end the cause kills its worker alone, and is given up alone.
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
        """Prepare messages of one kind together, within `longest` seconds.

        An error of the whole is each message's error, as if each had been alone.
        """
        try:
            async with asyncio.timeout(longest):
                return await self.together[messages[0].kind].prepare_all(messages)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task and task.cancelling():
                raise
            # Cancelled by a scope inside, as from a library that an app's store uses.
            return [RuntimeError("broken off from within")] * len(messages)
        except Exception as error:  # noqa: BLE001 - as above
            return [error] * len(messages)

    @contextlib.asynccontextmanager
    async def place(self, message: Message) -> AsyncIterator[None]:
        """Hold a place for the message, once one is free."""
        task = asyncio.current_task()
        assert task is not None  # all awaiting code runs in a task
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
        """End the wait of queued messages and of those that come later; return the ones turned away until now.

        When called again at the end, with no task left, it lets messages queue again.
        """
        queued, self._queued = self._queued, {}
        for task in queued:
            task.cancel()
        turned_away, self._turned_away = [*self._turned_away, *queued.values()], []
        self._is_open = not self.under_way
        return turned_away
