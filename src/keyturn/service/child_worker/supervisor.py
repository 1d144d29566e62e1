"""Runs a worker beside a process that answers, and again if it ends: in one process, its work would
show in answers.
"""

import asyncio
import contextlib
import logging
import signal
import sys
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from time import monotonic

import msgspec

from keyturn.service.child_worker.process import WORKING, Orders
from keyturn.service.container import Container
from keyturn.service.settings import LONGEST_TRY
from keyturn.service.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.worker")

_TOLD_TO_END = (0, -signal.SIGTERM)
"""Exit codes of a worker that got SIGTERM: stopping an app may send it to the whole group or unit
at once.
"""

_LONGEST_START = 30
"""Seconds after which a worker that has not started counts as down."""

_PAUSES = (0.5, 1, 2, 5, 10, 30)
"""Seconds before each further start of a worker that ends by itself; the last one repeats."""

_STEADY = 60
"""Seconds after which a failure counts as the first again."""

_LONGEST_END = LONGEST_TRY.total_seconds() + 5
"""Seconds that a worker gets to deliver the messages that it holds."""


class Supervisor:
    """Starts the worker at `start`, with the settings of `container`: those of the process that
    answers.
    """

    def __init__(self, container: Container) -> None:
        self._container = container
        # If no key is set, this process's own.
        settings = msgspec.structs.replace(container.settings, secret_key=container.keys[0])
        self._orders = Orders(
            settings=settings, reload_templates=container.reloads_templates, path=sys.path
        )
        self._works = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the worker and return at once: no request waits for it."""
        self._task = asyncio.create_task(self._keep_one())

    async def stop(self) -> None:
        """End the worker once it has delivered what it holds, or kill it after `_LONGEST_END`."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep_one(self) -> None:
        failures = 0
        while True:
            begun = monotonic()
            try:
                code: int | str = await self._run_one()
            except Exception as error:  # noqa: BLE001 - whatever it raises, or the machine lacks: another follows
                code = f"{type(error).__name__}: {error}"
            self._container.worker_is_down = True
            failures = 1 if monotonic() - begun > _STEADY else failures + 1
            pause = _PAUSES[min(failures, len(_PAUSES)) - 1]
            level = logging.INFO if code in _TOLD_TO_END else logging.ERROR
            log.log(level, LogEvent("worker.ended", code=str(code), pause_s=pause))
            await asyncio.sleep(pause)

    async def _run_one(self) -> int:
        """Run a worker until it ends, and return its exit code; a cancellation ends it."""
        # -P: files in the current folder are not imported as libraries.
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "keyturn.service.child_worker.process",
            stdin=PIPE,
            stdout=PIPE,
        )
        assert process.stdin
        self._works = False
        process.stdin.write(self._orders.line())
        waking = asyncio.create_task(self._wake(process.stdin))
        late = asyncio.get_running_loop().call_later(_LONGEST_START, self._miss)
        try:
            await self._read_reports(process)
            return await process.wait()
        finally:
            waking.cancel()
            late.cancel()
            await self._end(process, process.stdin)

    def _miss(self) -> None:
        if not self._works:
            self._container.worker_is_down = True
            log.error(LogEvent("worker.late", seconds=_LONGEST_START))

    async def _wake(self, orders: asyncio.StreamWriter) -> None:
        """Tell the worker of each commit.

        On SQLite it would otherwise notice only at its next poll.
        """
        while True:
            await self._container.outbox.woken.wait()
            if (
                not orders.transport.get_write_buffer_size()
            ):  # a worker that does not read already has a line to read
                orders.write(b"\n")

    async def _read_reports(self, process: Process) -> None:
        assert process.stdout
        async for line in process.stdout:
            word, *values = msgspec.json.decode(line)
            if word == WORKING:
                self._works, self._container.worker_is_down = True, False
                log.info(LogEvent("worker.started", pid=process.pid))
            else:
                getattr(self._container.meters, word)(*values)

    async def _end(self, process: Process, orders: asyncio.StreamWriter) -> None:
        """End the worker: at once if it has not started yet, otherwise after it has delivered what
        it holds.
        """
        orders.close()
        patience = _LONGEST_END if self._works else 0
        try:
            async with asyncio.timeout(patience):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


@contextlib.contextmanager
def supervised(container: Container) -> Iterator[None]:
    """Keep a worker while the block runs, in a process whose main thread has no event loop."""
    ended = asyncio.Event()

    async def keep() -> None:
        supervisor = Supervisor(container)
        supervisor.start()
        await ended.wait()
        await supervisor.stop()
        await container.close()

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        thread = threading.Thread(target=runner.run, args=[keep()], name="supervisor")
        thread.start()
        try:
            yield
        finally:
            loop.call_soon_threadsafe(ended.set)
            thread.join()
