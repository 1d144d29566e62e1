"""The stores of the database as one value, so that a part gets one argument and names the stores that it uses."""

from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct
from sqlalchemy import Connection

from keyturn.service.accounts.builtin import Sessions
from keyturn.service.database import Database
from keyturn.service.limits import StoredCounters
from keyturn.service.outbox.queue import Outbox
from keyturn.service.reset.records.audit import Audit
from keyturn.service.reset.records.mailboxes import Mailboxes
from keyturn.service.settings import Settings

_Result = TypeVar("_Result")


class Records(Struct, frozen=True, kw_only=True):
    """The database and its stores."""

    database: Database
    outbox: Outbox
    audit: Audit
    mailboxes: Mailboxes
    sessions: Sessions

    async def transact(self, work: Callable[["Transaction"], _Result]) -> _Result:
        """Run `work`, a plain function, in a transaction: as `Database.transact` does, with the stores at hand.

        If it has written messages, the worker is woken once they are committed.
        """

        def run(connection: Connection) -> tuple[_Result, bool]:
            tx = Transaction(self, connection)
            return work(tx), tx.outbox.has_written

        result, has_written = await self.database.transact(run)
        if has_written:
            self.outbox.wake()
        return result


class Transaction:
    """The stores in one transaction. `connection` is for an app's own store, which joins it."""

    def __init__(self, records: Records, connection: Connection) -> None:
        self._database = records.database
        self.connection = connection
        self.outbox = records.outbox.within(connection)
        self.audit = records.audit.within(connection)
        self.counters = StoredCounters(connection)
        self.mailboxes = records.mailboxes.within(connection)
        self.sessions = records.sessions.within(connection)

    def hold(self, account_id: str) -> None:
        """Wait until no other transaction holds the account; hold it until this one ends."""
        self._database.hold(self.connection, account_id)


def build(settings: Settings, database: Database) -> Records:
    limits = settings.limits
    return Records(
        database=database,
        outbox=Outbox(database),
        audit=Audit(database),
        mailboxes=Mailboxes(database, cooldown=limits.mailbox_cooldown, daily=limits.mailbox_daily),
        sessions=Sessions(database),
    )
