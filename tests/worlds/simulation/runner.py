"""Runs worlds, each in a process of its own, forked off from one that has everything built and
warmed.
"""

import asyncio
import gc
import logging
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec
from tests.driver.journal import make_template, waiting
from tests.worlds.simulation.ablations import ABLATIONS, Ablation
from tests.worlds.simulation.disk import Disk
from tests.worlds.simulation.elsewhere import OtherSystem
from tests.worlds.simulation.programs import build
from tests.worlds.simulation.promises import check
from tests.worlds.simulation.provider import FIRST, SECOND, Provider
from tests.worlds.simulation.users import Races, Users, has_races
from tests.worlds.simulation.world import API, WORKER, World

_MEMORY = Path("/dev") / "shm"
"""Where files are in memory, on Linux."""

_SECONDS = 60
"""Seconds of processor time after which a world counts as stuck; most need one."""

_SILENCE = 600.0
"""Seconds without an outcome after which a world counts as killed: the pool would wait for it for
ever.
"""

_LONGEST_CALM = 6 * 3600.0
"""Seconds of virtual time after the storm in which all that waits must have been settled."""


class Outcome(msgspec.Struct, frozen=True):
    """How a world ended: its story, the promises that it broke, with what happened, and what
    happened how often.
    """

    seed: int
    story: list[str]
    broken: list[str]
    counts: dict[str, int]


class Runner:
    """Builds all programs, in a folder of its own, and runs so many worlds at a time."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._folder = Path(tempfile.mkdtemp(dir=_MEMORY if _MEMORY.is_dir() else None))
        os.chdir(self._folder)
        for name in ("keyturn", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._template = make_template(self._folder)
        Disk.install()
        self._providers, self._other = (Provider(FIRST), Provider(SECOND)), OtherSystem()
        # How often a world may start a program of each kind
        self._programs = build(self._template, self._providers, apis=3, workers=5)
        self._elsewhere = build(
            self._template, self._providers, apis=2, workers=4, accounts=self._other
        )
        gc.collect()
        gc.freeze()
        gc.disable()

    def close(self) -> None:
        os.chdir("/")
        shutil.rmtree(self._folder)

    def run(self, seeds: Iterable[int], without: str | None = None) -> Iterator[Outcome]:
        """Yield the outcomes of worlds as they end.

        `without`: a safeguard that they do not have.
        """
        live = partial(self._live, ABLATIONS[without] if without else Ablation(""))
        with multiprocessing.get_context("fork").Pool(
            self._jobs, _take, (live,), maxtasksperchild=1
        ) as pool:
            outcomes = pool.imap_unordered(_run, seeds)
            with suppress(StopIteration):
                while True:
                    yield outcomes.next(_SILENCE)

    def _live(self, without: Ablation, seed: int) -> Outcome:
        """Let a world live in this process, which is of no use afterwards."""
        folder = Path(f"{seed}-{os.getpid()}")
        folder.mkdir()
        os.chdir(folder)
        without.change()
        is_elsewhere = seed % 4 == 3
        programs, other = (self._elsewhere, self._other) if is_elsewhere else (self._programs, None)
        world = World(seed, programs, self._providers, other)
        world.prepare(self._template, without.store)
        users = Users(world)
        if has_races(seed):
            Races(users, world)
        world.loop.run_until(world.loop.create_task(_live(world, users)))
        check(world, users)
        os.chdir("..")
        shutil.rmtree(folder)
        return Outcome(seed, world.story.lines, world.story.broken, _counts(world, users))


_LIVE: "partial[Outcome]"
"""What a forked process lives by: it cannot be sent to it later."""


def _take(live: "partial[Outcome]") -> None:
    global _LIVE  # noqa: PLW0603
    _LIVE = live


def _run(seed: int) -> Outcome:
    signal.signal(
        signal.SIGXCPU, lambda *_: sys.exit(f"the world is stuck after {_SECONDS} seconds")
    )
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS + 10))
    try:
        return _LIVE(seed)
    except (Exception, SystemExit) as error:
        logging.getLogger(__name__).exception("the world of seed %s", seed)
        return Outcome(seed, [], [f"the world ended: {error}"], {"worlds": 1, "broken promises": 1})


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
    for kind in (API, WORKER, WORKER):
        world.start(kind)
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
