"""The time and the random bytes of the service: the machine's, or those that a test gives it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol

Random = Callable[[int], bytes]
"""Returns so many bytes that nobody can guess, as `os.urandom` does."""


class Clock(Protocol):
    """Tells the time of the service in seconds."""

    def unix(self) -> float:
        """Return the time since 1970 in UTC. It may jump."""

    def monotonic(self) -> float:
        """Return a time that only grows, for pauses and limits."""


class MovableClock:
    """The machine's clock, ahead by what a test has moved it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def unix(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def move(self, by: timedelta) -> None:
        """Let so much time pass."""
        self.ahead += by.total_seconds()


class _Sources:
    """Where the process takes time and random bytes from. `clock`: None for the machine's."""

    clock: Clock | None = None
    random: Random = staticmethod(os.urandom)


@contextmanager
def replaced(clock: Clock | None, random: Random | None) -> Iterator[None]:
    """Give all services of this process another clock and other random bytes, where they are not None."""
    before = _Sources.clock, _Sources.random
    _Sources.clock, _Sources.random = clock or before[0], random or before[1]
    try:
        yield
    finally:
        _Sources.clock, _Sources.random = before


def unix() -> float:
    return _Sources.clock.unix() if _Sources.clock else time.time()


def monotonic() -> float:
    return _Sources.clock.monotonic() if _Sources.clock else time.monotonic()


def now() -> datetime:
    return datetime.fromtimestamp(unix(), UTC)


def ahead() -> timedelta:
    """Return how far the service's clock is ahead of the machine's, and so of a database's own."""
    return timedelta(seconds=_Sources.clock.unix() - time.time()) if _Sources.clock else timedelta(0)


def random_bytes(size: int) -> bytes:
    return _Sources.random(size)


def random_below(limit: int) -> int:
    """Return a number from 0 to `limit` - 1. No number is likelier than another by more than 2**-64."""
    return int.from_bytes(random_bytes(limit.bit_length() // 8 + 9)) % limit
