"""Fails tests whose transactions work long between statements: they block PostgreSQL's event loop or SQLite's lock."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from keyturn.database import Database

_LONGEST = 0.060
"""Seconds of processor time that a function may take between two of its statements.

The rule is 10 ms. On a slow machine with other work to do, building a statement for the first time took 31 ms.
"""

_LONGEST_WAIT = 0.5
"""Seconds between two statements, without waits for a processor. Input or output would take longer."""

_OF_THIS_THREAD = Path("/proc/thread-self/schedstat")
"""Nanoseconds on a processor, and waiting for one (Linux, Documentation/scheduler/sched-stats.rst)."""


@contextmanager
def failing_where_the_loop_is_held(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail at the end if the function of a transaction took too long between two statements."""
    watched: dict[Connection, _Watch] = {}
    transact, execute = Database.transact, Connection.execute

    async def transact_watched(database: Database, work: Callable[[Connection], Any]) -> Any:
        def work_watched(connection: Connection) -> Any:
            watch = watched[connection] = _Watch(too_long)
            try:
                with watch:
                    return work(connection)
            finally:
                del watched[connection]

        return await transact(database, work_watched)

    def execute_unwatched(connection: Connection, *given: Any, **named: Any) -> Any:
        watch = watched.get(connection)
        if watch is None:
            return execute(connection, *given, **named)
        watch.stop(given[0])
        try:
            return execute(connection, *given, **named)
        finally:
            watch.start()

    too_long: list[str] = []
    monkeypatch.setattr(Database, "transact", transact_watched)
    monkeypatch.setattr(Connection, "execute", execute_unwatched)
    yield
    assert not too_long, f"a transaction did something other than its statements: {too_long}"


def _time_but_for_others() -> float:
    """Return the clock's seconds minus those that this thread has waited for a processor."""
    try:
        waited = int(_OF_THIS_THREAD.read_text().split()[1])
    except FileNotFoundError:  # not Linux
        waited = 0
    return time.monotonic() - waited / 1e9


class _Watch:
    """Measures the time between statements, with the garbage collector off, since other code causes its pauses."""

    def __init__(self, too_long: list[str]) -> None:
        self._too_long = too_long
        self._begun = self._begun_at = 0.0

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self.stop("COMMIT")

    def start(self) -> None:
        gc.disable()
        self._begun, self._begun_at = time.thread_time(), _time_but_for_others()

    def stop(self, statement: object) -> None:
        took, waited = time.thread_time() - self._begun, _time_but_for_others() - self._begun_at
        gc.enable()
        if took > _LONGEST or waited > _LONGEST_WAIT:
            self._too_long.append(f"{took:.3f} s of work in {waited:.3f} s, before {statement}")
