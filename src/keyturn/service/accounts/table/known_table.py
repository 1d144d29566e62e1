"""An app's table, as its columns were read from the live database."""

from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.database import Database
from keyturn.service.database.unready import (
    describe_error,
    is_about_a_value,
    is_by_a_rule,
    is_refusal,
)
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.telemetry.logs import LogEvent, log

_Reading = TypeVar("_Reading")
_Result = TypeVar("_Result")

TableWork = Callable[[Connection, _Reading], _Result]


class ValueRefused(AccountsUnready):
    """A column, or its database, cannot hold a value of the statement: no row has that value."""


class RuleRefused(AccountsUnready):
    """A constraint or a trigger of the app refuses the statement, and would refuse a retry."""


class KnownTable(Generic[_Reading]):
    """A table whose columns were read once, by `read`.

    If the database refuses a statement, the app has perhaps changed the table, so the columns are
    read again.

    Each method but `require_ready` raises AccountsUnready if the table does not match the settings,
    since callers cannot correct them.
    """

    def __init__(
        self, database: Database | AppDatabase, name: str, read: Callable[[Connection], _Reading]
    ) -> None:
        self.database = database
        self._name = name
        self._read = read
        self._reading: _Reading | None = None

    async def require_ready(self) -> _Reading:
        """Read the columns again.

        Raises SettingsInvalid if the table does not match the settings.
        """
        self._reading = None  # an outdated reading must not be used if this one fails
        reading = await self.database.read(self._read)
        self._reading = reading
        return reading

    async def now(self) -> _Reading:
        try:
            return self._reading or await self.require_ready()
        except SettingsInvalid as invalid:
            faults = "; ".join(map(str, invalid.faults))
            log.error(LogEvent("accounts.changed", table=self._name, reason=faults))
            raise AccountsUnready(
                f"the table of the accounts does not match the settings: {faults}"
            ) from None

    async def read(self, work: TableWork[_Reading, _Result]) -> _Result:
        """Run work that changes nothing.

        Raises ValueRefused if no row can have a value of the statement; the columns stay known.
        """

        def look(connection: Connection, reading: _Reading) -> _Result:
            try:
                return work(connection, reading)
            except DBAPIError as error:
                if is_about_a_value(error):
                    raise ValueRefused(describe_error(error.orig or error)) from None
                raise

        return await self.database.read(partial(self._run, look, await self.now()))

    async def transact(self, work: TableWork[_Reading, _Result]) -> _Result:
        return await self.database.transact(partial(self._run, work, await self.now()))

    def within(self, connection: Connection, work: TableWork[_Reading, _Result]) -> _Result:
        """Run work in the caller's transaction, with the columns as they were read before it."""
        reading = self._reading
        if reading is None:  # a statement was refused since
            raise AccountsUnready(
                "the table of the accounts has refused a statement", not_changed=True
            )
        return self._run(work, reading, connection)

    def _run(
        self, work: TableWork[_Reading, _Result], reading: _Reading, connection: Connection
    ) -> _Result:
        """Run work with the columns of a reading.

        Raises AccountsUnready if the database refuses a statement: otherwise the refusal would
        count as an outage of the database.
        """
        try:
            return work(connection, reading)
        except DBAPIError as error:
            if not is_refusal(error):
                raise
            # The first line alone: further lines may hold the row, with its hash.
            cause = describe_error(error.orig or error)
            log.error(LogEvent("accounts.refused", table=self._name, reason=cause))
            reason = f"the database of the accounts refused a statement: {cause}"
            if is_by_a_rule(error):
                raise RuleRefused(reason, not_changed=True) from None
            self._reading = None
            raise AccountsUnready(reason) from None

    async def close(self) -> None:
        if isinstance(self.database, AppDatabase):  # Keyturn's own has another owner
            await self.database.close()
