"""Counters in the memory of one process, and the lock that keeps other processes out."""

import fcntl
import os
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from keyturn.errors import SettingsInvalid
from keyturn.service.clock import monotonic
from keyturn.service.database import Database
from keyturn.service.limits.limit import Hit, Levels, Limit, decide

_MOST: Final = 100_000
"""The most counters of one kind in memory, about 0.3 kB each.

One more takes the place of the counter that was idle longest. To have its own counter forgotten, a
client needs requests from as many other addresses, each of which has a limit.
"""


class MemoryCounters:
    """Counters in the memory of one process. Those of each kind are sorted, idle longest first.

    Empty counters are forgotten.
    """

    def __init__(self) -> None:
        self._tats: defaultdict[str, OrderedDict[str, float]] = defaultdict(OrderedDict)

    def count(self, *limits: Limit) -> Hit:
        """Count a request against all limits, or against none if one is full."""
        hit = decide(limits, self.levels(*limits))
        if hit.full:
            return hit
        now = monotonic()
        for limit, level in hit.levels.items():
            tats = self._tats[limit.kind]
            # It is at the end: `levels` has moved it there if it existed before.
            tats[limit.who] = now + level
            while len(tats) > _MOST or next(iter(tats.values())) <= now:
                tats.popitem(last=False)
        return hit

    def levels(self, *limits: Limit) -> Levels:
        """Return the seconds until each counter is empty, and count nothing.

        The counters are in use now, so they are forgotten last.
        """
        now = monotonic()
        levels = {}
        for limit in limits:
            tats = self._tats[limit.kind]
            if limit.who in tats:
                tats.move_to_end(limit.who)
            levels[limit] = max(tats.get(limit.who, 0.0) - now, 0.0)
        return levels

    def clear(self, limit: Limit) -> bool:
        """Empty the counter; return whether there was one."""
        return self._tats[limit.kind].pop(limit.who, None) is not None


@contextmanager
def counting_alone(database: Database, *, in_memory: bool) -> Iterator[None]:
    """Hold the lock of the one process that counts in memory for an SQLite file.

    Raises SettingsInvalid if another process holds it.
    """
    file = database.url.database or ""
    if in_memory or not database.is_sqlite or file in {"", ":memory:"}:
        yield
        return
    # The lock is on a separate file: closing any descriptor of the database's file would release
    # SQLite's own locks (https://sqlite.org/howtocorrupt.html, 2.2).
    descriptor = os.open(f"{file}-limits", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        message = (
            "another process serves this database, and each would count in its own memory: keep "
            "the data in PostgreSQL, which counts for both, or set it to true to give each process "
            "limits of its own"
        )
        raise SettingsInvalid.of("limits.in_memory", message) from None
    try:
        yield
    finally:
        os.close(descriptor)
