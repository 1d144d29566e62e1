"""The limits of requests: their kinds, their rates, and which clients share a counter."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from keyturn.service.client import Client
from keyturn.service.database import Database
from keyturn.service.limits.limit import Hit, Limit
from keyturn.service.limits.memory_counters import MemoryCounters
from keyturn.service.limits.shared_counters import SharedCounters, with_stored_counters
from keyturn.service.limits.stored_counters import StoredCounters
from keyturn.service.problems.requests import OverBudget, TooManyRequests
from keyturn.service.settings import RATES, LimitSettings
from keyturn.service.settings.rates import Rate, parse_rate

_Result = TypeVar("_Result")

ClientKind = Literal[
    "request",  # requests for a link
    "login",  # sign-ins, and passwords that confirm a change in an open session
    "validate",  # checks of links, of a password before it is set, and looks at "this was not me"
    "reset",  # new passwords, codes that are sent for a second step, presses of "this was not me"
    "code",  # codes that a client tries
    "link",  # links that an operator's app gets
    "challenge",  # puzzles that a client fetches, and answers that it sends
    "malformed",  # requests, keys and reports that are refused
]
"""What a client's requests are counted as. A kind is part of the stored counter's key."""

_FIXED_RATES = {
    "code": Rate(10, 60),  # OWASP ASVS 6.6.3
    "link": Rate(10, 60),
    "challenge": Rate(30, 60),
    "trial": Rate(1, 1),  # trial counts of /health/ready, which show that counters can be written
}
"""Rates without a setting, by kind. Settings name the others (`RATES`)."""

_OF_CLIENT: Sequence[ClientKind] = ("validate", "reset", "malformed")
"""The kinds with the rate `limits.client`."""

_SHARES = {56: 4, 48: 16}
"""How many times the rate of an IPv6 client, a /64, the networks around it have, by their prefixes.
"""

GuessCounter = Literal["address", "account", "device"]
"""What a counter of guesses at a password is for: an address, an account's id, or a device."""


class RateLimits:
    """Counts requests by kind and client.

    What a client learns when a limit is used up never depends on an account.
    """

    def __init__(self, settings: LimitSettings, database: Database | None = None) -> None:
        """Count in the database if it is PostgreSQL, unless the settings say otherwise; else in
        memory.
        """
        self._shared: SharedCounters | None = None
        if database and not database.is_sqlite and not settings.in_memory:
            self._shared = SharedCounters(database)
        self._memory = MemoryCounters()
        self._rates = dict(_FIXED_RATES)
        for name in RATES:
            self._rates[name] = parse_rate(getattr(settings, name))
        for kind in _OF_CLIENT:
            self._rates[kind] = self._rates["client"]

    async def count(
        self, kind: ClientKind, client: Client, *, within_overall: bool = False
    ) -> None:
        """Count a request of `kind` against its client and the networks around it.

        Raises TooManyRequests.

        `within_overall`: count against `limits.overall` of all clients, too. A client over its own
        limit uses up nothing of it. Raises OverBudget if it is used up.
        """
        own = self._limits_of(kind, client)
        if within_overall:
            of_all = self._limit("overall")
            hit = await self._count([*own, of_all])
            if hit.full == of_all:
                raise OverBudget(hit.wait)
        else:
            hit = await self._count(own)
        if hit.full:
            raise TooManyRequests(hit.wait)

    async def require_left(self, kind: ClientKind, client: Client) -> None:
        """Raise TooManyRequests if the limit is used up. Counts nothing: such requests count only
        if they fail.
        """
        limits = self._limits_of(kind, client)
        levels = await self._run(lambda counters: counters.levels(*limits))
        for limit in limits:
            wait = limit.wait(levels[limit])
            if wait:
                raise TooManyRequests(wait)

    async def count_guess(self, counted: GuessCounter, name: str) -> None:
        """Count a guess at a password.

        `counted`: what `name` is. Counters of different kinds are apart, since the id of one
        account may be the address of another. Raises TooManyRequests.
        """
        hit = await self._count([self._guesses(counted, name)])
        if hit.full:
            raise TooManyRequests(hit.wait)

    async def forget_guesses(self, email: str) -> None:
        """Forget the guesses at the password of an address."""
        guesses = self._guesses("address", email)
        await self._run(lambda counters: counters.clear(guesses))

    async def require_ready(self) -> None:
        """Raise LimitsUnready if no counter can be written."""
        await self._count([self._limit("trial")])

    async def _count(self, limits: Sequence[Limit]) -> Hit:
        if self._shared:
            return await self._shared.count(limits)
        return self._memory.count(*limits)

    async def _run(self, work: Callable[[StoredCounters | MemoryCounters], _Result]) -> _Result:
        if self._shared:
            return await with_stored_counters(self._shared.database, work)
        return work(self._memory)

    def _limit(self, kind: str, who: str = "everybody") -> Limit:
        return Limit(self._rates[kind], kind, who)

    def _guesses(self, counted: GuessCounter, name: str) -> Limit:
        return self._limit("account", f"{counted} {name}")

    def _limits_of(self, kind: ClientKind, client: Client) -> Sequence[Limit]:
        """Return the limits of a client and of the networks around it, the narrowest first."""
        rate = self._rates[kind]
        limits = []
        for network, prefix in client.networks:
            shared = Rate(rate.amount * _SHARES.get(prefix, 1), rate.seconds)
            limits.append(Limit(shared, kind, network))
        return limits
