"""Limits requests by client and by account, in memory or PostgreSQL (OWASP ASVS 6.3.1, 2.4.1)."""

import math
from array import array
from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Iterator
from hashlib import sha256
from typing import Final, Literal, Protocol

from keyturn.service.clock import monotonic
from keyturn.service.database import Database
from keyturn.service.problems.requests import OverBudget, Quota, TooManyRequests
from keyturn.service.reset.limits.postgresql_windows import Limit, PostgresqlWindows
from keyturn.service.reset.records.client import Client
from keyturn.service.settings import RATES, LimitSettings
from keyturn.service.settings.building import Rate, parse_rate

_EVERYBODY = "everybody"

_FIXED_RATES = {
    "code": Rate(10, 60),  # codes that a client tries (OWASP ASVS 6.6.3)
    "code_overall": Rate(300, 60),  # wrong codes of all clients, if the codes were mailed and still work (6.3.1)
    "link": Rate(10, 60),  # links that an operator's app gets
    "challenge": Rate(30, 60),  # puzzles that a client fetches, and answers that it sends
    "busy_client": Rate(1, 60),  # requests for a link before "busy" requires a challenge: few people request two
    "busy_overall": Rate(300, 60),  # a tenth of what all clients together may request
    "without_script": Rate(2, 3_600),  # requests without an answer to the challenge
    "without_script_overall": Rate(60, 3_600),
}
_SHARES = {56: 4, 48: 16}
"""How many times as many requests as an IPv6 client, a /64, the networks around it may send, by their prefix."""

GuessCounter = Literal["address", "account", "device"]
"""What a counter of guesses at a password is named after."""


class _Windows(Protocol):
    """The port to counters of requests: a window for each limit and each client or account (`who`)."""

    async def hit(self, *limits: Limit) -> tuple[int, float]:
        """Count a request against the limits in turn. Return their number, and 0 seconds to wait.

        If a limit is used up, count nothing there or after it, and return its place and the seconds to wait.
        """

    async def wait(self, rate: Rate, kind: str, who: str) -> float:
        """Return the seconds until a request would be accepted, and count nothing."""

    async def give_back(self, rate: Rate, kind: str, who: str) -> None:
        """Forget the newest request that was counted."""

    async def clear(self, rate: Rate, kind: str, who: str) -> None:
        """Forget the counted requests; a shared window stays."""

    async def require_ready(self) -> None: ...

    async def close(self) -> None: ...


class RateLimits:
    """Counts requests by kind and client; the answer when a counter is full never depends on the account.

    If the counters cannot be reached, every request is refused: an attacker who can bring their store down must not
    get unlimited guesses (OWASP ASVS 16.5.3, "fail-open conditions"). Every count may therefore raise LimitsUnready.
    """

    def __init__(self, settings: LimitSettings, database: Database | None = None) -> None:
        """Count in the database if it is PostgreSQL and the settings do not say otherwise, else in memory."""
        is_shared = database and not database.is_sqlite and not settings.in_memory
        self._windows: _Windows = PostgresqlWindows(database) if database and is_shared else MemoryWindows()
        self._rates = _FIXED_RATES | {name: parse_rate(getattr(settings, name)) for name in RATES}
        self._by_prefix = dict(self._of_networks())

    async def count(self, kind: str, client: Client, overall: str = "") -> None:
        """Count a request of `kind` against its client. Raises TooManyRequests if the limit is used up.

        `overall`: a limit of all clients together to count against next, so that a client uses up no more of it than
        its own limit. Raises OverBudget.

        An IPv6 client also counts against the networks around it, the narrowest first. A network whose limit is full
        thus does not use up the share of its neighbours.
        """
        own = [
            (*self._by_prefix[kind, prefix if prefix in _SHARES else 0], network) for network, prefix in client.networks
        ]
        limits = [(rate, kind, network) for rate, _, network in own]
        if overall:
            limits.append((self._rates[overall], overall, _EVERYBODY))
        place, wait = await self._windows.hit(*limits)
        if wait and place == len(own):
            raise OverBudget(_whole_seconds(wait))
        if wait:
            raise TooManyRequests(_whole_seconds(wait), own[place][1])

    async def require_left(self, kind: str, client: Client) -> None:
        """Raise TooManyRequests if the limit is used up, and count nothing: some requests count only if they fail."""
        for network, prefix in client.networks:
            rate, quota = self._by_prefix[kind, prefix if prefix in _SHARES else 0]
            if wait := await self._windows.wait(rate, kind, network):
                raise TooManyRequests(_whole_seconds(wait), quota)

    def _of_networks(self) -> Iterator[tuple[tuple[str, int], tuple[Rate, Quota | None]]]:
        """Yield a client's limit, with its quota, and the limits of the networks around it, which stay undisclosed."""
        for kind, rate in self._rates.items():
            yield (kind, 0), (rate, Quota(kind, rate.amount, rate.seconds))
            for prefix, share in _SHARES.items():
                yield (kind, prefix), (Rate(rate.amount * share, rate.seconds), None)

    async def count_overall(self, kind: str = "overall", who: str = _EVERYBODY) -> None:
        """Count a request against the limit of all clients together. Raises OverBudget."""
        _, wait = await self._windows.hit((self._rates[kind], kind, who))
        if wait:
            raise OverBudget(_whole_seconds(wait))

    async def require_left_overall(self, kind: str) -> None:
        """Raise TooManyRequests if the limit of all clients together is used up, and count nothing."""
        if wait := await self._windows.wait(self._rates[kind], kind, _EVERYBODY):
            raise TooManyRequests(_whole_seconds(wait))

    async def give_back_overall(self, kind: str) -> None:
        """Undo one count against the limit of all clients together."""
        await self._windows.give_back(self._rates[kind], kind, _EVERYBODY)

    async def is_busy(self, client: Client) -> bool:
        """Count a request for a link against the lower limits. True: they are exceeded, and a challenge is due."""
        try:
            await self.count("busy_client", client, "busy_overall")
        except TooManyRequests:
            return True
        return False

    async def count_guess(self, counted: GuessCounter, name: str) -> None:
        """Count a guess at a password of an address, of a signed-in account, or of a device (`DeviceCookies`).

        An account's id may be another account's address, so each kind of name has counters of its own. A counter's key
        is a digest, so that the store of limits holds no addresses. Raises TooManyRequests.
        """
        _, wait = await self._windows.hit((self._rates["account"], "account", _key(counted, name)))
        if wait:
            raise TooManyRequests(_whole_seconds(wait))

    async def forget_guesses(self, email: str) -> None:
        """Reset the count of guesses of an address."""
        await self._windows.clear(self._rates["account"], "account", _key("address", email))

    async def require_ready(self) -> None:
        """Raise LimitsUnready if no counter can be written."""
        await self._windows.require_ready()

    async def close(self) -> None:
        await self._windows.close()


def _key(counted: GuessCounter, name: str) -> str:
    return sha256(f"{counted} {name}".encode()).hexdigest()


def _whole_seconds(wait: float) -> int:
    return max(1, math.ceil(wait))


_MOST: Final = 100_000
"""Windows of one limit. A client's window takes about 0.3 kB, and 8 bytes for each further accepted request."""

_SHARED: Final = 4_096
"""Shared windows for further clients once there are that many: a flood of clients erases no counter."""

_FORGOTTEN_AT_ONCE: Final = 2
"""More than the one window that a request adds, so that each request removes some expired windows."""


class MemoryWindows:
    """Counts exactly, as the moving window of `limits` does, without its sweeps and threads."""

    def __init__(self) -> None:
        self._windows: defaultdict[tuple[str, int], _LimitWindows] = defaultdict(_LimitWindows)

    async def hit(self, *limits: Limit) -> tuple[int, float]:
        for place, (rate, kind, who) in enumerate(limits):
            if wait := self._windows[kind, rate.amount].hit(rate.amount, rate.seconds, who):
                return place, wait
        return len(limits), 0

    async def wait(self, rate: Rate, kind: str, who: str) -> float:
        return self._windows[kind, rate.amount].wait(rate.amount, rate.seconds, who)

    async def give_back(self, rate: Rate, kind: str, who: str) -> None:
        self._windows[kind, rate.amount].forget_newest(who)

    async def clear(self, rate: Rate, kind: str, who: str) -> None:
        self._windows[kind, rate.amount].forget(who)

    async def require_ready(self) -> None:
        """Do nothing: memory is always ready."""

    async def close(self) -> None:
        """Do nothing: no connection is open."""


class _Window:
    """The times of the last accepted requests, at most as many as the limit allows, in a ring."""

    __slots__ = ("moments", "oldest")

    def __init__(self) -> None:
        self.moments = array("d")
        self.oldest = 0


_ByTime = OrderedDict[Hashable, _Window]
"""Windows in the order of their last accepted request, so that expired windows come first."""


class _LimitWindows:
    """The windows of one limit: one for each client, and shared windows once there are too many clients."""

    def __init__(self) -> None:
        self._own: _ByTime = OrderedDict()
        self._shared: _ByTime = OrderedDict()

    def hit(self, amount: int, seconds: float, who: str) -> float:
        now = monotonic()
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
        return max(0.0, window.moments[window.oldest] + seconds - monotonic())

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
        return self._shared, hash(who) % _SHARED  # seeded in each process: a client cannot choose its neighbours


def _forget(windows: _ByTime, before: float) -> None:
    for _ in range(_FORGOTTEN_AT_ONCE):
        window = next(iter(windows.values()), None)
        if window is None or window.moments[window.oldest - 1] > before:
            return
        windows.popitem(last=False)
