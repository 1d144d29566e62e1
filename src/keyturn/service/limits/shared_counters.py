"""Counters in the database that all processes share, outside of a caller's transaction."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from keyturn.service.database import Database
from keyturn.service.database.batching import Batcher
from keyturn.service.database.unready import describe_error
from keyturn.service.limits.limit import Hit, Limit
from keyturn.service.limits.stored_counters import StoredCounters
from keyturn.service.problems.requests import DatabaseUnready, LimitsUnready

_Result = TypeVar("_Result")

_TRIES = 10
"""Tries of a count that a server with serializable transactions undoes."""


async def with_stored_counters(
    database: Database, work: Callable[[StoredCounters], _Result]
) -> _Result:
    """Return the result of `work` on the stored counters, apart from any caller's transaction.

    On PostgreSQL, each statement commits by itself: a suspended process then holds no lock of a
    counter. Raises LimitsUnready.
    """
    run = database.transact if database.is_sqlite else database.read
    tries = 0
    while True:
        tries += 1
        try:
            return await run(lambda connection: work(StoredCounters(connection, waits=False)))
        except DatabaseUnready as error:
            may_repeat = error.not_changed and not database.is_sqlite
            if not may_repeat or tries == _TRIES:
                raise _unready(error) from error
        except DBAPIError as error:
            # Such as a table that is missing, or that this role may not write.
            raise _unready(describe_error(error)) from error


def _unready(reason: object) -> LimitsUnready:
    return LimitsUnready(f"the limits cannot be counted: {reason}")


class SharedCounters:
    """Counts requests that wait at the same moment together.

    `database`: has the counters.
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
        except DatabaseUnready as error:  # the request waited too long
            raise _unready(error) from error

    async def _count_each(self, requests: Sequence[Sequence[Limit]]) -> Sequence[Hit]:
        """Count the requests by one statement as long as no limit is near."""

        def count(counters: StoredCounters) -> Sequence[Hit]:
            hits = counters.count_together(requests)
            if hits is None:
                hits = counters.count_each(requests)
            return hits

        return await with_stored_counters(self.database, count)
