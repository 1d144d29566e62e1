"""Moving windows in this process's memory, whose cost for a request does not grow with who else asks."""

import time
from array import array
from collections import OrderedDict, defaultdict
from collections.abc import Hashable
from typing import Final

from limits import RateLimitItem

_MOST: Final = 100_000
"""Windows of one limit. A client's takes about 0.3 kB, and 8 bytes for each further request that was let in."""

_SHARED: Final = 4_096
"""Windows for those who come when there are as many: a flood of clients makes nobody's counter be forgotten."""

_FORGOTTEN_AT_ONCE: Final = 2
"""More than the one that a request adds, so that what is over goes, a little with each request."""


class MemoryWindows:
    """Counts exactly, as the moving window of `limits` does, without its sweeps and threads."""

    def __init__(self) -> None:
        self._windows: defaultdict[tuple[str, int], _Windows] = defaultdict(_Windows)

    async def hit(self, rate: RateLimitItem, kind: str, who: str) -> float:
        """Count a request; 0. Where the limit is used up, count none and return the seconds until one is free."""
        return self._windows[kind, rate.amount].hit(rate.amount, rate.get_expiry(), who)

    async def wait(self, rate: RateLimitItem, kind: str, who: str) -> float:
        """Return the seconds until a request would be let in, and count none."""
        return self._windows[kind, rate.amount].wait(rate.amount, rate.get_expiry(), who)

    async def give_back(self, rate: RateLimitItem, kind: str, who: str) -> None:
        """Forget the newest request that was counted."""
        self._windows[kind, rate.amount].forget_newest(who)

    async def clear(self, rate: RateLimitItem, kind: str, who: str) -> None:
        """Forget what was counted; what it shares with others stays."""
        self._windows[kind, rate.amount].forget(who)

    async def require_ready(self) -> None:
        """Memory is."""

    async def close(self) -> None:
        """Nothing is open."""


class _Window:
    """The moments of the last requests that were let in, at most as many as the limit allows, as a ring."""

    __slots__ = ("moments", "oldest")

    def __init__(self) -> None:
        self.moments = array("d")
        self.oldest = 0


_ByTime = OrderedDict[Hashable, _Window]
"""Who was let in last stands at the end, so that those that are over lead."""


class _Windows:
    """The windows of one limit: for each client, and for many together where there is no more room for one's own."""

    def __init__(self) -> None:
        self._own: _ByTime = OrderedDict()
        self._shared: _ByTime = OrderedDict()

    def hit(self, amount: int, seconds: float, who: str) -> float:
        now = time.monotonic()
        for windows in (self._own, self._shared):
            _forget(windows, now - seconds)
        windows, key = self._find(who)
        window = windows.setdefault(key, _Window())
        if len(window.moments) < amount:
            window.moments.append(now)
        elif (wait := window.moments[window.oldest] + seconds - now) > 0:
            return wait
        else:
            window.moments[window.oldest] = now
            window.oldest = (window.oldest + 1) % amount
        windows.move_to_end(key)
        return 0

    def wait(self, amount: int, seconds: float, who: str) -> float:
        windows, key = self._find(who)
        window = windows.get(key)
        if window is None or len(window.moments) < amount:
            return 0
        return max(0.0, window.moments[window.oldest] + seconds - time.monotonic())

    def forget_newest(self, who: str) -> None:
        windows, key = self._find(who)
        if window := windows.get(key):
            in_order = window.moments[window.oldest :] + window.moments[: window.oldest]
            window.moments, window.oldest = in_order[:-1], 0
            if not window.moments:
                del windows[key]

    def forget(self, who: str) -> None:
        self._own.pop(who, None)

    def _find(self, who: str) -> tuple[_ByTime, Hashable]:
        if who in self._own or len(self._own) < _MOST:
            return self._own, who
        return self._shared, hash(who) % _SHARED  # seeded anew in each process: nobody chooses with whom to share


def _forget(windows: _ByTime, before: float) -> None:
    for _ in range(_FORGOTTEN_AT_ONCE):
        window = next(iter(windows.values()), None)
        if window is None or window.moments[window.oldest - 1] > before:
            return
        windows.popitem(last=False)
