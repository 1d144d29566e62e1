"""The time and the random bytes of a simulated world, at the port that the service takes them from, and its story.

One function of Python's own is replaced as well: `time.time`, with which Resend's library compares the time of a
report. The jitter of back-offs comes from Python's random numbers, which are seeded.
"""

import random
import time
from collections.abc import Callable
from datetime import datetime
from random import Random
from unittest import mock

from tests.driver.programs import rule_over
from tests.worlds.simulation.loop import SimulatedLoop

EPOCH = 1_800_000_000.0
"""The Unix time at which a world begins."""


class Story:
    """What happened in a world, in lines. `clock`: returns the virtual time in seconds since its beginning."""

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
    """The clock of the machine, which may jump, and its random bytes.

    All processes of a world are on one machine, since they share SQLite's file: a jump is a jump for all of them.
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
        return [(since, until, offset) for (since, offset), until in zip(self._jumps, ends, strict=True)]

    def latest(self, begin: float, end: float) -> float:
        """Return the latest time that the machine's clock showed between two moments of `monotonic`."""
        return max(
            min(until, end) + offset for since, until, offset in self._shown(end) if since <= end and until >= begin
        )

    def longest(self, begin: datetime, end: datetime) -> float:
        """Return the longest time that can have passed between two times of the machine's clock, each shown or not."""
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
