"""Counts against limits that refill: with one number for each counter, in the database or in memory.

The generic cell rate algorithm (GCRA; ITU-T I.371, annex A; https://brandur.org/rate-limiting) keeps only the time at
which a counter will be empty again, its theoretical arrival time (TAT). "3/minute" lets three requests through at once
and refuses the fourth, then lets one through each 20 seconds. A refused request costs its client nothing.

One statement decides and counts, so concurrent processes cannot exceed a limit. A counter without a row, or whose TAT
is past, is empty: such rows may be deleted at any time.
"""

import math
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.service.clock import ahead, monotonic, unix
from keyturn.service.database import Database, Model
from keyturn.service.database.unready import describe_error
from keyturn.service.problems.requests import DatabaseUnready, LimitsUnready
from keyturn.service.settings.building import Rate

_Result = TypeVar("_Result")

_ROUNDING = 0.001
"""Seconds by which sums of floating-point numbers may be wrong: at most this early, a request is let through."""


class Limit(NamedTuple):
    """A counter, and how many requests it takes.

    `kind`: the kind of requests. `who`: whom it counts, such as a client or an account.
    """

    rate: Rate
    kind: str
    who: str = ""

    @property
    def key(self) -> bytes:
        """A digest, so that the database holds no addresses. The rate may change: the counter stays the same."""
        return sha256(f"{self.kind}/{self.who}".encode("utf-8", "surrogatepass")).digest()

    @property
    def gap(self) -> float:
        """Seconds in which the counter takes one more request."""
        return self.rate.seconds / self.rate.amount

    @property
    def room(self) -> float:
        """The highest level at which a request is let through."""
        return self.rate.seconds - self.gap + min(self.gap / 2, _ROUNDING)

    def used(self, level: float) -> int:
        """Return how many requests a level stands for."""
        return max(0, math.ceil((level - _ROUNDING) / self.gap))

    def wait(self, level: float) -> float:
        """Return the seconds until the next request is let through; 0 if it is let through now."""
        return max(0.0, level - self.room)


class Hit(NamedTuple):
    """The result of counting against several limits in turn.

    `place`: how many of them have counted the request; the limit at this place, if there is one, is full.
    `level`: seconds until the last counter that was looked at is empty, with this request if it was counted.
    `wait`: seconds until the full limit lets a request through; 0 if none is full.
    """

    place: int
    level: float
    wait: float = 0


class Counters(Protocol):
    """The counters of requests. Raises LimitsUnready if they cannot be reached."""

    async def hit(self, *limits: Limit) -> Hit:
        """Count a request against the limits in turn. At the first full one stop, and count nothing there or after."""

    async def levels(self, *limits: Limit) -> Sequence[float]:
        """Return for each limit the seconds until its counter is empty, and count nothing."""

    async def give_back(self, limit: Limit) -> None:
        """Undo one count."""

    async def clear(self, limit: Limit) -> None:
        """Empty the counter; in memory, one that several clients share stays."""


class LimitRow(Model):
    """A counter. `tat`: when it is empty again, in seconds since 1970."""

    __tablename__ = "keyturn_limits"

    key: Mapped[bytes] = mapped_column(sa.LargeBinary(32), primary_key=True)
    tat: Mapped[float] = mapped_column(sa.Double)


# `excluded` is the row that an empty counter would get. A full counter is only read: refused requests write nothing.
_COUNT = """
INSERT INTO {table} AS kept (key, tat)
SELECT CAST(:key_{n} AS {bytes}), {now} + CAST(:gap_{n} AS DOUBLE PRECISION) {after}
WHERE :wanted AND NOT EXISTS (SELECT 1 FROM {table} WHERE key = :key_{n} AND tat > {now} + :room_{n})
ON CONFLICT (key) DO UPDATE SET tat = {greatest}(kept.tat + :gap_{n}, excluded.tat)
WHERE kept.tat <= {now} + :room_{n}
RETURNING tat - {now} AS level
"""
_IN_TURN = "WITH {named} SELECT {levels}"
_COUNTED = "(SELECT level FROM counted_{n}) AS level_{n}"
_LEVELS = "SELECT key, tat - {now} FROM {table} WHERE key IN :keys"
_GIVE_BACK = "UPDATE {table} SET tat = tat - :gap WHERE key = :key"
_CLEAR = "DELETE FROM {table} WHERE key = :key"
_FORGET = "DELETE FROM {table} WHERE key IN (SELECT key FROM {table} WHERE tat < {now} LIMIT {batch} {skipping})"
_BATCH = 1_000


class StoredCounters:
    """The counters in the database. The plain methods work in the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        schema = '"' + database.schema.replace('"', '""') + '".' if database.schema else ""
        self._words = {"table": f"{schema}{LimitRow.__tablename__}"}
        if database.is_sqlite:
            self._words |= {"now": ":now", "bytes": "BLOB", "greatest": "max", "skipping": ""}
        else:  # machines share the server's time
            now = "CAST(extract(epoch FROM statement_timestamp() + CAST(:ahead AS interval)) AS DOUBLE PRECISION)"
            self._words |= {"now": now, "bytes": "bytea", "greatest": "greatest"}
            # Counters that requests are using stay, and no statement waits for another in a circle.
            self._words["skipping"] = "FOR UPDATE SKIP LOCKED"
        self._counting: dict[int, sa.TextClause] = {}
        self._levels = sa.text(_LEVELS.format(**self._words)).bindparams(sa.bindparam("keys", expanding=True))
        self._given_back, self._cleared, self._forgotten = [
            sa.text(sql.format(batch=_BATCH, **self._words)) for sql in (_GIVE_BACK, _CLEAR, _FORGET)
        ]

    async def hit(self, *limits: Limit) -> Hit:
        return await self._run(lambda connection: self.count(connection, *limits))

    async def levels(self, *limits: Limit) -> Sequence[float]:
        return await self._run(lambda connection: self.look(connection, *limits))

    async def give_back(self, limit: Limit) -> None:
        await self._run(lambda connection: self.undo(connection, limit))

    async def clear(self, limit: Limit) -> None:
        await self._run(lambda connection: self.empty(connection, limit))

    async def forget_empty(self) -> int:
        """Delete the rows of empty counters; return their number."""
        done = 0
        while True:
            batch = await self._run(lambda connection: connection.execute(self._forgotten, self._time()).rowcount)
            done += batch
            if batch < _BATCH:
                return done

    def count(self, connection: sa.Connection, *limits: Limit, wanted: bool = True) -> Hit:
        """Count as `hit` does. If it is not `wanted`, the same statements count nothing, and nothing is returned."""
        levels = self._count_all(connection, limits, wanted=wanted)
        place = levels.index(None) if None in levels else len(limits)
        if not wanted or place == len(limits):
            return Hit(place, levels[-1] or 0)
        (level,) = self.look(connection, limits[place])
        return Hit(place, level, max(limits[place].wait(level), _ROUNDING))

    def look(self, connection: sa.Connection, *limits: Limit) -> Sequence[float]:
        """Return what `levels` does."""
        rows = connection.execute(self._levels, {"keys": [limit.key for limit in limits], **self._time()})
        found = {bytes(key): max(0.0, level) for key, level in rows}
        return [found.get(limit.key, 0.0) for limit in limits]

    def undo(self, connection: sa.Connection, limit: Limit) -> None:
        """Undo one count."""
        connection.execute(self._given_back, {"key": limit.key, "gap": limit.gap})

    def empty(self, connection: sa.Connection, limit: Limit) -> None:
        """Empty the counter."""
        connection.execute(self._cleared, {"key": limit.key})

    def _count_all(self, connection: sa.Connection, limits: Sequence[Limit], *, wanted: bool) -> list[float | None]:
        """Return the levels after the count: None for a full limit, and for those after it."""
        given: dict[str, Any] = {"wanted": wanted, **self._time()}
        if not self._database.is_sqlite:
            for place, limit in enumerate(limits):
                given |= _parameters(limit, place)
            return list(connection.execute(self._statement(len(limits)), given).one())
        levels: list[float | None] = []
        for limit in limits:
            levels.append(connection.execute(self._statement(1), given | _parameters(limit)).scalar())
            given["wanted"] = levels[-1] is not None
        return levels

    def _statement(self, number: int) -> sa.TextClause:
        """Return the statement that counts against so many limits in turn; SQLite takes one at a time."""
        if number not in self._counting:
            places = range(number)
            steps = [
                _COUNT.format(n=place, after=f"FROM counted_{place - 1}" if place else "", **self._words)
                for place in places
            ]
            named = ", ".join(f"counted_{place} AS ({steps[place]})" for place in places)
            levels = ", ".join(_COUNTED.format(n=place) for place in places)
            sql = steps[0] if self._database.is_sqlite else _IN_TURN.format(named=named, levels=levels)
            self._counting[number] = sa.text(sql)
        return self._counting[number]

    def _time(self) -> dict[str, Any]:
        return {"now": unix()} if self._database.is_sqlite else {"ahead": ahead()}

    async def _run(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        # On PostgreSQL a read commits each statement by itself: a process that is suspended holds no lock of a counter.
        run = self._database.transact if self._database.is_sqlite else self._database.read
        while True:
            try:
                return await run(work)
            except DatabaseUnready as error:
                if self._database.is_sqlite or not error.not_committed:
                    raise LimitsUnready(f"the limits cannot be counted: {error}") from error
                # A server whose transactions are serializable has undone one of two at once: the other has counted.
            except DBAPIError as error:  # such as a table that is missing, or that this role may not write
                raise LimitsUnready(f"the limits cannot be counted: {describe_error(error)}") from error


def _parameters(limit: Limit, place: int = 0) -> dict[str, Any]:
    return {f"key_{place}": limit.key, f"gap_{place}": limit.gap, f"room_{place}": limit.room}


_MOST: Final = 100_000
"""Counters of one kind in memory, about 0.2 kB each."""

_SHARED: Final = 4_096
"""Counters for further clients once there are that many: a flood of clients erases no counter."""

_FORGOTTEN_AT_ONCE: Final = 2
"""More than the one counter that a request adds, so that each request removes some empty ones."""

_Tats = OrderedDict[Hashable, float]


class MemoryCounters:
    """The counters of one process."""

    def __init__(self) -> None:
        # In the order of their last request, so that those that are empty come first.
        self._own: defaultdict[tuple[str, Rate], _Tats] = defaultdict(OrderedDict)
        self._shared: defaultdict[tuple[str, Rate], _Tats] = defaultdict(OrderedDict)

    async def hit(self, *limits: Limit) -> Hit:
        now, level = monotonic(), 0.0
        for place, limit in enumerate(limits):
            _forget_empty(self._own[limit.kind, limit.rate], now)
            tats, name = self._find(limit)
            level = max(tats.get(name, 0.0) - now, 0.0)
            if wait := limit.wait(level):
                return Hit(place, level, wait)
            level += limit.gap
            tats[name] = now + level
            tats.move_to_end(name)
        return Hit(len(limits), level)

    async def levels(self, *limits: Limit) -> Sequence[float]:
        now, found = monotonic(), [self._find(limit) for limit in limits]
        return [max(tats.get(name, 0.0) - now, 0.0) for tats, name in found]

    async def give_back(self, limit: Limit) -> None:
        tats, name = self._find(limit)
        if name in tats:
            tats[name] -= limit.gap

    async def clear(self, limit: Limit) -> None:
        self._own[limit.kind, limit.rate].pop(limit.who, None)

    def _find(self, limit: Limit) -> tuple[_Tats, Hashable]:
        """Return the counters of that kind, and the name of the one that counts here."""
        kind = limit.kind, limit.rate
        if limit.who in self._own[kind] or len(self._own[kind]) < _MOST:
            return self._own[kind], limit.who
        return self._shared[kind], hash(limit.who) % _SHARED  # seeded in each process: no client chooses its neighbours


def _forget_empty(tats: _Tats, now: float) -> None:
    for _ in range(_FORGOTTEN_AT_ONCE):
        first = next(iter(tats), None)
        if first is None or tats[first] > now:
            return
        del tats[first]
