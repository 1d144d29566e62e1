"""Runs worlds, each in a process of its own, forked off from one that has everything built and warmed."""

import asyncio
import gc
import logging
import os
import resource
import select
import shutil
import signal
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

import msgspec
from tests.driver.journal import make_template, waiting
from tests.worlds.simulation.ablations import NONE, Ablation
from tests.worlds.simulation.disk import Disk
from tests.worlds.simulation.elsewhere import Line, OtherSystem
from tests.worlds.simulation.machine import API, WORKER
from tests.worlds.simulation.promises import check
from tests.worlds.simulation.races import Races, has_races
from tests.worlds.simulation.story import Story
from tests.worlds.simulation.users import Users
from tests.worlds.simulation.warming import Workshop
from tests.worlds.simulation.world import World, is_elsewhere

from keyturn import AccountStore, Sender

APIS, WORKERS = 3, 5
APIS_ELSEWHERE, WORKERS_ELSEWHERE = 2, 4
"""Programs of each kind: how often a world may start one."""

_MEMORY = Path("/dev") / "shm"
"""Where files are in memory, on Linux."""

_SECONDS = 60
"""Seconds of processor time after which a world counts as stuck; most need one."""

_LONGEST_CALM = 6 * 3600.0
"""Seconds of virtual time after the storm in which all that waits must have been settled."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a world ended.

    `story`: its lines. `broken`: the promises that it broke, with what happened. `counts`: what happened how often.
    """

    seed: int
    story: list[str]
    broken: list[str]
    counts: dict[str, int] = {}


class Runner:
    """Builds all programs, in a folder of its own, and runs worlds."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(dir=_MEMORY if _MEMORY.is_dir() else None))
        os.chdir(self._folder)
        for name in ("keyturn", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._template = make_template(self._folder)
        Disk.install()
        self._senders: dict[str, Sender] = {}
        self._other: AccountStore = OtherSystem(Random(0), Story())
        workshop = Workshop(self._template, self._senders)
        self._programs = workshop.build(APIS, WORKERS)
        self._elsewhere = workshop.build(APIS_ELSEWHERE, WORKERS_ELSEWHERE, Line(lambda: self._other))
        gc.collect()
        gc.freeze()
        gc.disable()

    def close(self) -> None:
        os.chdir("/")
        shutil.rmtree(self._folder)

    def run(self, seeds: Iterable[int], jobs: int, without: Ablation = NONE) -> Iterator[Outcome]:
        """Yield the outcomes of worlds as they end, several at a time. `without`: a safeguard that they do not have."""
        waiting, running = iter(seeds), dict[int, "_Child"]()
        while True:
            while len(running) < jobs and (seed := next(waiting, None)) is not None:
                child = self._fork(seed, without)
                running[child.pipe] = child
            if not running:
                return
            ready, _, _ = select.select(list(running), [], [])
            for pipe in ready:
                if running[pipe].read():
                    yield running.pop(pipe).outcome()

    def _fork(self, seed: int, without: Ablation) -> "_Child":
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(reading)
                resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
                folder = Path(f"{seed}-{os.getpid()}")
                folder.mkdir()
                os.chdir(folder)
                outcome = self.live(seed, without)
                os.chdir("..")
                shutil.rmtree(folder)
                with os.fdopen(writing, "wb") as pipe:
                    pipe.write(msgspec.msgpack.encode(outcome))
            except Exception:
                logging.getLogger(__name__).exception("the world of seed %s", seed)
            finally:
                os._exit(0)
        os.close(writing)
        return _Child(seed, pid, reading)

    def live(self, seed: int, without: Ablation) -> Outcome:
        """Let a world live in this process and this folder, which are of no use afterwards."""
        without.change()
        world = World(seed, self._elsewhere if is_elsewhere(seed) else self._programs, without.proxy)
        self._senders |= {provider.name: without.sender(provider) for provider in world.providers}
        if world.other:
            self._other = without.accounts(world.other)
        world.prepare(self._template, without.store)
        users = Users(world)
        if has_races(seed):
            Races(users, world)
        world.loop.run_until(world.loop.create_task(_live(world, users)))
        check(world, users)
        return Outcome(seed=seed, story=world.story.lines, broken=world.story.broken, counts=_counts(world, users))


def _counts(world: World, users: Users) -> dict[str, int]:
    lines = world.story.lines
    return {
        "worlds": 1,
        "requests": len(users.calls),
        "mails": sum(len(provider.mails) for provider in world.providers),
        "kills": sum(line.endswith("is killed") for line in lines),
        "lost answers": sum("loses its" in line or line.endswith(": lost") for line in lines),
        "frozen processes": sum("is frozen" in line for line in lines),
        "faults of the disk": sum("meets its disk" in line for line in lines),
        "faults of providers": sum(" hands " in line for line in lines),
        "jumps of the clock": sum("clock jumps" in line for line in lines),
        "broken promises": len(world.story.broken),
    }


async def _live(world: World, users: Users) -> None:
    world.start(API)
    world.start(WORKER)
    world.start(WORKER)
    users.come()
    await world.weather.blow()
    await users.come_again()
    ends = world.loop.time() + _LONGEST_CALM
    is_quiet = False
    while not is_quiet and world.loop.time() < ends:
        await users.leave()
        await asyncio.sleep(15 if waiting() else 60)
        is_quiet = not (users.are_busy or waiting())
    if waiting():
        world.story.break_promise("the queue ends empty", f"{waiting()} messages wait")


_FAILED = {"worlds": 1, "broken promises": 1}


class _Child:
    """A world in a process of its own. `pipe`: brings its outcome."""

    def __init__(self, seed: int, pid: int, pipe: int) -> None:
        self.pipe = pipe
        self._seed = seed
        self._pid = pid
        self._read = b""

    def read(self) -> bool:
        """Read what has come; tell whether that was all."""
        more = os.read(self.pipe, 65_536)
        self._read += more
        return not more

    def outcome(self) -> Outcome:
        os.close(self.pipe)
        _, status = os.waitpid(self._pid, 0)
        if not self._read:
            stuck = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)
            why = (
                f"the world is stuck after {_SECONDS} seconds" if stuck else "the world ended with an error of its own"
            )
            return Outcome(seed=self._seed, story=[], broken=[why], counts=_FAILED)
        return msgspec.msgpack.decode(self._read, type=Outcome)
