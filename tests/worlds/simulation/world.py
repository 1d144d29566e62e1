"""One simulated world: processes, a disk, providers and users, all decided by a seed."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from itertools import count
from pathlib import Path
from random import Random
from typing import ClassVar

import msgspec
from tests.driver.journal import FILE
from tests.driver.store_faults import spoil
from tests.worlds.simulation.disk import Disk
from tests.worlds.simulation.elsewhere import OtherSystem
from tests.worlds.simulation.loop import PROCESS, SimulatedLoop
from tests.worlds.simulation.nature import Nature, Story
from tests.worlds.simulation.provider import Accepted, Provider
from tests.worlds.simulation.requests import Answer, ConnectionLost, Request, exchange
from tests.worlds.simulation.weather import API, WORKER, Weather

from keyturn.testing import RunningService

BEGINS = 1_000_000_000.0
"""The monotonic time at which a world begins: long after its programs were warmed."""

Programs = Mapping[str, Sequence[RunningService]]
"""Programs that are stopped, by their kind: a world may start each once."""


class Process:
    """A running program. `connections`: of clients that wait for its answers."""

    def __init__(self, name: str, kind: str, program: RunningService) -> None:
        self.name, self.kind, self.program = name, kind, program
        self.context = copy_context()
        self.context.run(PROCESS.set, name)
        self.connections: set[asyncio.Future[Answer]] = set()
        self.work: asyncio.Task[None] | None = None
        self.requests = count(1)


class World:
    """A machine with one API server and two workers, on which a seed decides everything.

    `other`: the system that has the accounts, if it is not Keyturn. `hides_clients`: a proxy shows the API another
    address with each request.
    """

    hides_clients: ClassVar[bool] = False

    def __init__(self, seed: int, programs: Programs, providers: Sequence[Provider], other: OtherSystem | None) -> None:
        self.seed = seed
        self.story = Story(lambda: self.loop.time() - BEGINS)
        self.disk = Disk.now = Disk(self.random("disk"), self.story)
        self.loop = SimulatedLoop(self.random("order"), self.disk.do, self.disk.delay)
        self.loop.begin_at(BEGINS)
        self.nature = Nature(self.loop, self.random("bytes"))
        self.providers, self.other = providers, other
        for provider in providers:
            provider.begin(self.random(provider.name), self.story, self.nature, self._deliver)
        if other:
            other.begin(self.random("other"), self.story)
        self.readers: list[Callable[[Accepted], None]] = []
        self.processes: dict[str, Process] = {}
        self._starts = count(1)
        self._programs = {kind: deque(some) for kind, some in programs.items()}
        self._random = self.random("world")
        self.weather = Weather(self, self.random("weather"))

    def random(self, what: str) -> Random:
        """Return the random numbers of one part, so that a change of one part leaves the others as they were."""
        return Random(f"{self.seed} {what}")

    def prepare(self, template: bytes, fault: str) -> None:
        """Write the database into the working directory, with its fault, and take over time and randomness."""
        Path(FILE).write_bytes(template)
        if fault:
            spoil(Path(FILE), fault)
        self.nature.rule()

    # Processes

    def has_another(self, kind: str) -> bool:
        """Return whether a program is left for another process of that kind."""
        return bool(self._programs[kind])

    def start(self, kind: str) -> None:
        process = Process(f"{kind}-{next(self._starts)}", kind, self._programs[kind].popleft())
        self.processes[process.name] = process
        self.story.tell(f"{process.name} starts")
        if kind == WORKER:
            process.work = self.loop.create_task(process.program.parts.work(), context=process.context)
            process.work.add_done_callback(lambda work: self._end(process, work))

    def _end(self, process: Process, work: "asyncio.Task[None]") -> None:
        """Note how a worker ended by itself."""
        if not work.cancelled() and (error := work.exception()):
            kind = type(error).__name__
            self.story.break_promise("a worker survives every fault", f"{process.name} ended with {kind}")
        self.story.tell(f"{process.name} has ended")
        self._forget(process)

    def kill(self, process: Process) -> None:
        """End a process between two of its steps, as SIGKILL does."""
        self.story.tell(f"{process.name} is killed")
        self.loop.kill(process.name)
        self.loop.keep(process, process.work)
        self._forget(process)

    async def kill_within(self, process: Process, steps: int) -> None:
        """Kill a process after so many of its next steps, or after a minute."""
        dead: asyncio.Future[None] = self.loop.create_future()

        def die() -> None:
            if process.name in self.processes:
                self.kill(process)
            if not dead.done():
                dead.set_result(None)

        self.loop.after_steps(process.name, steps, die)
        await asyncio.wait({dead}, timeout=60)
        die()

    async def stop(self, process: Process) -> None:
        """Stop a worker as SIGTERM does, and kill it if that takes longer than a minute and a half."""
        assert process.work
        self.story.tell(f"{process.name} is told to stop")
        process.work.cancel()
        await asyncio.wait({process.work}, timeout=90)
        if process.name in self.processes:
            self.kill(process)

    def _forget(self, process: Process) -> None:
        self.processes.pop(process.name, None)
        for connection in process.connections:
            if not connection.done():
                connection.set_exception(ConnectionLost())

    def of(self, kind: str) -> list[Process]:
        return [one for one in self.processes.values() if one.kind == kind]

    # The network

    @property
    def server(self) -> str:
        """The name of the API server that runs, or "" between two."""
        return next((one.name for one in self.of(API)), "")

    async def request(self, request: Request, *, loses_answer: bool = False) -> Answer:
        """Send a request to the API server. Raises ConnectionLost if none runs, or if the answer does not arrive."""
        await asyncio.sleep(self._random.uniform(0.001, 0.05))
        servers = self.of(API)
        if not servers:
            raise ConnectionLost
        process = servers[0]
        if self.hides_clients:
            number = next(process.requests)
            request = msgspec.structs.replace(request, ip_address=f"100.64.{number // 250}.{1 + number % 250}")
        connection: asyncio.Future[Answer] = self.loop.create_future()
        process.connections.add(connection)
        task = self.loop.create_task(exchange(process.program.app, request), context=process.context.copy())

        def finish(done: "asyncio.Task[Answer]") -> None:
            if connection.done() or done.cancelled():
                return
            if error := done.exception():
                connection.set_exception(error)
            else:
                connection.set_result(done.result())

        task.add_done_callback(finish)
        try:
            answer = await connection
        finally:
            process.connections.discard(connection)
        await asyncio.sleep(self._random.uniform(0.001, 0.05))
        if loses_answer:
            raise ConnectionLost
        return answer

    def _deliver(self, mail: Accepted) -> None:
        for read in self.readers:
            read(mail)
