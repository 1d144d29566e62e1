"""The table of counters, and its statements, for SQLite and PostgreSQL."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.service.clock import replacing, unix
from keyturn.service.database import Model


class LimitRow(Model):
    """A counter. `tat`: the time at which it is empty again, in seconds since 1970."""

    __tablename__ = "keyturn_limits"

    key: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    tat: Mapped[float] = mapped_column(sa.Double)


class Count(NamedTuple):
    """What to add to a counter, and the highest level at which that is allowed, both in seconds."""

    key: str
    added: float
    most: float


def find_levels(connection: sa.Connection, keys: Sequence[str]) -> Mapping[str, float]:
    """Return the levels of the counters that have a row, by their keys. They may be below zero."""
    counts = [Count(key, 0, 0) for key in keys]
    rows = _execute(connection, _LEVELS, given=_as_json(counts))
    return {row.key: row.level for row in rows}


def add(
    connection: sa.Connection, counts: Sequence[Count], *, together: bool, waits: bool
) -> Mapping[str, float]:
    """Count, and return the new levels of the counters that had room, by their keys.

    `together`: count all, or none if a counter has no room.
    `waits`: the commit waits for the disk, as PostgreSQL's settings say.
    """
    rows = _execute(connection, _COUNT, given=_as_json(counts), together=together, waits=waits)
    return {row.key: row.level for row in rows}


def give_back(connection: sa.Connection, key: str, gap: float) -> None:
    """Lower a counter's level by `gap` seconds."""
    _execute(connection, _GIVE_BACK, key=key, gap=gap)


def clear(connection: sa.Connection, key: str) -> bool:
    """Empty a counter; return whether there was one."""
    return bool(_execute(connection, _CLEAR, key=key).rowcount)


_LEVELS = """
WITH given AS ({given})
SELECT key, tat - {now} AS level FROM {table} JOIN given USING (key)
"""

# The database checks the condition against the row at that moment, so processes that count at the
# same time cannot fill a counter beyond its `most`. `excluded` is the row that an empty counter
# would get. Rows are written in the order of their keys, so that two statements that count several
# cannot deadlock.
_COUNT = """
WITH given AS ({given}),
crowded AS (SELECT key FROM {table} JOIN given USING (key) WHERE tat > {now} + most)
INSERT INTO {table} AS kept (key, tat)
SELECT key, {now} + added FROM given
WHERE NOT (:together AND EXISTS (SELECT 1 FROM crowded)) ORDER BY key
ON CONFLICT (key) DO UPDATE
SET tat = excluded.tat + CASE WHEN kept.tat > {now} THEN kept.tat - {now} ELSE 0 END
WHERE kept.tat <= {now} + (SELECT most FROM given WHERE given.key = kept.key)
RETURNING key, tat - {now} AS level{durable}
"""

_GIVE_BACK = "UPDATE {table} SET tat = tat - :gap WHERE key = :key"

_CLEAR = "DELETE FROM {table} WHERE key = :key"

_GIVEN_IN_SQLITE = """
SELECT value ->> 0 AS key, value ->> 1 AS added, value ->> 2 AS most FROM json_each(:given)
"""

_GIVEN_IN_POSTGRESQL = """
SELECT value ->> 0 AS key,
  CAST(value ->> 1 AS DOUBLE PRECISION) AS added,
  CAST(value ->> 2 AS DOUBLE PRECISION) AS most
FROM json_array_elements(CAST(:given AS json))
"""

# Machines share the server's time.
_NOW_IN_POSTGRESQL = """
CAST(extract(epoch FROM coalesce(CAST(:instead AS timestamptz), statement_timestamp()))
  AS DOUBLE PRECISION)
"""

# A count outside of a caller's transaction does not wait for the disk
# (https://www.postgresql.org/docs/current/wal-async-commit.html): a crash of the server loses the
# counts of its last second. In a caller's transaction, the server's setting applies.
_DURABLE_IN_POSTGRESQL = """
, set_config('synchronous_commit',
  CASE WHEN :waits THEN current_setting('synchronous_commit') ELSE 'off' END, TRUE)
"""

_WORDS: Mapping[str, Mapping[str, str]] = {
    "sqlite": {"given": _GIVEN_IN_SQLITE, "now": ":now", "durable": ""},
    "postgresql": {
        "given": _GIVEN_IN_POSTGRESQL,
        "now": _NOW_IN_POSTGRESQL,
        "durable": _DURABLE_IN_POSTGRESQL,
    },
}
"""What the databases write differently."""


def _execute(
    connection: sa.Connection, sql: str, **values: Any
) -> sa.CursorResult[*tuple[Any, ...]]:
    times = {"now": unix(), "instead": replacing()}
    return connection.execute(_statement(sql, connection.dialect.name), values | times)


@lru_cache
def _statement(sql: str, dialect: str) -> sa.TextClause:
    return sa.text(sql.format(table=LimitRow.__tablename__, **_WORDS[dialect]))


def _as_json(counts: Sequence[Count]) -> str:
    """Return the counts as one parameter: a list of parameters costs more."""
    return msgspec.json.encode(counts).decode()
