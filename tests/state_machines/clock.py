"""A clock that only a test moves, for the service and for the database's own time."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from advanced_alchemy.types import DateTimeUTC

from keyturn.service.clock import now
from keyturn.service.database import Database


class Clock:
    """The time of every process and of the database."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def move(self, by: timedelta) -> None:
        self.moment += by


@contextmanager
def standing_clock() -> Iterator[Clock]:
    """Stop the clock of all modules of Keyturn, and let a database read it as well.

    A module that is imported in the meantime takes the clock over, so that each is searched again at the end.
    """
    clock = Clock(datetime(2030, 1, 1, tzinfo=UTC))

    def read_clock(_: Database, later: timedelta = timedelta(0)) -> sa.ColumnElement[datetime]:
        return sa.bindparam(None, callable_=lambda: clock.now() + later, type_=DateTimeUTC())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "clock", read_clock)
        _replace(now, clock.now)
        try:
            yield clock
        finally:
            _replace(clock.now, now)


def _replace(old: object, new: object) -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("keyturn.") and getattr(module, "now", None) == old:
            module.now = new  # type: ignore[attr-defined]
