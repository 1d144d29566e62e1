"""What was read of an app's table, and statements over it: a refused one means that the app has changed the table."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.database import Database
from keyturn.service.database.unready import describe_error, is_refusal
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.accounts")

_Reading = TypeVar("_Reading")
_Result = TypeVar("_Result")


class KnownTable(Generic[_Reading]):
    """Holds what `read` tells of the table's columns, until its database refuses a statement.

    `latest`: that reading; None before the first use and after a refusal.
    """

    def __init__(self, place: Database | AppDatabase, name: str, read: Callable[[Connection], _Reading]) -> None:
        self.place = place
        self.latest: _Reading | None = None
        self._name = name
        self._read = read
        self._lock = asyncio.Lock()

    async def require_ready(self) -> _Reading:
        """Read the columns again. Raises SettingsInvalid if the table does not match the settings."""
        self.latest = None
        return await self._reading()

    async def now(self) -> _Reading:
        """Return the reading. Raises AccountsUnready for a table that does not match: callers cannot correct it."""
        try:
            return await self._reading()
        except SettingsInvalid as invalid:
            faults = "; ".join(map(str, invalid.faults))
            log.error(LogEvent("accounts.changed", table=self._name, reason=faults))
            raise AccountsUnready(f"the table of the accounts does not match the settings: {faults}") from None

    async def _reading(self) -> _Reading:
        async with self._lock:
            reading = self.latest  # a transaction in another thread may reset it in the meantime
            if reading is None:
                reading = self.latest = await self.place.read(self._read)
            return reading

    async def read(self, work: Callable[[Connection], _Result]) -> _Result:
        # Before the database takes a refusal for an outage.
        return await self.place.read(self.refusals_as_unready()(work))

    async def transact(self, work: Callable[[Connection], _Result]) -> _Result:
        return await self.place.transact(self.refusals_as_unready()(work))

    @contextmanager
    def refusals_as_unready(self) -> Iterator[None]:
        """Raise AccountsUnready for a refused statement: the app's table has changed.

        Further lines of a driver's message may hold the row, with its hash, and are left out.
        """
        try:
            yield
        except DBAPIError as error:
            if not is_refusal(error):
                raise
            self.latest = None
            cause = describe_error(error.orig or error)
            log.error(LogEvent("accounts.refused", table=self._name, reason=cause))
            not_changed = isinstance(error, IntegrityError)
            reason = f"the database of the accounts refused a statement: {cause}"
            raise AccountsUnready(reason, not_changed=not_changed) from None

    async def close(self) -> None:
        """Close the app's database; Keyturn's own has another owner."""
        if isinstance(self.place, AppDatabase):
            await self.place.close()
