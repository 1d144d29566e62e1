"""What was read of an app's table, and statements over it: a refused one means that the app has changed the table."""

from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.database import Database
from keyturn.service.database.unready import describe_error, is_refusal
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.telemetry.logs import LogEvent, log

_Reading = TypeVar("_Reading")
_Result = TypeVar("_Result")

TableWork = Callable[[Connection, _Reading], _Result]


class KnownTable(Generic[_Reading]):
    """Holds what `read` tells of the table's columns, until its database refuses a statement. Works get that reading.

    Each method raises AccountsUnready for a table that does not match the settings: callers cannot correct it.
    """

    def __init__(self, place: Database | AppDatabase, name: str, read: Callable[[Connection], _Reading]) -> None:
        self.place = place
        self._reading: _Reading | None = None
        self._name = name
        self._read = read

    async def require_ready(self) -> _Reading:
        """Read the columns again. Raises SettingsInvalid if the table does not match the settings."""
        self._reading = None  # one that no longer fits serves nobody
        self._reading = reading = await self.place.read(self._read)
        return reading

    async def now(self) -> _Reading:
        try:
            return self._reading or await self.require_ready()
        except SettingsInvalid as invalid:
            faults = "; ".join(map(str, invalid.faults))
            log.error(LogEvent("accounts.changed", table=self._name, reason=faults))
            raise AccountsUnready(f"the table of the accounts does not match the settings: {faults}") from None

    async def read(self, work: TableWork[_Reading, _Result]) -> _Result:
        return await self.place.read(partial(self._run, work, await self.now()))

    async def transact(self, work: TableWork[_Reading, _Result]) -> _Result:
        return await self.place.transact(partial(self._run, work, await self.now()))

    def within(self, connection: Connection, work: TableWork[_Reading, _Result]) -> _Result:
        """Run work in the caller's transaction, in which the columns cannot be read (`transact`)."""
        if (reading := self._reading) is None:  # refused since
            raise AccountsUnready("the table of the accounts has refused a statement", not_changed=True)
        return self._run(work, reading, connection)

    def _run(self, work: TableWork[_Reading, _Result], reading: _Reading, connection: Connection) -> _Result:
        """Raise AccountsUnready for a refused statement, before the database takes it for an outage.

        Further lines of a driver's message may hold the row, with its hash, and are left out.
        """
        try:
            return work(connection, reading)
        except DBAPIError as error:
            if not is_refusal(error):
                raise
            self._reading = None
            cause = describe_error(error.orig or error)
            log.error(LogEvent("accounts.refused", table=self._name, reason=cause))
            reason = f"the database of the accounts refused a statement: {cause}"
            raise AccountsUnready(reason, not_changed=isinstance(error, IntegrityError)) from None

    async def close(self) -> None:
        """Close the app's database; Keyturn's own has another owner."""
        if isinstance(self.place, AppDatabase):
            await self.place.close()
