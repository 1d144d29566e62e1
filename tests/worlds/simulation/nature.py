"""The time and the random bytes of a simulated world, at the port that the service takes them from.

One function of Python's own is replaced as well: `time.time`, with which Resend's library compares the time of a
report. The jitter of back-offs comes from Python's random numbers, which are seeded.
"""

import random
import time
from datetime import datetime
from random import Random
from unittest import mock

from tests.driver.programs import rule_over
from tests.worlds.simulation.loop import SimulatedLoop

EPOCH = 1_800_000_000.0
"""The Unix time at which a world begins."""


class Nature:
    """The clock of the machine, which may jump, and its random bytes.

    All processes of a world are on one machine, since they share SQLite's file: a jump is a jump for all of them.
    """

    def __init__(self, loop: SimulatedLoop, random: Random) -> None:
        self._loop = loop
        self._random = random
        self._offset = EPOCH - loop.time()
        self._jumps = [(loop.time(), self._offset)]

    def unix(self) -> float:
        """Return the time that the machine's clock shows."""
        return self._loop.time() + self._offset

    def monotonic(self) -> float:
        return self._loop.time()

    def random_bytes(self, size: int) -> bytes:
        return self._random.randbytes(size)

    def jump(self, seconds: float) -> None:
        """Set the machine's clock forward, or back; timers and `monotonic` do not see it."""
        self._offset += seconds
        self._jumps.append((self._loop.time(), self._offset))

    def latest(self, begin: float, end: float) -> float:
        """Return the latest time that the machine's clock showed between two moments of `monotonic`."""
        ends = [*(moment for moment, _ in self._jumps[1:]), end]
        shown = zip(self._jumps, ends, strict=True)
        return max(min(until, end) + offset for (since, offset), until in shown if since <= end and until >= begin)

    def longest(self, begin: datetime, end: datetime) -> float:
        """Return the longest time that can have passed between two times of the machine's clock, each shown or not."""
        begun, ended = self._moments(begin), self._moments(end)
        return max(ended) - min(begun) if begun and ended else 0.0

    def _moments(self, shown: datetime) -> list[float]:
        """Return the moments of `monotonic` at which the machine's clock showed a time: several if it was set back."""
        ends = [*(moment for moment, _ in self._jumps[1:]), self._loop.time()]
        moments = [
            (shown.timestamp() - offset, since, until) for (since, offset), until in zip(self._jumps, ends, strict=True)
        ]
        return [moment for moment, since, until in moments if since <= moment <= until]

    def rule(self) -> None:
        """Give this Python process the time and the randomness of the world, until it ends."""
        random.seed(self._random.random())
        rule_over(self, self.random_bytes)
        mock.patch.object(time, "time", self.unix).start()
