"""One simulated world: processes, a disk, providers, users and all that goes wrong, decided by a
seed.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import msgspec
from litestar.types import ASGIApp
from tests.driver.journal import FILE
from tests.driver.store_faults import spoil
from tests.worlds.simulation.disk import SOUND, Disk, Faults
from tests.worlds.simulation.elsewhere import OtherSystem
from tests.worlds.simulation.loop import PROCESS, Nature, SimulatedLoop, Story
from tests.worlds.simulation.provider import CALM, Accepted, Moods, Provider

from keyturn.testing import RunningService

BEGINS = 1_000_000_000.0
"""The monotonic time at which a world begins: long after its programs were warmed."""

Programs = Mapping[str, Sequence[RunningService]]
"""Programs that are stopped, by their kind: a world may start each once."""

API, WORKER = "api", "worker"

STORM = 360.0
"""Seconds after which all faults end, so that what was promised can be kept."""

THROTTLED = 150.0
"""Seconds for which the disk is slow for one worker."""


# A client's side of HTTP


class ConnectionLost(Exception):
    """The API's process ended, or the answer was lost on its way: the client does not know what
    happened.
    """


class Answer(msgspec.Struct, frozen=True):
    """An answer of the API.

    `headers`: names in lower case, without cookies. `cookies`: as they were set.
    """

    status: int
    headers: dict[str, str]
    cookies: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = msgspec.json.decode(self.body) if self.body else {}
        return document


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request of a client at an IP address.

    `agent` is unique, so that its traces are found in the database.
    """

    path: str
    fields: dict[str, Any]
    ip_address: str
    agent: str
    cookies: dict[str, str] = {}
    method: str = "POST"
    headers: dict[str, str] = {}
    raw: bytes = b""


async def exchange(app: ASGIApp, request: Request) -> Answer:
    """Answer a request in the process that runs this."""
    sent = request.raw or msgspec.json.encode(request.fields)
    headers = {
        "host": "127.0.0.1:8000",
        "user-agent": request.agent,
        "content-type": "application/json",
        "content-length": str(len(sent)),
        **request.headers,
    }
    if request.cookies:
        headers["cookie"] = "; ".join(f"{name}={value}" for name, value in request.cookies.items())
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": (request.ip_address, 40_000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    parts: list[Any] = [{"type": "http.request", "body": sent, "more_body": False}]
    answers: list[Any] = []

    async def receive() -> Any:
        if parts:
            return parts.pop()
        await asyncio.get_running_loop().create_future()  # the client stays connected
        raise AssertionError

    async def send(message: Any) -> None:
        answers.append(message)

    await app(scope, receive, send)
    start, *bodies = answers
    plain = [(name.decode().lower(), value.decode()) for name, value in start["headers"]]
    cookies = dict(
        value.split(";")[0].split("=", 1) for name, value in plain if name == "set-cookie"
    )
    plain = [one for one in plain if one[0] != "set-cookie"]
    return Answer(
        start["status"], dict(plain), cookies, b"".join(one.get("body", b"") for one in bodies)
    )


# A machine


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

    `other`: the system that has the accounts, if it is not Keyturn. `hides_clients`: a proxy shows
    the API another address with each request.
    """

    hides_clients: ClassVar[bool] = False

    def __init__(
        self,
        seed: int,
        programs: Programs,
        providers: Sequence[Provider],
        other: OtherSystem | None,
    ) -> None:
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
        """Return the random numbers of one part, so that a change of one part leaves the others as
        they were.
        """
        return Random(f"{self.seed} {what}")

    def prepare(self, template: bytes, fault: str) -> None:
        """Write the database into the working directory, with its fault, and take over time and
        randomness.
        """
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
            process.work = self.loop.create_task(
                process.program.container.work(), context=process.context
            )
            process.work.add_done_callback(lambda work: self._end(process, work))

    def _end(self, process: Process, work: "asyncio.Task[None]") -> None:
        """Note how a worker ended by itself."""
        if not work.cancelled() and (error := work.exception()):
            kind = type(error).__name__
            self.story.break_promise(
                "a worker survives every fault", f"{process.name} ended with {kind}"
            )
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
        """Stop a worker as SIGTERM does, and kill it if that takes longer than
        a minute and a half.
        """
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
        """Send a request to the API server.

        Raises ConnectionLost if none runs, or if the answer does not arrive.
        """
        await asyncio.sleep(self._random.uniform(0.001, 0.05))
        servers = self.of(API)
        if not servers:
            raise ConnectionLost
        process = servers[0]
        if self.hides_clients:
            number = next(process.requests)
            request = msgspec.structs.replace(
                request, ip_address=f"100.64.{number // 250}.{1 + number % 250}"
            )
        connection: asyncio.Future[Answer] = self.loop.create_future()
        process.connections.add(connection)
        task = self.loop.create_task(
            exchange(process.program.app, request), context=process.context.copy()
        )

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


# What goes wrong


class Weather:
    """Draws the faults of a world, and lets them happen.

    `lost_answers`: the share of answers that clients lose.

    `is_steady`: whether no lease can run out but by the fault of its process: the disk is sound,
    and no clock jumps.
    `frozen`: the processes that were frozen.
    """

    def __init__(self, world: "World", random: Random) -> None:
        self._world = world
        self._random = random
        self.lost_answers = random.choice((0.0, 0.02, 0.1))
        self._has_killed = False
        self._kills = random.choice((1, 1, 2, 3))
        self.is_steady = True
        self.frozen: set[str] = set()

    async def blow(self) -> None:
        """Let everything happen until the storm ends; then let all processes run, and all faults
        end.
        """
        self._spoil_providers()
        self._world.disk.faults = self._disk_faults()
        self.is_steady = self._world.disk.faults == SOUND
        if self._world.other:
            self._world.other.trouble = self._random.choice((0.0, 0.1, 0.4))
        events = [self._end_process] * self._kills + [self._freeze] * self._random.choice(
            (0, 1, 1, 2)
        )
        events += [self._jump] * self._random.choice((0, 0, 1, 2))
        events += [self._fail_provider] * self._random.choice((0, 0, 1))
        if (
            self._world.seed % 10 == 5
        ):  # the disk is slow for one worker, as under a limit of its cgroup
            self.is_steady = False
            asyncio.get_running_loop().create_task(self._throttle(self._world.random("throttle")))
        moments = sorted(self._random.uniform(5, STORM) for _ in events)
        self._random.shuffle(events)
        begun = asyncio.get_running_loop().time()
        for moment, event in zip(moments, events, strict=True):
            await asyncio.sleep(max(begun + moment - asyncio.get_running_loop().time(), 0))
            await event()
        await asyncio.sleep(max(begun + STORM - asyncio.get_running_loop().time(), 0))
        self._world.story.tell("the storm is over")
        self.lost_answers = 0
        self._world.disk.faults = SOUND
        if self._world.other:
            self._world.other.trouble = 0
        for provider in self._world.providers:
            provider.moods, provider.is_down = CALM, False

    def _spoil_providers(self) -> None:
        for provider in self._world.providers:
            chosen = self._random.sample(Moods.__struct_fields__, self._random.choice((0, 1, 2, 3)))
            provider.moods = Moods(
                **{mood: self._random.choice((0.03, 0.1, 0.2)) for mood in chosen}
            )

    def _disk_faults(self) -> Faults:
        chosen = self._random.sample(Faults.__struct_fields__, self._random.choice((0, 1, 2, 3)))
        return Faults(**{fault: self._random.choice((0.005, 0.02, 0.05)) for fault in chosen})

    async def _end_process(self) -> None:
        """Kill a process between two of its next steps, or stop it as SIGTERM does; start another a
        moment later.
        """
        kind = self._random.choice((API, WORKER, WORKER))
        processes = self._world.of(kind)
        if not processes or not self._world.has_another(kind):
            return
        process = self._random.choice(processes)
        if kind == WORKER and self._has_killed and self._random.random() < 0.3:
            await self._world.stop(process)
        else:
            self._has_killed = True
            await self._world.kill_within(process, self._random.choice((0, 3, 30, 120)))
        await asyncio.sleep(self._random.uniform(0.5, 5))
        self._world.start(kind)

    async def _freeze(self) -> None:
        processes = self._world.of(API) + self._world.of(WORKER) * 2
        if processes:
            process, seconds = (
                self._random.choice(processes),
                self._random.choice((3.0, 14.0, 20.0, 61.0, 90.0)),
            )
            self._world.story.tell(f"{process.name} is frozen for {seconds:.0f} seconds")
            self._world.loop.freeze(process.name, seconds)
            self.frozen.add(process.name)

    async def _throttle(self, random: Random) -> None:
        """Slow down the writes of a worker for some minutes, so that its leases run out while it
        holds messages.
        """
        await asyncio.sleep(random.uniform(5, STORM / 2))
        if workers := self._world.of(WORKER):
            worker = random.choice(workers)
            self._world.disk.throttled = worker.name
            self._world.story.tell(f"the disk is slow for {worker.name}")
            ends = asyncio.get_running_loop().time() + THROTTLED
            while asyncio.get_running_loop().time() < ends:
                await asyncio.sleep(random.uniform(0.2, 2))
                # as each request does to a worker in its own process
                worker.program.container.outbox.wake()
            self._world.disk.throttled = ""

    async def _jump(self) -> None:
        seconds = self._random.choice((-3600.0, -400.0, -70.0, -20.0, 20.0, 70.0, 400.0, 3600.0))
        self._world.story.tell(f"the clock jumps by {seconds:.0f} seconds")
        self._world.nature.jump(seconds)
        self.is_steady = False

    async def _fail_provider(self) -> None:
        provider = self._random.choice(self._world.providers)
        self._world.story.tell(f"{provider.name} fails for all clients")
        provider.is_down = True
