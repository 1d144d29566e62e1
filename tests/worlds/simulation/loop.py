# mypy: disable-error-code="override"
"""An event loop with virtual time, in which a seed decides which process runs next, and when
threads do their work.

Each simulated process has its own queue. Within a process, callbacks run in the order that asyncio
promises; between processes, a seed decides. Time moves only while no process can run, to the next
timer, so an hour costs nothing.

Work for a thread is done in one piece, at a moment that the seed chooses, and its answer arrives at
a later one. In between, its process may be killed: then the work was done, or was never begun, and
the process never knows.
"""

import asyncio
import heapq
import random
import time
from asyncio import Handle, TimerHandle
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context, ContextVar, copy_context
from datetime import datetime
from itertools import count
from random import Random
from typing import Any
from unittest import mock

from tests.driver.programs import rule_over

WORLD = "the world"

PROCESS: ContextVar[str] = ContextVar("process", default=WORLD)
"""The simulated process that runs at this moment; tasks inherit it."""

ThreadWork = Callable[[str, Callable[[], Any]], Any]
"""Does the work of a thread, given the name of its pool."""


class Deadlock(Exception):
    """Nothing can ever run again, and the simulation has not ended."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs callbacks of processes.

    `do`: does a thread's work. `delay`: seconds until it begins, and answers.
    """

    def __init__(self, random: Random, do: ThreadWork, delay: Callable[[str], float]) -> None:
        super().__init__()
        self._random = random
        self._do = do
        self._delay = delay
        self._time = 0.0
        self._numbers = count()
        self._queues: dict[str, deque[Handle]] = {}
        self._frozen: dict[str, float] = {}
        self._dead: set[str] = set()
        self._timers: list[tuple[float, int, TimerHandle]] = []
        self._graveyard: list[object] = []
        self._counted: dict[str, tuple[int, Callable[[], object]]] = {}

    def time(self) -> float:
        return self._time

    def begin_at(self, moment: float) -> None:
        self._time = moment

    # What asyncio calls

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Handle:
        handle = Handle(callback, args, self, copy_context() if context is None else context)
        self._enqueue(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> TimerHandle:
        return self.call_at(self._time + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> TimerHandle:
        timer = TimerHandle(
            when, callback, args, self, copy_context() if context is None else context
        )
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def _timer_handle_cancelled(self, timer: TimerHandle) -> None:
        """Do nothing: a cancelled timer is dropped at its time."""

    def run_in_executor(
        self, executor: Executor | None, func: Any, *args: Any
    ) -> asyncio.Future[Any]:
        """Do the work inline at a later moment, and give its answer at one after that."""
        answer: asyncio.Future[Any] = self.create_future()
        pool = str(getattr(executor, "_thread_name_prefix", ""))

        def give(result: Any, error: Exception | None) -> None:
            if not answer.done():
                if error:
                    answer.set_exception(error)
                else:
                    answer.set_result(result)

        def work() -> None:
            if answer.cancelled() and self._random.random() < 0.5:
                return  # the pool had not begun it
            try:
                result, error = self._do(pool, lambda: func(*args)), None
            except Exception as failure:  # noqa: BLE001 - the caller gets whatever it is
                result, error = None, failure
            self.call_later(self._delay(pool), give, result, error)

        self.call_later(self._delay(pool), work)
        return answer

    # What the world does to processes

    def kill(self, process: str) -> None:
        """End a process as SIGKILL does.

        Its coroutines are kept: Python would run their `finally` to free them.
        """
        self._dead.add(process)
        self._graveyard += self._queues.pop(process, ())
        self._graveyard += [timer for _, _, timer in self._timers if _process_of(timer) == process]

    def freeze(self, process: str, seconds: float) -> None:
        """Stop a process for that long, as SIGSTOP or a busy machine does.

        Its threads stop, too.
        """
        self._frozen[process] = max(self._frozen.get(process, 0), self._time + seconds)

    def after_steps(self, process: str, steps: int, call: Callable[[], object]) -> None:
        self._counted[process] = (steps, call)

    def keep(self, *objects: object) -> None:
        self._graveyard += objects

    # The loop itself

    def run_until(self, done: asyncio.Future[Any]) -> Any:
        """Run until the future is done, and return its result.

        Raises Deadlock if it never can be.
        """
        asyncio._set_running_loop(self)
        try:
            while not done.done():
                self._step()
        finally:
            asyncio._set_running_loop(None)
        return done.result()

    def _step(self) -> None:
        self._release_timers()
        ready = [process for process in self._queues if self._frozen.get(process, 0) <= self._time]
        if not ready:
            self._skip_time()
            return
        process = ready[0] if len(ready) == 1 else self._random.choice(ready)
        queue = self._queues[process]
        handle = queue.popleft()
        if not queue:
            del self._queues[process]
        if not handle.cancelled():
            handle._run()
        if process in self._counted:
            steps, call = self._counted[process]
            self._counted[process] = (steps - 1, call)
            if steps <= 0:
                del self._counted[process]
                call()

    def _release_timers(self) -> None:
        while self._timers and self._timers[0][0] <= self._time:
            _, _, timer = heapq.heappop(self._timers)
            if not timer.cancelled():
                self._enqueue(timer)

    def _skip_time(self) -> None:
        """Move the time to the next timer, or to the end of the next stop of a process that could
        run.
        """
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        ends = [self._frozen[process] for process in self._queues]
        if self._timers:
            ends.append(self._timers[0][0])
        if not ends:
            raise Deadlock
        self._time = max(self._time, min(ends))

    def _enqueue(self, handle: Handle) -> None:
        process = _process_of(handle)
        if process in self._dead:
            self._graveyard.append(handle)
        else:
            self._queues.setdefault(process, deque()).append(handle)


def _process_of(handle: Handle) -> str:
    context: Context = handle._context  # type: ignore[attr-defined]
    return context.get(PROCESS, WORLD)


# The time and the random bytes of a world, at the port that the service takes them from, and its
# story

EPOCH = 1_800_000_000.0
"""The Unix time at which a world begins."""


class Story:
    """What happened in a world, in lines.

    `clock`: returns the virtual time in seconds since its beginning.
    """

    def __init__(self, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.clock = clock
        self.lines: list[str] = []
        self.broken: list[str] = []

    def tell(self, line: str) -> None:
        minutes, seconds = divmod(self.clock(), 60)
        self.lines.append(f"{int(minutes):4}:{seconds:06.3f}  {line}")

    def break_promise(self, promise: str, line: str) -> None:
        self.broken.append(f"{promise}: {line}")
        self.tell(f"BROKEN  {promise}: {line}")


class Nature:
    """The clock of the machine, which all processes share and which may jump, and its random
    bytes.
    """

    def __init__(self, loop: SimulatedLoop, random: Random) -> None:
        self._loop = loop
        self.random_bytes = random.randbytes
        self._random = random
        self._jumps = [(loop.time(), EPOCH - loop.time())]

    def unix(self) -> float:
        return self._loop.time() + self._jumps[-1][1]

    def monotonic(self) -> float:
        return self._loop.time()

    def jump(self, seconds: float) -> None:
        """Set the machine's clock forward, or back; timers and `monotonic` do not see it."""
        self._jumps.append((self._loop.time(), self._jumps[-1][1] + seconds))

    def _shown(self, end: float) -> "list[tuple[float, float, float]]":
        """Return since when and until when the clock had each offset from `monotonic`."""
        ends = [*(moment for moment, _ in self._jumps[1:]), end]
        return [
            (since, until, offset) for (since, offset), until in zip(self._jumps, ends, strict=True)
        ]

    def latest(self, begin: float, end: float) -> float:
        """Return the latest time that the machine's clock showed between two moments of
        `monotonic`.
        """
        return max(
            min(until, end) + offset
            for since, until, offset in self._shown(end)
            if since <= end and until >= begin
        )

    def longest(self, begin: datetime, end: datetime) -> float:
        """Return the longest time that can have passed between two times of the machine's clock,
        each shown or not.
        """
        begun, ended = (
            [
                shown.timestamp() - offset
                for since, until, offset in self._shown(self._loop.time())
                if since <= shown.timestamp() - offset <= until
            ]
            for shown in (begin, end)
        )
        return max(ended) - min(begun) if begun and ended else 0.0

    def rule(self) -> None:
        """Give this Python process the time and the randomness of the world, until it ends."""
        random.seed(self._random.random())
        rule_over(self, self.random_bytes)
        mock.patch.object(time, "time", self.unix).start()
