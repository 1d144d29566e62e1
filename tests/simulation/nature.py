"""Replaces time and randomness of this Python process with those of a simulated world.

No part of Keyturn knows of it: the modules call `time.time`, `time.monotonic`, `os.urandom` and `random.random`, and
find others there. A simulation therefore has its process to itself.
"""

import os
import random
import time
import uuid
from random import Random
from unittest import mock

from tests.simulation.loop import SimulatedLoop

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

    def unix_time(self) -> float:
        """Return the time that the machine's clock shows."""
        return self._loop.time() + self._offset

    def jump(self, seconds: float) -> None:
        """Set the machine's clock forward, or back; timers and `monotonic` do not see it."""
        self._offset += seconds
        self._jumps.append((self._loop.time(), self._offset))

    def latest(self, begin: float, end: float) -> float:
        """Return the latest time that the machine's clock showed between two moments of `monotonic`."""
        ends = [*(moment for moment, _ in self._jumps[1:]), end]
        shown = zip(self._jumps, ends, strict=True)
        return max(min(until, end) + offset for (since, offset), until in shown if since <= end and until >= begin)

    def rule(self) -> None:
        """Replace time and randomness until this Python process ends."""
        random.seed(self._random.random())
        for place, name, new in (
            (time, "time", self.unix_time),
            (time, "time_ns", lambda: int(self.unix_time() * 1e9)),
            (time, "monotonic", self._loop.time),
            (time, "perf_counter", self._loop.time),
            (time, "sleep", _skip),
            (os, "urandom", self._random.randbytes),
            (random, "_urandom", self._random.randbytes),
            (uuid, "uuid4", lambda: uuid.UUID(bytes=self._random.randbytes(16), version=4)),
        ):
            mock.patch.object(place, name, new).start()


def _skip(_: float) -> None:
    """Do not sleep: a thread that waits looks again at once."""
