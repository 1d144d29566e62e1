"""Tells what a migration works on while one of its statements takes long."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError

from keyturn.service.database.database import Database
from keyturn.service.problems.requests import DatabaseUnready

_TABLE = re.compile(r"(?:TABLE|ON|UPDATE|INTO|FROM) (?:\w+\.)?(keyturn_\w+)")

# https://www.postgresql.org/docs/current/progress-reporting.html#CREATE-INDEX-PROGRESS-REPORTING
_STATE = text("""SELECT CASE WHEN wait_event_type = 'Lock' AND wait_event = 'advisory'
THEN 'waits for another migration' WHEN wait_event_type = 'Lock' THEN 'waits for a lock that another session holds'
ELSE coalesce(phase || coalesce(', ' || CASE WHEN tuples_total > 0 THEN 100 * tuples_done / tuples_total
    WHEN blocks_total > 0 THEN 100 * blocks_done / blocks_total END || ' %', ''),
    (SELECT 'about ' || reltuples::bigint || ' rows' FROM pg_class WHERE relname = :table AND reltuples > 0 LIMIT 1))
END AS state FROM pg_stat_activity LEFT JOIN pg_stat_progress_create_index USING (pid) WHERE pid = :pid""")


class Progress:
    """Calls `tell` with a line about a statement that takes longer than `after` seconds, and again each `every`."""

    def __init__(self, tell: Callable[[str], None], *, after: float = 2, every: float = 5) -> None:
        self._tell, self._after, self._every = tell, after, every
        self._pid: int | None = None
        self._running: tuple[str, float] | None = None

    @contextmanager
    def watching(self, connection: Connection) -> Iterator[None]:
        """Note when the connection's statements begin and end: on SQLite in its writer's thread."""
        if connection.dialect.name == "postgresql":
            self._pid = connection.scalar(text("SELECT pg_backend_pid()"))

        def begin(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            self._running = " ".join(statement.split()), monotonic()

        def end(*_: Any) -> None:
            self._running = None

        listeners = (("before_cursor_execute", begin), ("after_cursor_execute", end))
        for name, listener in listeners:
            event.listen(connection, name, listener)
        try:
            yield
        finally:  # SQLite's writer keeps its connection
            for name, listener in listeners:
                event.remove(connection, name, listener)

    async def follow(self, database: Database) -> None:
        """Tell about the statements until cancelled."""
        last = 0.0
        while True:
            await asyncio.sleep(min(self._every, 0.25))
            if (seen := self._running) and monotonic() >= max(seen[1] + self._after, last + self._every):
                state = await self._state(database, seen[0])
                if self._running is seen:
                    last = monotonic()
                    self._tell(", ".join(filter(None, [f"{last - seen[1]:.0f} s", state, seen[0][:90]])))

    async def _state(self, database: Database, statement: str) -> str:
        """Return how far PostgreSQL is, asked on a second connection; "" if it cannot tell, or on SQLite."""
        if self._pid is None:
            return ""
        given = {"pid": self._pid, "table": table[1] if (table := _TABLE.search(statement)) else ""}
        try:
            async with asyncio.timeout(2):
                (row,) = await database.fetch(_STATE, given)
                return str(row["state"] or "")
        except (DatabaseUnready, DBAPIError, TimeoutError, ValueError):
            return ""  # the migration goes on without
