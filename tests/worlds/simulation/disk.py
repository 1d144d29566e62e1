"""SQLite's disk, with its faults: a full disk, a commit that fails, one whose answer is lost, a
file that is locked.
"""

import sqlite3
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import msgspec
from sqlalchemy import Engine, event
from tests.driver.store_faults import ANY_CLAIM
from tests.worlds.simulation.loop import PROCESS, Story

_WRITES = "keyturn-sqlite-writes"


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """How often a write meets each fault, in [0, 1].

    `full`: the disk is full as the transaction begins. `failed`: the commit fails, and nothing is
    written.
    `lost`: all is written, and the commit reports an error. `locked`: another connection writes for
    half a minute.
    `slow`: the file is locked for so long that some callers give up.
    """

    full: float = 0.0
    failed: float = 0.0
    lost: float = 0.0
    locked: float = 0.0
    slow: float = 0.0


SOUND = Faults()


class Disk:
    """Does the work of SQLite's threads, and injects faults into writes.

    `throttled`: the process whose writes take seconds each, or "".
    `keeps_halves`: it becomes full in the midst of a transaction, and a rollback keeps what was
    written until then.
    `has_room_unsaid`: a commit whose answer is lost says that the disk is full.
    """

    now: ClassVar["Disk"]
    keeps_halves: ClassVar[bool] = False
    has_room_unsaid: ClassVar[bool] = False

    def __init__(self, random: Random, story: Story) -> None:
        self.faults = SOUND
        self.writes = 0
        self.throttled = ""
        self._random = random
        self._story = story
        self._fault = ""
        self._room = 0

    @staticmethod
    def install() -> None:
        """Let all connections from now on meet the faults of `Disk.now`, in the working directory
        of their time.
        """

        @event.listens_for(Engine, "do_connect")
        def open_here(_: object, __: object, arguments: Any, named: Any) -> None:
            arguments[0] = Path(arguments[0]).name
            named["factory"] = _faulty(named.get("factory", sqlite3.Connection))

    def do(self, pool: str, work: Callable[[], Any]) -> Any:
        if pool != _WRITES:
            return work()
        self.writes += 1
        self._fault = self._draw()
        self._room = self._random.randrange(2, 10) if Disk.keeps_halves else 0
        try:
            return work()
        finally:
            self._fault = ""

    def delay(self, pool: str) -> float:
        """Return the seconds until a thread begins, or until its answer arrives."""
        if pool == _WRITES and PROCESS.get() == self.throttled:
            return self._random.uniform(1, 15)
        if pool == _WRITES and self.faults.slow and self._random.random() < self.faults.slow:
            return self._random.uniform(10, 40)
        return self._random.uniform(0.0001, 0.004) * (20 if self._random.random() < 0.02 else 1)

    def meet(self, *faults: str) -> str:
        """Return the fault of this write if it is one of these; it is then over."""
        fault = self._fault if self._fault in faults else ""
        if fault:
            self._story.tell(f"{PROCESS.get()} meets its disk: {fault}")
            self._fault = ""
        return fault

    def is_full(self) -> bool:
        self._room -= 1
        return self._room < 0 and bool(self.meet("full"))

    def _draw(self) -> str:
        drawn = self._random.random()
        for name in ("full", "failed", "lost", "locked"):
            drawn -= getattr(self.faults, name)
            if drawn < 0:
                return name
        return ""


def _error(message: str, code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(message)
    error.sqlite_errorcode = code
    return error


@cache
def _faulty(driver: Any) -> Any:
    """Return a kind of connection that meets faults, and is otherwise like `driver`."""

    class FaultyConnection(driver):  # type: ignore[misc]
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self.create_collation(ANY_CLAIM, lambda _, __: 0)

        def cursor(self, *given: Any, **named: Any) -> Any:
            if Disk.now.meet("locked"):
                raise _error("database is locked", sqlite3.SQLITE_BUSY)
            if Disk.now.is_full():
                raise _error("database or disk is full", sqlite3.SQLITE_FULL)
            return super().cursor(*given, **named)

        def commit(self) -> None:
            if self.in_transaction and Disk.now.meet("failed"):
                raise _error("disk I/O error", sqlite3.SQLITE_IOERR)
            super().commit()
            if Disk.now.meet("lost"):
                code = sqlite3.SQLITE_FULL if Disk.has_room_unsaid else sqlite3.SQLITE_IOERR
                raise _error("disk I/O error", code)

        def rollback(self) -> None:
            if Disk.keeps_halves:
                super().commit()
            super().rollback()

    return FaultyConnection
