"""Runs the worker as a child process, and restarts it when it ends.

In the process that answers requests, the worker's load would delay the answers.
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

from keyturn.service.child_worker.process import (
    DeliveryMeasured,
    MessagesCounted,
    Orders,
    WorkerReport,
    WorkerStarted,
)
from keyturn.service.container import Container
from keyturn.service.settings import LONGEST_TRY
from keyturn.service.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.worker")

_TOLD_TO_END = (0, -signal.SIGTERM)
"""Exit codes of a worker that got SIGTERM. Stopping an app may send it to all processes of its
group or unit at once.
"""

_LONGEST_START = 30
"""Seconds after which a worker that has not started counts as down."""

_PAUSES = (0.5, 1, 2, 5, 10, 30)
"""Seconds before each restart of a worker that ends by itself; the last pause repeats."""

_STEADY = 60
"""Seconds of work after which the next failure counts as the first."""

_LONGEST_END = LONGEST_TRY.total_seconds() + 5
"""Seconds that a worker gets at its end to deliver the messages that it holds."""


class Supervisor:
    """Keeps a worker running from `start` to `stop`, with the settings of this process."""

    def __init__(self, container: Container) -> None:
        self._container = container
        # If the settings have no key, the worker gets the random one of this process.
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
        """End the worker once it has delivered its messages, or kill it after `_LONGEST_END`."""
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
            # Whatever it raises, or the machine lacks: another worker follows.
            except Exception as error:  # noqa: BLE001
                code = f"{type(error).__name__}: {error}"
            self._container.worker_is_down = True
            if monotonic() - begun > _STEADY:
                failures = 0
            failures += 1
            pause = _PAUSES[min(failures, len(_PAUSES)) - 1]
            level = logging.INFO if code in _TOLD_TO_END else logging.ERROR
            log.log(level, LogEvent("worker.ended", code=str(code), pause_s=pause))
            await asyncio.sleep(pause)

    async def _run_one(self) -> int:
        """Run a worker until it ends, and return its exit code; a cancellation ends it."""
        # -P: Python must not import files of the current folder in place of libraries.
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
        """Tell the worker when messages were committed.

        Otherwise it would notice them only at its next poll.
        """
        while True:
            await self._container.outbox.woken.wait()
            # A worker that does not read has a line to read already, so the buffer cannot grow.
            if not orders.transport.get_write_buffer_size():
                orders.write(b"\n")

    async def _read_reports(self, process: Process) -> None:
        assert process.stdout
        meters = self._container.meters
        decoder = msgspec.json.Decoder(WorkerReport)
        async for line in process.stdout:
            match decoder.decode(line):
                case WorkerStarted():
                    self._works = True
                    self._container.worker_is_down = False
                    log.info(LogEvent("worker.started", pid=process.pid))
                case MessagesCounted(kind, outcome, count):
                    meters.message(kind, outcome, count)
                case DeliveryMeasured(kind, seconds):
                    meters.delivery(kind, seconds)

    async def _end(self, process: Process, orders: asyncio.StreamWriter) -> None:
        """End the worker: at once if it has not started yet, else once it has delivered its
        messages.
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
