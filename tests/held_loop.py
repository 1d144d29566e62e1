"""Whether transactions let the event loop go on: on PostgreSQL their functions run on it, between statements."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import greenlet
import pytest
from sqlalchemy import Connection

from keyturn.database import Database

_LONGEST = 0.010
"""Seconds of the processor's time that a function may take between two statements, theirs included."""


@contextmanager
def failing_where_the_loop_is_held(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail at the end where a function of a transaction held the event loop for too long at a time."""
    stretches = _Stretches()
    transact = Database.transact

    async def transact_watched(database: Database, work: Callable[[Connection], Any]) -> Any:
        if database.is_sqlite:  # there it has a thread of its own
            return await transact(database, work)
        return await transact(database, lambda connection: stretches.watch(work, connection))

    monkeypatch.setattr(Database, "transact", transact_watched)
    yield
    assert not stretches.too_long, f"the event loop was held: {stretches.too_long}"


class _Stretches:
    """Measures how long a function runs before it waits for its connection, which another greenlet does for it."""

    def __init__(self) -> None:
        self._begun: dict[greenlet.greenlet, tuple[float, str]] = {}
        self.too_long: list[str] = []

    def watch(self, work: Callable[[Connection], Any], connection: Connection) -> Any:
        own = greenlet.getcurrent()
        self._begun[own] = time.thread_time(), str(work)
        greenlet.settrace(self._note_switch)
        try:
            return work(connection)
        finally:
            self._end(own)
            del self._begun[own]
            if not self._begun:
                greenlet.settrace(None)

    def _note_switch(self, _: str, greenlets: tuple[greenlet.greenlet, greenlet.greenlet]) -> None:
        left, entered = greenlets
        if left in self._begun:
            self._end(left)
        if entered in self._begun:
            self._begun[entered] = time.thread_time(), self._begun[entered][1]

    def _end(self, one: greenlet.greenlet) -> None:
        begun, name = self._begun[one]
        if (took := time.thread_time() - begun) > _LONGEST:
            self.too_long.append(f"{took:.3f} s by {name}")
