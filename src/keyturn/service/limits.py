"""Counts against limits that refill: with one number for each counter, in the database or in memory.

The generic cell rate algorithm (GCRA; ITU-T I.371, annex A; https://brandur.org/rate-limiting) keeps only the time at
which a counter will be empty again, its theoretical arrival time (TAT). "3/minute" lets three requests through at once
and refuses the fourth, then lets one through each 20 seconds. A refused request is not counted where it is
refused.

One statement decides and counts, so concurrent processes cannot exceed a limit. A counter without a row, or whose TAT
is past, is empty: such rows may be deleted at any time.
"""

import math
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import msgspec
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
"""Seconds that a request may be let through early."""


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
        return self.rate.seconds - self.gap + self.rounding

    @property
    def rounding(self) -> float:
        """Seconds that a level may be above a room: sums of floating-point numbers are not exact."""
        return min(self.gap / 2, _ROUNDING)

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


# `excluded` is the row that an empty counter would get: its TAT is one gap after now. In the order of their keys:
# statements that count several cannot wait for each other in a circle.
_COUNT = """
INSERT INTO {table} AS kept (key, tat)
SELECT given.key, {now} + given.gap FROM ({given}) AS given {after}
WHERE {unless_full}
ORDER BY given.key
ON CONFLICT (key) DO UPDATE SET tat = {greatest}(kept.tat + excluded.tat - {now}, excluded.tat)
WHERE kept.tat <= {now} + {more} * (excluded.tat - {now}) + :rounding_{n}
RETURNING key, tat - {now} AS level
"""
_UNLESS_FULL = """NOT EXISTS (
    SELECT 1 FROM {table} AS kept
    WHERE kept.key = given.key AND kept.tat > {now} + {more} * given.gap + :rounding_{n}
)"""
"""Refused requests then write nothing to PostgreSQL, where an upsert would lock the row."""

_GIVEN = {
    "sqlite": "SELECT unhex(value ->> 0) AS key, value ->> 1 AS gap FROM json_each(:given_{n})",
    "postgresql": "SELECT decode(value ->> 0, 'hex') AS key, CAST(value ->> 1 AS DOUBLE PRECISION) AS gap "
    "FROM json_array_elements(CAST(:given_{n} AS json))",
}
_IN_TURN = "WITH {named} SELECT {levels}, set_config('synchronous_commit', {durable}, TRUE)"
_DURABLE = "CASE WHEN :waits THEN current_setting('synchronous_commit') ELSE 'off' END"
"""A count by itself waits for no disk (https://www.postgresql.org/docs/current/wal-async-commit.html): a crash of the
server loses the counts of its last second. In a caller's transaction, the setting of the server holds."""

_COUNTED = "(SELECT level FROM counted_{n}) AS level_{n}"
_LEVELS = "SELECT key, tat - {now} FROM {table} WHERE key IN :keys"
_GIVE_BACK = "UPDATE {table} SET tat = tat - :gap WHERE key = :key"
_FILL = "UPDATE {table} SET tat = {now} + {level} WHERE key = :key AND tat < {now} + {level}"
_CLEAR = "DELETE FROM {table} WHERE key = :key"
_FORGET = "DELETE FROM {table} WHERE key IN (SELECT key FROM {table} WHERE tat < {now} LIMIT {batch} {skipping})"
_BATCH = 1_000

_TRIES = 10
"""Of a count that a server with serializable transactions undoes, since another was first."""


class StoredCounters:
    """The counters in the database. The plain methods work in the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        schema = '"' + database.schema.replace('"', '""') + '".' if database.schema else ""
        self._words = {"table": f"{schema}{LimitRow.__tablename__}"}
        if database.is_sqlite:
            self._words |= {"now": ":now", "greatest": "max", "skipping": ""}
        else:  # machines share the server's time
            now = "CAST(extract(epoch FROM statement_timestamp() + CAST(:ahead AS interval)) AS DOUBLE PRECISION)"
            self._words |= {"now": now, "greatest": "greatest"}
            # Counters that requests are using stay, and no statement waits for another in a circle.
            self._words["skipping"] = "FOR UPDATE SKIP LOCKED"
        self._each = sa.text(self._step(0))
        self._in_turn: dict[int, sa.TextClause] = {}
        self._levels = sa.text(_LEVELS.format(**self._words)).bindparams(sa.bindparam("keys", expanding=True))
        words = {"batch": _BATCH, "level": "CAST(:level AS DOUBLE PRECISION)", **self._words}
        self._given_back, self._filled, self._cleared, self._forgotten = [
            sa.text(sql.format(**words)) for sql in (_GIVE_BACK, _FILL, _CLEAR, _FORGET)
        ]

    async def hit(self, *limits: Limit) -> Hit:
        return await self._run(lambda connection: self.count(connection, *limits, waits=False))

    async def levels(self, *limits: Limit) -> Sequence[float]:
        return await self._run(lambda connection: self.look(connection, *limits), reads=True)

    async def give_back(self, limit: Limit) -> None:
        await self._run(lambda connection: self.undo(connection, limit))

    async def clear(self, limit: Limit) -> None:
        await self._run(lambda connection: self.empty(connection, limit))

    async def fill(self, limit: Limit, level: float) -> None:
        """Raise the counter to a level, if it has one."""
        given = {"key": limit.key, "level": level, **self._time()}
        await self._run(lambda connection: connection.execute(self._filled, given).rowcount)

    async def forget_empty(self) -> int:
        """Delete the rows of empty counters; return their number."""
        done = 0
        while True:
            batch = await self._run(lambda connection: connection.execute(self._forgotten, self._time()).rowcount)
            done += batch
            if batch < _BATCH:
                return done

    def count(self, connection: sa.Connection, *limits: Limit, wanted: bool = True, waits: bool = True) -> Hit:
        """Count as `hit` does. If it is not `wanted`, the same statements count nothing.

        `waits`: let PostgreSQL's commit wait for the disk.
        """
        levels = self._count_in_turn(connection, limits, wanted=wanted, waits=waits)
        if None not in levels or not wanted:
            return Hit(len(limits) * wanted, levels[-1] or 0)
        place = levels.index(None)
        (level,) = self.look(connection, limits[place])
        return Hit(place, level, max(limits[place].wait(level), _ROUNDING))

    def count_each(
        self, connection: sa.Connection, limits: Sequence[Limit], wanted: Sequence[bool]
    ) -> Sequence[float | None]:
        """Count a request against each of the wanted limits; return their levels, and None for the full and unwanted.

        The limits have the same amount. If none is wanted, the same statement counts nothing.
        """
        levels: list[float | None] = [None] * len(limits)
        left = [place for place, is_wanted in enumerate(wanted) if is_wanted]
        while True:
            first = {limits[place].key: place for place in reversed(left)}  # no statement may write a row twice
            given = self._time() | _parameters([limits[place] for place in first.values()])
            counted = {bytes(key): level for key, level in connection.execute(self._each, given)}
            for key, place in first.items():
                levels[place] = counted.get(key)
            left = [place for place in left if place not in first.values()]
            if not left:
                return levels

    def look(self, connection: sa.Connection, *limits: Limit) -> Sequence[float]:
        """Return what `levels` does."""
        rows = connection.execute(self._levels, {"keys": [limit.key for limit in limits], **self._time()})
        found = {bytes(key): max(0.0, level) for key, level in rows}
        return [found.get(limit.key, 0.0) for limit in limits]

    def undo(self, connection: sa.Connection, limit: Limit) -> None:
        """Undo one count."""
        connection.execute(self._given_back, {"key": limit.key, "gap": limit.gap})

    def empty(self, connection: sa.Connection, limit: Limit) -> bool:
        """Empty the counter; return whether there was one."""
        return bool(connection.execute(self._cleared, {"key": limit.key}).rowcount)

    def _count_in_turn(
        self, connection: sa.Connection, limits: Sequence[Limit], *, wanted: bool, waits: bool
    ) -> Sequence[float | None]:
        """Return the levels after the count: None for a full limit, and for those after it."""
        if not self._database.is_sqlite:
            given = self._time() | {"waits": waits}
            for place, limit in enumerate(limits):
                given |= _parameters([limit] if wanted else [], place)
            return list(connection.execute(self._statement(len(limits)), given).one())[: len(limits)]
        levels: list[float | None] = []
        for limit in limits:
            levels += self.count_each(connection, [limit], [wanted and None not in levels])
        return levels

    def _statement(self, number: int) -> sa.TextClause:
        """Return the statement that counts against so many limits in turn, for PostgreSQL."""
        if number not in self._in_turn:
            named = ", ".join(f"counted_{place} AS ({self._step(place)})" for place in range(number))
            levels = ", ".join(_COUNTED.format(n=place) for place in range(number))
            self._in_turn[number] = sa.text(_IN_TURN.format(named=named, levels=levels, durable=_DURABLE))
        return self._in_turn[number]

    def _step(self, place: int) -> str:
        dialect = self._database.dialect.name
        parts = {
            "more": f"(CAST(:amount_{place} AS DOUBLE PRECISION) - 1)",
            "given": _GIVEN[dialect].format(n=place),
            "after": f", counted_{place - 1}" if place else "",
        }
        parts["unless_full"] = "TRUE" if dialect == "sqlite" else _UNLESS_FULL.format(n=place, **parts, **self._words)
        return _COUNT.format(n=place, **parts, **self._words)

    def _time(self) -> dict[str, Any]:
        return {"now": unix()} if self._database.is_sqlite else {"ahead": ahead()}

    async def _run(self, work: Callable[[sa.Connection], _Result], *, reads: bool = False) -> _Result:
        # On PostgreSQL a read commits each statement by itself: a process that is suspended holds no lock of a counter.
        run = self._database.transact if self._database.is_sqlite and not reads else self._database.read
        tries = 0
        while True:
            tries += 1
            try:
                return await run(work)
            except DatabaseUnready as error:
                if self._database.is_sqlite or not error.not_committed or tries == _TRIES:
                    raise LimitsUnready(f"the limits cannot be counted: {error}") from error
                # A server whose transactions are serializable has undone one of two at once: the other has counted.
            except DBAPIError as error:  # such as a table that is missing, or that this role may not write
                raise LimitsUnready(f"the limits cannot be counted: {describe_error(error)}") from error


def _parameters(limits: Sequence[Limit], place: int = 0) -> dict[str, Any]:
    """Return the parameters of a step: keys and gaps as one text, since a list costs SQLAlchemy more for each value."""
    given = msgspec.json.encode([[limit.key.hex(), limit.gap] for limit in limits]).decode()
    amount, rounding = (limits[0].rate.amount, limits[0].rounding) if limits else (1, 0.0)
    return {f"given_{place}": given, f"amount_{place}": amount, f"rounding_{place}": rounding}


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
