"""Limits requests by client and by account, in memory or PostgreSQL (OWASP ASVS 6.3.1, 2.4.1).

**Limits come first, then the outbox.** A client's limit answers 429 before anything is written. The worker applies a
mailbox's cooldown, so no response reveals it. If the counters cannot be reached, every request is refused: an attacker
who can bring them down must not get unlimited guesses (OWASP ASVS 16.5.3). Every count may therefore raise
LimitsUnready.

**PostgreSQL counts for all processes** unless the settings say otherwise: each process has it anyway.

Declined: the library `limits`, whose counters in memory a thread sweeps: that took 60 % of a core with 4,000 clients.
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from keyturn.service.database import Database
from keyturn.service.limits import Counters, Limit, MemoryCounters, alone
from keyturn.service.problems.requests import OverBudget, Quota, TooManyRequests
from keyturn.service.reset.records.client import Client
from keyturn.service.settings import RATES, LimitSettings
from keyturn.service.settings.building import Rate, parse_rate

_Result = TypeVar("_Result")

_FIXED_RATES = {
    "code": Rate(10, 60),  # codes that a client tries (OWASP ASVS 6.6.3)
    "link": Rate(10, 60),  # links that an operator's app gets
    "challenge": Rate(30, 60),  # puzzles that a client fetches, and answers that it sends
    "trial": Rate(1, 1),
}
_SHARES = {56: 4, 48: 16}
"""How many times as many requests as an IPv6 client, a /64, the networks around it may send, by their prefix."""

_OF_CLIENT = ("validate", "reset", "malformed")
"""Kinds of requests with the rate `limits.client`: checks of links, new passwords, refused requests."""

GuessCounter = Literal["address", "account", "device"]
"""What a counter of guesses at a password is named after."""


class RateLimits:
    """Counts requests by kind and client; the answer when a limit is full never depends on the account."""

    def __init__(self, settings: LimitSettings, database: Database | None = None) -> None:
        """Count in the database if it is PostgreSQL and the settings do not say otherwise, else in memory."""
        is_shared = database and not database.is_sqlite and not settings.in_memory
        self._database, self._memory = database if is_shared else None, MemoryCounters()
        self._rates = _FIXED_RATES | {name: parse_rate(getattr(settings, name)) for name in RATES}
        self._rates |= dict.fromkeys(_OF_CLIENT, self._rates["client"])

    async def count(self, kind: str, client: Client, overall: str = "") -> None:
        """Count a request of `kind` against its client. Raises TooManyRequests if the limit is full.

        `overall`: a limit of all clients together to count against, too. A client that is over its own limit uses up
        none of it. Raises OverBudget.

        An IPv6 client also counts against the networks around it. A network whose limit is full thus does not use up
        the share of its neighbours.
        """
        own = self._limits_of(kind, client)
        together = [self._limit(overall)] if overall else []
        hit = await self._run(lambda counters: counters.count(*own, *together))
        if hit.full:
            raise OverBudget(hit.wait) if hit.full in together else _refusal(own, hit.full, hit.wait)

    async def require_left(self, kind: str, client: Client) -> None:
        """Raise TooManyRequests if the limit is full, and count nothing: some requests count only if they fail."""
        limits = self._limits_of(kind, client)
        levels = await self._run(lambda counters: counters.levels(*limits))
        for limit, level in zip(limits, levels, strict=True):
            if wait := limit.wait(level):
                raise _refusal(limits, limit, wait)

    async def count_guess(self, counted: GuessCounter, name: str) -> None:
        """Count a guess at a password of an address, of a signed-in account, or of a device (`SignIns.device`).

        An account's id may be another account's address, so each kind of name has counters of its own. Raises
        TooManyRequests.
        """
        hit = await self._run(lambda counters: counters.count(self._limit("account", f"{counted} {name}")))
        if hit.wait:
            raise TooManyRequests(hit.wait)

    async def forget_guesses(self, email: str) -> None:
        """Forget the guesses at the password of an address."""
        await self._run(lambda counters: counters.clear(self._limit("account", f"address {email}")))

    async def require_ready(self) -> None:
        """Raise LimitsUnready if no counter can be written."""
        await self._run(lambda counters: counters.count(self._limit("trial")))

    async def _run(self, work: Callable[[Counters], _Result]) -> _Result:
        return await alone(self._database, work) if self._database else work(self._memory)

    def _limit(self, kind: str, who: str = "everybody") -> Limit:
        return Limit(self._rates[kind], kind, who)

    def _limits_of(self, kind: str, client: Client) -> Sequence[Limit]:
        """Return the limits of a client and of the networks around it, the narrowest first."""
        amount, seconds = self._rates[kind]
        return [Limit(Rate(amount * _SHARES.get(prefix, 1), seconds), kind, who) for who, prefix in client.networks]


def _refusal(limits: Sequence[Limit], full: Limit, wait: float) -> TooManyRequests:
    """Return the refusal with the client's quota; the limits of the networks around it stay undisclosed."""
    own = Quota(full.kind, full.rate.amount, full.rate.seconds)
    return TooManyRequests(wait, own if full == limits[0] else None)
