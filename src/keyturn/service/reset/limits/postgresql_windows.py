"""Moving windows in the PostgreSQL that all processes share anyway."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, Connection, Double, LargeBinary, Text, TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.service.clock import ahead
from keyturn.service.database import Database, Model
from keyturn.service.database.batching import Batcher
from keyturn.service.database.unready import describe_error
from keyturn.service.problems.requests import DatabaseUnready, LimitsUnready
from keyturn.service.settings.building import Rate

Limit = tuple[Rate, str, str]
"""A rate, the kind of requests, and whom it counts."""

_TRIAL = Rate(1, 1)

_MOMENTS = 100
"""Most moments of a window. If a limit is larger, each moment stands for several requests, at the time of the last."""


class RateWindowRow(Model):
    """The last accepted requests of a client or an account. Only PostgreSQL has rows; a crash empties the table.

    A limit of `amount` requests in `seconds` has at most 100 `moments`, in seconds since 1970, in order. Each stands
    for `weight` requests, the last one for `newest`.

    `key`: the SHA-256 of the limit and of what it counts.
    `taken`: how many requests the last statement has counted.
    `expires_at`: when the row becomes useless, rounded up to a minute. Most updates thus change no index, and use the
    room beside the row instead of a vacuum (https://www.postgresql.org/docs/current/storage-hot.html).
    """

    __tablename__ = "keyturn_rate_windows"

    key: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    amount: Mapped[int]
    seconds: Mapped[float] = mapped_column(Double)
    weight: Mapped[int]
    moments: Mapped[Any] = mapped_column(Text().with_variant(ARRAY(Double), "postgresql"))
    newest: Mapped[int]
    taken: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(index=True)


# What a row contains once it is locked decides, since `seen` is of an earlier moment.
_TAKE = """
    INSERT INTO {table} AS kept (key, amount, seconds, weight, moments, newest, taken, expires_at)
    SELECT key, amount, seconds, weight, array_fill(now, ARRAY[(wanted - 1) / weight + 1]), (wanted - 1) % weight + 1,
        wanted, date_trunc('minute', to_timestamp(now + seconds)) + interval '1 minute'
    FROM {wanted}, least(hits, amount) AS wanted
    WHERE wanted > 0 AND wait IS NULL
    ORDER BY key
    ON CONFLICT (key) DO UPDATE SET (moments, newest, taken, expires_at) = (
        SELECT kept.moments[gone + 1 \\: gone + used / kept.weight]
                || array_fill(now, ARRAY[(used + taken - 1) / kept.weight + 1 - used / kept.weight]),
            (used + taken - 1) % kept.weight + 1, taken, excluded.expires_at
        FROM greatest(excluded.moments[1], kept.moments[cardinality(kept.moments)]) AS now,
            width_bucket(now - kept.seconds, kept.moments) AS gone,
            greatest(0, (cardinality(kept.moments) - gone - 1) * kept.weight + kept.newest) AS used,
            least(excluded.taken, kept.amount - used) AS taken
    )
    WHERE (cardinality(kept.moments) - width_bucket(excluded.moments[1] - kept.seconds, kept.moments) - 1)
        * kept.weight + kept.newest < kept.amount
    RETURNING key, taken
"""

# The parameters are in selects of their own: the planner does not see how long the lists are, so one plan serves all.
# A full window is only read: a client whose limit is used up costs no write and waits for no lock. Rows are written in
# the order of their keys, and those that others lead to after them, so that statements of several processes cannot
# deadlock.
_COUNT = """
WITH given AS (
    SELECT *, extract(epoch FROM statement_timestamp() + CAST(:ahead AS interval))::float8 AS now
    FROM unnest((SELECT CAST(:keys AS bytea[])), (SELECT CAST(:hits AS int[])), (SELECT CAST(:amounts AS int[])),
        (SELECT CAST(:seconds AS float8[])), (SELECT CAST(:weights AS int[])), (SELECT CAST(:leads AS bytea[])))
        AS given (key, hits, amount, seconds, weight, leads_to)
), seen AS (
    SELECT given.*, (
        SELECT kept.moments[gone + 1] + kept.seconds - now
        FROM {table} AS kept, width_bucket(now - kept.seconds, kept.moments) AS gone
        WHERE kept.key = given.key
            AND (cardinality(kept.moments) - gone - 1) * kept.weight + kept.newest >= kept.amount
    ) AS wait
    FROM given
), counted AS ({counted}
), led AS (
    SELECT key, led.hits, amount, seconds, weight, now, wait
    FROM (SELECT leads_to AS key, sum(taken)::int AS hits FROM seen JOIN counted USING (key) GROUP BY leads_to) AS led
        JOIN seen USING (key)
), counted_next AS ({counted_next}
)
SELECT key, coalesce(counted.taken, counted_next.taken, 0) AS taken, wait
FROM seen LEFT JOIN counted USING (key) LEFT JOIN counted_next USING (key)
"""

_TAKEN_FROM = {"counted": "seen", "counted_next": "led"}

_GIVE_BACK = """
UPDATE {table} SET newest = CASE WHEN newest > 1 THEN newest - 1 ELSE weight END,
    moments = CASE WHEN newest > 1 THEN moments ELSE moments[1 \\: cardinality(moments) - 1] END
WHERE key = :key
"""

_CLEAR = "DELETE FROM {table} WHERE key = :key"


class _Window(NamedTuple):
    key: bytes
    amount: int
    seconds: float
    weight: int


class _Ask(NamedTuple):
    """A request to count in a window and then in the `next` one. `counts`: False to only look at the window."""

    window: _Window
    counts: bool = True
    next: _Window | None = None


_Waits = Sequence[float | None]
"""Seconds to wait for a window and for the next: 0 if the request was counted, None if that is not known."""


class PostgresqlWindows:
    """Counts with one statement, which commits by itself: no lock waits for this process. Raises LimitsUnready.

    Requests that wait at the same moment share the statement.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._count, self._give_back, self._clear = (
            _statement(sql, database.schema) for sql in (_COUNT, _GIVE_BACK, _CLEAR)
        )
        # Two, because a statement cannot write a row twice: a window may be asked by itself, and follow another one.
        self._pairs: Batcher[_Ask, _Waits]
        self._single: Batcher[_Ask, _Waits]
        self._pairs, self._single = (
            Batcher(self._answer, common=DatabaseUnready, in_time=database.in_time) for _ in range(2)
        )

    async def hit(self, *limits: Limit) -> tuple[int, float]:
        """Count two limits at a time: the second row of a statement is written after the first was."""
        windows = [_window(*limit) for limit in limits]
        place, in_pairs = 0, True
        with _unready_where_lost():
            while place < len(windows):
                if in_pairs and place + 1 < len(windows):
                    waits = await self._pairs.submit(_Ask(windows[place], next=windows[place + 1]))
                else:
                    waits = (await self._single.submit(_Ask(windows[place])))[:1]
                for wait in waits:
                    if wait is None:  # the window filled up between the look and the write, so look again
                        in_pairs = False
                        break
                    if wait:
                        return place, wait
                    place += 1
        return place, 0

    async def wait(self, rate: Rate, kind: str, who: str) -> float:
        with _unready_where_lost():
            wait, *_ = await self._single.submit(_Ask(_window(rate, kind, who), counts=False))
        return wait or 0

    async def give_back(self, rate: Rate, kind: str, who: str) -> None:
        with _unready_where_lost():
            await self._execute(self._give_back, {"key": _window(rate, kind, who).key})

    async def clear(self, rate: Rate, kind: str, who: str) -> None:
        with _unready_where_lost():
            await self._execute(self._clear, {"key": _window(rate, kind, who).key})

    async def require_ready(self) -> None:
        await self.hit((_TRIAL, "trial", ""))

    async def close(self) -> None:
        """Do nothing: the database is its owner's to close."""

    async def _answer(self, asks: Sequence[_Ask]) -> Sequence[_Waits]:
        hits: Counter[_Window] = Counter()
        leads = {}
        for window, counts, following in asks:
            hits[window] += counts
            if following:
                hits[following] += 0
                leads[window] = following.key
        keys, amounts, seconds, weights = map(list, zip(*hits, strict=True))
        given: dict[str, Any] = {
            "keys": keys,
            "hits": list(hits.values()),
            "amounts": amounts,
            "seconds": seconds,
            "weights": weights,
        }
        given |= {"leads": [leads.get(window) for window in hits], "ahead": ahead()}
        rows = await self._execute(self._count, given)
        left = {row.key: row.taken for row in rows}
        waits = {row.key: None if row.wait is None else max(row.wait, math.ulp(0)) for row in rows}

        def take(window: _Window, *, counts: bool) -> float | None:
            is_counted = counts and left[window.key] > 0
            left[window.key] -= is_counted
            return 0 if is_counted else waits[window.key]

        answers: list[_Waits] = []
        for window, counts, following in asks:
            first = take(window, counts=counts)
            answers.append((first, take(following, counts=True) if following and first == 0 else None))
        return answers

    async def _execute(self, statement: TextClause, given: Mapping[str, Any]) -> Sequence[Any]:
        def execute(connection: Connection) -> Sequence[Any]:
            result = connection.execute(statement, given)
            return result.all() if result.returns_rows else []

        # A read commits by itself: a process that is suspended within a transaction would hold up all others.
        while True:
            try:
                return await self._database.read(execute)
            except DatabaseUnready as error:  # a server whose transactions are serializable undoes one of two at once
                if not error.not_committed:
                    raise


def _statement(sql: str, schema: str) -> TextClause:
    quoted = '"' + schema.replace('"', '""') + '".' if schema else ""
    table = f"{quoted}{RateWindowRow.__tablename__}"
    takes = {name: _TAKE.format(table=table, wanted=wanted) for name, wanted in _TAKEN_FROM.items()}
    return text(sql.format(table=table, **takes))


def _window(rate: Rate, kind: str, who: str) -> _Window:
    amount, seconds = rate.amount, rate.seconds
    key = sha256(f"{kind}/{amount}/{seconds}/{who}".encode()).digest()
    return _Window(key, amount, seconds, -(-amount // _MOMENTS))


@contextmanager
def _unready_where_lost() -> Iterator[None]:
    try:
        yield
    except (DatabaseUnready, DBAPIError) as error:  # also a table that is missing, or that this role may not write
        reason = error if isinstance(error, DatabaseUnready) else describe_error(error)
        raise LimitsUnready(f"the limits cannot be counted: {reason}") from error
