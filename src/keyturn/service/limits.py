"""Limits of requests, by client and by account (OWASP ASVS 6.3.1, 2.4.1), and the counters of all
limits that refill.

**A challenge comes first, then limits, then the outbox.** A client's limit answers 429 before the
outbox is asked. The worker applies a mailbox's cooldown, so no response reveals it. If the counters
cannot be reached, every request is refused with LimitsUnready: an attacker who can bring them down
must not get unlimited guesses (OWASP ASVS 16.5.3).

**PostgreSQL counts for all processes** unless the settings say otherwise. SQLite would wait for the
disk at each count, so the one process that it serves counts clients in memory (`counting_alone`).

The generic cell rate algorithm (GCRA; ITU-T I.371, annex A; https://brandur.org/rate-limiting)
keeps only the time at which a counter will be empty again, its theoretical arrival time (TAT).
"3/minute" lets three requests through at once and refuses the fourth, then lets one through each 20
seconds. A refused request is not counted. A counter without a row, or whose TAT is past, is empty:
such rows may be deleted at any time.

Declined: the library `limits`, whose counters in memory a thread sweeps: that took 60 % of a core
with 4,000 clients.
"""

import fcntl
import math
import os
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.errors import SettingsInvalid
from keyturn.service.client import Client
from keyturn.service.clock import monotonic, replacing, unix
from keyturn.service.database import Database, Model
from keyturn.service.database.database import Batcher
from keyturn.service.database.unready import describe_error
from keyturn.service.problems.requests import (
    DatabaseUnready,
    LimitsUnready,
    OverBudget,
    TooManyRequests,
)
from keyturn.service.settings import RATES, LimitSettings
from keyturn.service.settings.building import Rate, parse_rate

_Result = TypeVar("_Result")

_ROUNDING = 0.001
"""Seconds that a request may be let through early."""


class Limit(msgspec.Struct, frozen=True, dict=True):
    """A counter, and how many requests it takes.

    `kind`: of requests. `who`: whom it counts, as a client's address.
    """

    rate: Rate
    kind: str
    who: str = ""

    @cached_property
    def key(self) -> str:
        """128 bits of a digest, so that the database holds no addresses.

        A counter stays the same at another rate.
        """
        return sha256(f"{self.kind}/{self.who}".encode("utf-8", "surrogatepass")).hexdigest()[:32]

    @property
    def gap(self) -> float:
        """Seconds in which the counter takes one more request."""
        return self.rate.seconds / self.rate.amount

    @property
    def room(self) -> float:
        """The highest level at which a request is let through.

        Sums of floating-point numbers are not exact.
        """
        return self.rate.seconds - self.gap + min(self.gap / 2, _ROUNDING)

    def used(self, level: float) -> int:
        """Return how many requests a level stands for."""
        return max(0, math.ceil((level - _ROUNDING) / self.gap))

    def wait(self, level: float) -> float:
        """Return the seconds until the next request is let through; 0 if it is let through now."""
        return max(0.0, level - self.room)


class Hit(NamedTuple):
    """The result of a count: seconds until each counter is empty, the first that is `full`, and the
    `wait` for it.
    """

    levels: Sequence[float]
    full: Limit | None = None
    wait: float = 0


class LimitRow(Model):
    """A counter. `tat`: when it is empty again, in seconds since 1970."""

    __tablename__ = "keyturn_limits"

    key: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    tat: Mapped[float] = mapped_column(sa.Double)


# A look tells which requests fit, and the count decides: its condition holds for the row as it is
# then, so processes that count at the same time cannot fill a counter beyond its `most`. `excluded`
# is the row that an empty counter would get. In the order of their keys: statements that count
# several cannot wait for each other in a circle.
_LEVELS = "WITH given AS ({given}) SELECT key, tat - {now} FROM {table} JOIN given USING (key)"
_COUNT = """
WITH given AS ({given}),
crowded AS (SELECT key FROM {table} JOIN given USING (key) WHERE tat > {now} + most)
INSERT INTO {table} AS kept (key, tat)
SELECT key, {now} + added FROM given
WHERE NOT (:together AND EXISTS (SELECT 1 FROM crowded)) ORDER BY key
ON CONFLICT (key) DO UPDATE
SET tat = excluded.tat + CASE WHEN kept.tat > {now} THEN kept.tat - {now} ELSE 0 END
WHERE kept.tat <= {now} + (SELECT most FROM given WHERE given.key = kept.key)
RETURNING key, tat - {now}{durable}
"""
_GIVE_BACK = "UPDATE {table} SET tat = tat - :gap WHERE key = :key"
_CLEAR = "DELETE FROM {table} WHERE key = :key"

_WORDS: Mapping[str, Mapping[str, str]] = {
    "sqlite": {
        "given": "SELECT value ->> 0 AS key, value ->> 1 AS added, value ->> 2 AS most FROM "
        "json_each(:given)",
        "now": ":now",
        "durable": "",
    },
    "postgresql": {
        "given": "SELECT value ->> 0 AS key, CAST(value ->> 1 AS DOUBLE PRECISION) AS added,"
        " CAST(value ->> 2 AS DOUBLE PRECISION) AS most FROM json_array_elements(CAST(:given AS "
        "json))",
        # Machines share the server's time.
        "now": "CAST(extract(epoch FROM coalesce(CAST(:instead AS timestamptz), "
        "statement_timestamp()))"
        " AS DOUBLE PRECISION)",
        # A count by itself waits for no disk
        # (https://www.postgresql.org/docs/current/wal-async-commit.html): a crash of the server
        # loses the counts of its last second. In a caller's transaction, the server's setting
        # holds.
        "durable": ", set_config('synchronous_commit',"
        " CASE WHEN :waits THEN current_setting('synchronous_commit') ELSE 'off' END, TRUE)",
    },
}


class _Count(NamedTuple):
    """What to add to a counter, and the highest level at which that is allowed, both in seconds."""

    key: str
    added: float
    most: float


def _counts(requests: Iterable[Sequence[Limit]]) -> Sequence[_Count]:
    """Return the counts of all requests, one for each counter."""
    wanted = Counter(limit for limits in requests for limit in limits)
    counts = []
    for limit, times in wanted.items():
        added = times * limit.gap
        counts.append(_Count(limit.key, added, most=limit.room - (added - limit.gap)))
    return counts


_TRIES = 10
"""Of a count, if other processes are always first, or if a server with serializable transactions
undoes it.
"""


class StoredCounters:
    """Counters in the database, in a transaction of `connection`.

    `waits`: PostgreSQL's commit waits for the disk.
    """

    def __init__(self, connection: sa.Connection, *, waits: bool = True) -> None:
        self._connection, self._waits = connection, waits

    def count(self, *limits: Limit) -> Hit:
        """Count a request against all limits, or none if one is full.

        Without limits, the statements count nothing.
        """
        return self.count_each([limits])[0]

    def count_each(self, requests: Sequence[Sequence[Limit]]) -> Sequence[Hit]:
        """Count several requests, each of them as `count` does, the first ones first.

        Two statements serve all of them, however many are let through: one looks, and one counts.
        """
        hits: dict[int, Hit] = {}
        left: Mapping[int, Sequence[Limit]] = dict(enumerate(requests))
        for _ in range(_TRIES):
            left = self._count_once(left, hits)
            if not left:
                break
        for place, limits in left.items():
            hits[place] = _refused(limits, self.levels(*limits))
        return [hits[place] for place in range(len(requests))]

    def _count_once(
        self, requests: Mapping[int, Sequence[Limit]], hits: dict[int, Hit]
    ) -> Mapping[int, Sequence[Limit]]:
        """Add the hits of requests to `hits`; return the requests that another process was faster
        than.
        """
        levels = self._look([limit for limits in requests.values() for limit in limits])
        decided = {place: _decide(limits, levels) for place, limits in requests.items()}
        fitting = [limits for place, limits in requests.items() if not decided[place].full]
        counted = self._add(_counts(fitting))
        left = {}
        for place, limits in requests.items():
            hit = decided[place]
            if hit.full:
                hits[place] = hit
            elif all(limit.key in counted for limit in limits):
                # The time that passed, and what others counted, since the look.
                shifts = [counted[limit.key] - levels[limit.key] for limit in limits]
                hits[place] = Hit(
                    [level + shift for level, shift in zip(hit.levels, shifts, strict=True)]
                )
            else:
                left[place] = limits
        self._give_back_each(left.values(), counted)
        return left

    def count_together(self, requests: Sequence[Sequence[Limit]]) -> Sequence[Hit] | None:
        """Count all requests by one statement.

        Returns None, and counts none of them, if one of their counters has no room for all of them.
        """
        counts = _counts(requests)
        if any(count.most < 0 for count in counts):  # not even an empty counter has room
            return None
        counted = self._add(counts, together=True)
        if len(counted) == len(counts):
            return [Hit([counted[limit.key] for limit in limits]) for limits in requests]
        # Another process was faster at one of the counters.
        self._give_back_each(requests, counted)
        return None

    def _give_back_each(self, requests: Iterable[Sequence[Limit]], counted: Container[str]) -> None:
        for limits in requests:
            for limit in limits:
                if limit.key in counted:
                    self.give_back(limit)

    def _add(self, counts: Sequence[_Count], *, together: bool = False) -> Mapping[str, float]:
        """Count; return the levels of the counters that had room.

        `together`: count all, or none if a counter has no room.
        """
        result = self._execute(_COUNT, given=_as_json(counts), waits=self._waits, together=together)
        return {key: level for key, level, *_ in result}

    def _look(self, limits: Sequence[Limit]) -> dict[str, float]:
        """Return the level of each counter by its key."""
        levels = dict.fromkeys((limit.key for limit in limits), 0.0)
        for key, level in self._execute(
            _LEVELS, given=_as_json([_Count(key, 0, 0) for key in levels])
        ):
            levels[key] = max(0.0, level)
        return levels

    def levels(self, *limits: Limit) -> Sequence[float]:
        """Return for each limit the seconds until its counter is empty, and count nothing."""
        levels = self._look(limits)
        return [levels[limit.key] for limit in limits]

    def give_back(self, limit: Limit) -> None:
        """Undo one count."""
        self._execute(_GIVE_BACK, key=limit.key, gap=limit.gap)

    def clear(self, limit: Limit) -> bool:
        """Empty the counter; return whether there was one."""
        return bool(self._execute(_CLEAR, key=limit.key).rowcount)

    def _execute(self, sql: str, **values: Any) -> sa.CursorResult[*tuple[Any, ...]]:
        statement = _statement(sql, self._connection.dialect.name)
        return self._connection.execute(statement, values | {"now": unix(), "instead": replacing()})


@lru_cache
def _statement(sql: str, dialect: str) -> sa.TextClause:
    return sa.text(sql.format(table=LimitRow.__tablename__, **_WORDS[dialect]))


def _as_json(counts: Sequence[_Count]) -> str:
    """Return the counters, with what to add and at most which level, as one parameter: a list costs
    more.
    """
    return msgspec.json.encode(counts).decode()


def _decide(limits: Sequence[Limit], levels: dict[str, float]) -> Hit:
    """Return the hit of one request at these `levels`, and add what it takes to them."""
    before = [levels[limit.key] for limit in limits]
    if any(map(Limit.wait, limits, before)):
        return _refused(limits, before)
    for limit in limits:
        levels[limit.key] += limit.gap
    return Hit([levels[limit.key] for limit in limits])


def _refused(limits: Sequence[Limit], levels: Sequence[float]) -> Hit:
    waits = [limit.wait(level) for limit, level in zip(limits, levels, strict=True)]
    place = next(
        (place for place, wait in enumerate(waits) if wait), 0
    )  # none, if its wait has just ended
    return Hit(levels, limits[place], max(waits[place], _ROUNDING))


async def alone(
    database: Database, work: Callable[[StoredCounters], _Result], tries: int = _TRIES
) -> _Result:
    """Count outside of any transaction: a suspended process holds no lock of a counter.

    Raises LimitsUnready.
    """
    run = database.transact if database.is_sqlite else database.read
    try:
        return await run(lambda connection: work(StoredCounters(connection, waits=False)))
    except DatabaseUnready as error:
        if error.not_changed and tries > 1 and not database.is_sqlite:
            return await alone(database, work, tries - 1)
        raise _unready(error) from error
    except DBAPIError as error:  # such as a table that is missing, or that this role may not write
        raise _unready(describe_error(error)) from error


def _unready(reason: object) -> LimitsUnready:
    return LimitsUnready(f"the limits cannot be counted: {reason}")


class SharedCounters:
    """Counters of all processes of a database.

    Requests that wait at the same moment are counted together.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._waiting: Batcher[Sequence[Limit], Hit] = Batcher(
            self._count_each, in_time=database.in_time
        )

    async def count(self, limits: Sequence[Limit]) -> Hit:
        """Count a request against all limits, or none if one is full. Raises LimitsUnready."""
        try:
            return await self._waiting.submit(limits)
        except DatabaseUnready as error:  # it waited too long
            raise _unready(error) from error

    async def _count_each(self, requests: Sequence[Sequence[Limit]]) -> Sequence[Hit]:
        """Count the requests by one statement as long as no limit is near."""

        def count(counters: StoredCounters) -> Sequence[Hit]:
            return counters.count_together(requests) or counters.count_each(requests)

        return await alone(self.database, count)


_MOST: Final = 100_000
"""Counters of one kind in memory, about 0.3 kB each.

One more takes the place of the one that was idle longest: a client that wants its own to be
forgotten needs requests from as many other addresses, each of which has a limit.
"""


class MemoryCounters:
    """Counters of one process: the TATs of each kind, idle longest first.

    An empty counter is forgotten.
    """

    def __init__(self) -> None:
        self._tats: defaultdict[str, OrderedDict[str, float]] = defaultdict(OrderedDict)

    def count(self, *limits: Limit) -> Hit:
        levels = self.levels(*limits)
        if any(map(Limit.wait, limits, levels)):
            return _refused(limits, levels)
        counted, now = (
            [level + limit.gap for limit, level in zip(limits, levels, strict=True)],
            monotonic(),
        )
        for limit, level in zip(limits, counted, strict=True):
            tats = self._tats[limit.kind]
            tats[limit.who] = (
                now + level
            )  # at the end: `levels` has moved it, if it was there before
            while len(tats) > _MOST or next(iter(tats.values())) <= now:
                tats.popitem(last=False)
        return Hit(counted)

    def levels(self, *limits: Limit) -> Sequence[float]:
        now = monotonic()
        for limit in limits:
            if limit.who in self._tats[limit.kind]:
                self._tats[limit.kind].move_to_end(limit.who)
        return [max(self._tats[limit.kind].get(limit.who, 0.0) - now, 0.0) for limit in limits]

    def clear(self, limit: Limit) -> bool:
        return self._tats[limit.kind].pop(limit.who, None) is not None


_FIXED_RATES = {
    "code": Rate(10, 60),  # codes that a client tries (OWASP ASVS 6.6.3)
    "link": Rate(10, 60),  # links that an operator's app gets
    "challenge": Rate(30, 60),  # puzzles that a client fetches, and answers that it sends
    "trial": Rate(1, 1),  # whether counters can be written, for /health/ready
}
_SHARES = {56: 4, 48: 16}
"""How many times as many requests as an IPv6 client, a /64, the networks around it may send, by
their prefix.
"""

_OF_CLIENT = ("validate", "reset", "malformed")
"""Kinds of requests with the rate `limits.client`: checks of links, new passwords, refused
requests.
"""

GuessCounter = Literal["address", "account", "device"]
"""What a counter of guesses at a password is named after."""


class RateLimits:
    """Counts requests by kind and client; the answer when a limit is full never depends on the
    account.
    """

    def __init__(self, settings: LimitSettings, database: Database | None = None) -> None:
        """Count in the database if it is PostgreSQL and the settings do not say otherwise, else in
        memory.
        """
        self._shared: SharedCounters | None = None
        if database and not database.is_sqlite and not settings.in_memory:
            self._shared = SharedCounters(database)
        self._memory = MemoryCounters()
        self._rates = _FIXED_RATES | {name: parse_rate(getattr(settings, name)) for name in RATES}
        self._rates |= dict.fromkeys(_OF_CLIENT, self._rates["client"])

    async def count(self, kind: str, client: Client, overall: str = "") -> None:
        """Count a request of `kind` against its client and the networks around it.

        Raises TooManyRequests.

        `overall`: a limit of all clients to count against, too. One over its own uses up none of
        it. Raises OverBudget.
        """
        own = self._limits_of(kind, client)
        together = [self._limit(overall)] if overall else []
        hit = await self._count([*own, *together])
        if hit.full in together:
            raise OverBudget(hit.wait)
        if hit.full:
            raise TooManyRequests(hit.wait)

    async def require_left(self, kind: str, client: Client) -> None:
        """Raise TooManyRequests if the limit is full, and count nothing: some requests count only
        if they fail.
        """
        limits = self._limits_of(kind, client)
        levels = await self._run(lambda counters: counters.levels(*limits))
        if wait := next(filter(None, map(Limit.wait, limits, levels)), 0):
            raise TooManyRequests(wait)

    async def count_guess(self, counted: GuessCounter, name: str) -> None:
        """Count a guess by its kind of name: an id may be another account's address.

        Raises TooManyRequests.
        """
        hit = await self._count([self._limit("account", f"{counted} {name}")])
        if hit.wait:
            raise TooManyRequests(hit.wait)

    async def forget_guesses(self, email: str) -> None:
        """Forget the guesses at the password of an address."""
        await self._run(lambda counters: counters.clear(self._limit("account", f"address {email}")))

    async def require_ready(self) -> None:
        """Raise LimitsUnready if no counter can be written."""
        await self._count([self._limit("trial")])

    async def _count(self, limits: Sequence[Limit]) -> Hit:
        if self._shared:
            return await self._shared.count(limits)
        return self._memory.count(*limits)

    async def _run(self, work: Callable[[StoredCounters | MemoryCounters], _Result]) -> _Result:
        if self._shared:
            return await alone(self._shared.database, work)
        return work(self._memory)

    def _limit(self, kind: str, who: str = "everybody") -> Limit:
        return Limit(self._rates[kind], kind, who)

    def _limits_of(self, kind: str, client: Client) -> Sequence[Limit]:
        """Return the limits of a client and of the networks around it, the narrowest first."""
        amount, seconds = self._rates[kind]
        return [
            Limit(Rate(amount * _SHARES.get(prefix, 1), seconds), kind, who)
            for who, prefix in client.networks
        ]


@contextmanager
def counting_alone(database: Database, *, in_memory: bool) -> Iterator[None]:
    """Hold the lock of the one process that counts in memory for an SQLite file.

    Raises SettingsInvalid if taken.
    """
    file = database.url.database or ""
    if in_memory or not database.is_sqlite or file in {"", ":memory:"}:
        yield
        return
    # A separate file: closing any descriptor of the database file would release SQLite's own locks
    # (https://sqlite.org/howtocorrupt.html, 2.2).
    descriptor = os.open(f"{file}-limits", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        message = (
            "another process serves this database, and each would count in its own memory: keep "
            "the data in "
            "PostgreSQL, which counts for both, or set it to true to give each process limits of "
            "its own"
        )
        raise SettingsInvalid.of("limits.in_memory", message) from None
    try:
        yield
    finally:
        os.close(descriptor)
