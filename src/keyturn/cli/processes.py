"""Several processes of `serve` on one socket: starts them, replaces them on SIGHUP, and ends them.

An old process ends after a new one answers, and only once it has answered what has arrived, so no request is lost. New
processes read the settings and the code anew.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from keyturn.child_worker.restarts import Restarts
from keyturn.errors import KeyturnError
from keyturn.event_loop import on_signals
from keyturn.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.server")

READY = b"ready\n"
"""What a process writes to its standard output as soon as it answers. A process of another version may wait for it."""

LONGEST_LINGER = 60
"""Seconds for the open requests of a process that is replaced. Its idle connections end after five."""

_COUNTS = "PROMETHEUS_MULTIPROC_DIR"
"""The variable of prometheus_client for the folder. Counts of ended processes stay there, or totals would fall."""

_LONGEST_START = 60
"""Seconds in which a process has to answer."""


class NotStarted(KeyturnError):
    """A process ended, or was ended, before it answered. Its standard error has the reason."""


class Processes:
    """Keeps `count` processes that serve `bound`.

    `command`: returns the words that start the process with this number; the first is 0. It inherits the socket, and
    ends when its standard input ends. `longest_end`: seconds that it may take for that.
    """

    def __init__(
        self, command: Callable[[int], Sequence[str]], bound: socket.socket, count: int, longest_end: float
    ) -> None:
        self._command = command
        self._bound = bound
        self._longest_end = longest_end
        self._places: list[Process | None] = [None] * count
        self._restarts = [Restarts() for _ in range(count)]
        self._alive: set[Process] = set()
        self._tasks = asyncio.TaskGroup()
        self._changing = asyncio.Lock()

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until cancelled; replace all processes at each SIGHUP. `ready` is called once all of them answer.

        Raises NotStarted if one does not start at the beginning.
        """
        asked = asyncio.Event()
        shared = _shared_counts() if len(self._places) > 1 else contextlib.nullcontext()
        with shared, on_signals([signal.SIGHUP], asked.set):
            refused = None
            async with self._tasks:
                try:
                    await self._serve(asked, ready)
                except NotStarted as error:  # which a group of tasks would wrap
                    refused = error
                finally:
                    await self._end_all()
            if refused:
                raise refused

    async def _serve(self, asked: asyncio.Event, ready: Callable[[], None]) -> None:
        for place in range(len(self._places)):
            await self._fill(place)
        ready()
        while await asked.wait():
            asked.clear()
            async with self._changing:
                await self._replace_all()

    async def _replace_all(self) -> None:
        for place, old in enumerate(self._places):
            try:
                await self._fill(place)
            except NotStarted as error:
                log.error(LogEvent("server.not_replaced", error=str(error), replaced=place))
                return
            if old and old.stdin:
                old.stdin.close()
                self._tasks.create_task(self._end(old))
        log.info(LogEvent("server.replaced", processes=len(self._places)))

    async def _fill(self, place: int) -> None:
        """Start a process, and put it into its place once it answers. Raises NotStarted."""
        try:
            if shared := os.environ.get(_COUNTS):  # which something that cleans /tmp may have removed
                Path(shared).mkdir(0o700, exist_ok=True)  # noqa: ASYNC240 - nobody waits for this process
            process = await asyncio.create_subprocess_exec(
                *self._command(place),
                stdin=PIPE,
                stdout=PIPE,
                pass_fds=[self._bound.fileno()],
                start_new_session=True,  # Ctrl-C reaches only this process, which ends the others
            )
        except OSError as error:  # the machine is full, or an upgrade is replacing the files
            raise NotStarted(f"process {place + 1} cannot be started ({error.strerror})") from error
        self._alive.add(process)
        assert process.stdout
        said = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_START):
                said = await process.stdout.readline()
        if said != READY:
            code = await self._kill(process)
            raise NotStarted(f"process {place + 1} ended with {code} before it answered")
        self._places[place] = process
        self._tasks.create_task(self._watch(place, process))

    async def _watch(self, place: int, process: Process) -> None:
        """Start another process if this one ends although nobody told it to."""
        begun = monotonic()
        code = await process.wait()
        self._alive.discard(process)
        lived = monotonic() - begun
        while self._places[place] is process:
            pause = self._restarts[place].pause(lived)
            lived = 0
            log.error(LogEvent("server.ended", pid=process.pid, code=code, pause_s=pause))
            await asyncio.sleep(pause)
            async with self._changing:
                if self._places[place] is process:
                    with contextlib.suppress(NotStarted):
                        await self._fill(place)

    async def _end_all(self) -> None:
        self._places = [None] * len(self._places)  # so that none is started again
        ending = list(self._alive)
        for process in ending:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        await asyncio.gather(*(self._end(process) for process in ending))

    async def _end(self, process: Process) -> None:
        """Wait for a process that was told to end; kill it after its time."""
        try:
            async with asyncio.timeout(self._longest_end):
                await process.wait()
        except TimeoutError:
            await self._kill(process)
        self._alive.discard(process)

    async def _kill(self, process: Process) -> int:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        self._alive.discard(process)
        return await process.wait()


@contextlib.contextmanager
def _shared_counts() -> Iterator[None]:
    """Let the processes add up their counts, so that each one's /metrics answers for all.

    https://prometheus.github.io/client_python/multiprocess/
    """
    with TemporaryDirectory(prefix="keyturn-counts-") as folder:
        os.environ[_COUNTS] = folder
        yield
