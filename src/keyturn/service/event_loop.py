"""Runs the event loop of a process, and handles its signals."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from typing import Any

WORKER_TURN = 0.0002
"""Seconds after which a worker's event loop yields to a waiting thread.

The loop renders mails. On SQLite the thread may hold the lock of all writers, and waits for the
interpreter after each statement. The default is 5 ms
(https://docs.python.org/3/library/sys.html#sys.setswitchinterval).
"""


def run(main: Coroutine[Any, Any, None], turn: float | None = None) -> None:
    """Run `main` on an event loop. Ctrl-C ends it without an error.

    `turn`: seconds after which the loop yields to a waiting thread; None for the default.
    """
    if turn:
        sys.setswitchinterval(turn)
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner() as runner:
        runner.run(main)


async def until_signalled(work: Awaitable[None]) -> None:
    """Do `work` until it ends or SIGINT or SIGTERM comes; then cancel it and wait for its end."""
    task = asyncio.ensure_future(work)
    with (
        on_signals((signal.SIGINT, signal.SIGTERM), task.cancel),
        contextlib.suppress(asyncio.CancelledError),
    ):
        await task


@contextlib.contextmanager
def on_signals(numbers: Iterable[signal.Signals], act: Callable[[], object]) -> Iterator[None]:
    """Call `act` on the running loop for each signal within the block.

    Unlike `loop.add_signal_handler`, this works on Windows.
    """
    loop = asyncio.get_running_loop()
    earlier = {
        number: signal.signal(number, lambda *_: loop.call_soon_threadsafe(act))
        for number in numbers
    }
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler or signal.SIG_DFL)


@contextlib.contextmanager
def prompting() -> Iterator[None]:
    """Let Ctrl-C end the block, which waits for the operator's answer.

    The event loop's own handler would act only after the answer.
    """
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, earlier)
