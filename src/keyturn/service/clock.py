"""The time and the random bytes of the service: the machine's, or those of a test."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol

Random = Callable[[int], bytes]
"""Returns that many bytes that cannot be guessed, as `os.urandom` does."""


class Clock(Protocol):
    """Tells the time of the service in seconds."""

    def unix(self) -> float:
        """Return the time since 1970 in UTC. It may jump."""

    def monotonic(self) -> float:
        """Return a time that only grows, for pauses and limits."""


class MovableClock:
    """A clock that a test moves. Each reading moves it by a microsecond.

    `runs`: it also runs by itself, from the time of its creation.
    """

    def __init__(self, *, runs: bool = False) -> None:
        self.runs = runs
        self._unix = time.time()
        self._monotonic = time.monotonic()
        self._moved = 0.0

    def unix(self) -> float:
        return self._unix + self._passed()

    def monotonic(self) -> float:
        return self._monotonic + self._passed()

    def move(self, by: timedelta) -> None:
        """Move the clock forward."""
        self._moved += by.total_seconds()

    def _passed(self) -> float:
        self._moved += 1e-6
        if self.runs:
            return self._moved + (time.monotonic() - self._monotonic)
        return self._moved


class _Sources:
    """The process's sources of time and random bytes. `clock`: None for the machine's clock."""

    clock: Clock | None = None
    random: Random = staticmethod(os.urandom)


@contextmanager
def replaced(clock: Clock | None, random: Random | None) -> Iterator[None]:
    """Give all services of this process another clock and other random bytes, within the block.

    None leaves the present one.
    """
    clock_before = _Sources.clock
    random_before = _Sources.random
    _Sources.clock = clock or clock_before
    _Sources.random = random or random_before
    try:
        yield
    finally:
        _Sources.clock = clock_before
        _Sources.random = random_before


def unix() -> float:
    return _Sources.clock.unix() if _Sources.clock else time.time()


def monotonic() -> float:
    return _Sources.clock.monotonic() if _Sources.clock else time.monotonic()


def now() -> datetime:
    return datetime.fromtimestamp(unix(), UTC)


def replacing() -> datetime | None:
    """Return the time of a test's clock, which replaces a database's clock, too; else None."""
    return now() if _Sources.clock else None


def random_bytes(size: int) -> bytes:
    return _Sources.random(size)


def random_below(limit: int) -> int:
    """Return a number from 0 to `limit` - 1.

    No number is likelier than another by more than 2**-64.
    """
    return int.from_bytes(random_bytes(limit.bit_length() // 8 + 9)) % limit
