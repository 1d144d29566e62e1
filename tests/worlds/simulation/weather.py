"""What goes wrong in a world: kills, stops, frozen processes, clocks that jump, faults of the disk and of providers."""

import asyncio
from random import Random
from typing import TYPE_CHECKING

from tests.worlds.simulation.disk import SOUND, Faults
from tests.worlds.simulation.provider import CALM, Moods

if TYPE_CHECKING:
    from tests.worlds.simulation.world import World

API, WORKER = "api", "worker"

STORM = 360.0
"""Seconds after which all faults end, so that what was promised can be kept."""

THROTTLED = 150.0
"""Seconds for which the disk is slow for one worker."""


class Weather:
    """Draws the faults of a world, and lets them happen. `lost_answers`: the share of answers that clients lose.

    `is_steady`: whether no lease can run out but by the fault of its process: the disk is sound, and no clock jumps.
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
        """Let everything happen until the storm ends; then let all processes run, and all faults end."""
        self._spoil_providers()
        self._world.disk.faults = self._disk_faults()
        self.is_steady = self._world.disk.faults == SOUND
        if self._world.other:
            self._world.other.trouble = self._random.choice((0.0, 0.1, 0.4))
        events = [self._end_process] * self._kills + [self._freeze] * self._random.choice((0, 1, 1, 2))
        events += [self._jump] * self._random.choice((0, 0, 1, 2))
        events += [self._fail_provider] * self._random.choice((0, 0, 1))
        if self._world.seed % 10 == 5:  # the disk is slow for one worker, as under a limit of its cgroup
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
            provider.moods = Moods(**{mood: self._random.choice((0.03, 0.1, 0.2)) for mood in chosen})

    def _disk_faults(self) -> Faults:
        chosen = self._random.sample(Faults.__struct_fields__, self._random.choice((0, 1, 2, 3)))
        return Faults(**{fault: self._random.choice((0.005, 0.02, 0.05)) for fault in chosen})

    async def _end_process(self) -> None:
        """Kill a process between two of its next steps, or stop it as SIGTERM does; start another a moment later."""
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
            process, seconds = self._random.choice(processes), self._random.choice((3.0, 14.0, 20.0, 61.0, 90.0))
            self._world.story.tell(f"{process.name} is frozen for {seconds:.0f} seconds")
            self._world.loop.freeze(process.name, seconds)
            self.frozen.add(process.name)

    async def _throttle(self, random: Random) -> None:
        """Slow down the writes of a worker for some minutes, so that its leases run out while it holds messages."""
        await asyncio.sleep(random.uniform(5, STORM / 2))
        if workers := self._world.of(WORKER):
            worker = random.choice(workers)
            self._world.disk.throttled = worker.name
            self._world.story.tell(f"the disk is slow for {worker.name}")
            ends = asyncio.get_running_loop().time() + THROTTLED
            while asyncio.get_running_loop().time() < ends:
                await asyncio.sleep(random.uniform(0.2, 2))
                worker.program.parts.outbox.wake()  # as each request does to a worker in its own process
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
