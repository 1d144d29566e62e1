"""The stores of Keyturn's own records, and the transaction that spans them."""

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from msgspec import Struct
from sqlalchemy import Connection

from keyturn import values
from keyturn.service import one_time_secrets
from keyturn.service.accounts.port import AccountStore
from keyturn.service.accounts.sessions import Sessions
from keyturn.service.accounts.store_factory import accounts_for
from keyturn.service.clock import random_bytes
from keyturn.service.database import Database
from keyturn.service.limits import RateLimits, StoredCounters
from keyturn.service.one_time_secrets import ToStore
from keyturn.service.outbox.queue import Outbox
from keyturn.service.problems.passwords import OutcomeUnknown
from keyturn.service.problems.requests import DatabaseUnready
from keyturn.service.reset.records.audit import Audit
from keyturn.service.reset.records.mailboxes import Mailboxes
from keyturn.service.settings import Settings
from keyturn.service.telemetry.meters import Meters

_Result = TypeVar("_Result")


class Stores(Struct, frozen=True, kw_only=True):
    """The database, its stores, and what features use beside them.

    `keys`: the secret keys, the newest first.
    """

    database: Database
    outbox: Outbox
    audit: Audit
    mailboxes: Mailboxes
    sessions: Sessions
    accounts: AccountStore
    limits: RateLimits
    keys: Sequence[str]
    meters: Meters

    async def transact(self, work: Callable[["Transaction"], _Result]) -> _Result:
        """Run `work`, a plain function, as `Database.transact` does.

        The worker is woken if `work` has written messages.
        """
        work_ended = False
        has_written_messages = False

        def run(connection: Connection) -> _Result:
            nonlocal work_ended, has_written_messages
            tx = Transaction(self, connection)
            result = work(tx)
            has_written_messages = tx.outbox.has_written
            work_ended = True
            return result

        try:
            result = await self.database.transact(run)
        except DatabaseUnready as error:
            # If `work` did not end, COMMIT was not sent, and everything is rolled back. Afterwards
            # only the database knows.
            if not work_ended:
                error.not_changed = True
            raise
        if has_written_messages:
            self.outbox.wake()
        return result

    async def transact_change(self, work: Callable[["Transaction"], _Result]) -> _Result:
        """Do what `transact` does, for a change of a password, where "it failed" must be true.

        Raises OutcomeUnknown if the answer to the commit is lost: the change may be stored.
        """
        try:
            return await self.transact(work)
        except DatabaseUnready as error:
            if error.not_changed:
                raise
            raise OutcomeUnknown("the database's answer to the commit was lost") from error


class Transaction:
    """The stores in one transaction. `connection`: for an app's own store that joins it."""

    def __init__(self, stores: Stores, connection: Connection) -> None:
        self._database = stores.database
        self.connection = connection
        self.outbox = stores.outbox.within(connection)
        self.audit = stores.audit.within(connection)
        self.counters = StoredCounters(connection)
        self.mailboxes = stores.mailboxes.within(connection)
        self.sessions = stores.sessions.within(connection)

    def hold(self, *account_ids: str) -> "HeldAccounts":
        """Wait until no other transaction holds the accounts; hold them until this one ends.

        Hold all of them at once, and before you lock a counter or a secret of theirs. Otherwise two
        transactions may deadlock.
        """
        self._database.hold(self.connection, *account_ids)
        return HeldAccounts(self.connection, account_ids)


class HeldAccounts:
    """Accounts that no other transaction holds until this one ends. It alone stores their links and
    the codes of their mails.

    A reset, a press of "this was not me" and an operator's link end an account's tokens. Each of
    them holds the account, too. So a token is either committed before, and ends, or stored
    afterwards. Without that, PostgreSQL would not show them a token that another transaction has
    not committed yet (READ COMMITTED), and the token would outlive them.
    """

    def __init__(self, connection: Connection, account_ids: Collection[str]) -> None:
        self._connection = connection
        self._account_ids = account_ids

    def store(self, secrets: Sequence[ToStore]) -> None:
        """Store the wanted ones of these links and mailed codes, by one statement.

        Nothing else stores them. `secrets` must not be empty. The same statement runs if none is
        wanted. Raises ValueError for an account that is not held.
        """
        for secret, is_wanted in secrets:
            if is_wanted and secret.account_id not in self._account_ids:
                message = "a link or a code of an account that this transaction does not hold"
                raise ValueError(message)
        one_time_secrets.add(self._connection, secrets)


def build(settings: Settings, meters: Meters, accounts: AccountStore | None) -> Stores:
    """Open the database of the settings, and build the stores. Raises SettingsInvalid."""
    limits = settings.limits
    database = Database(settings.database.url, timeout=settings.database.timeout)
    # Without a key, as in development, a random key that lasts as long as the process.
    key = settings.secret_key or values.SecretStr(random_bytes(32).hex())
    return Stores(
        database=database,
        outbox=Outbox(database),
        audit=Audit(database),
        mailboxes=Mailboxes(database, cooldown=limits.mailbox_cooldown, daily=limits.mailbox_daily),
        sessions=Sessions(database),
        accounts=accounts or accounts_for(settings, database),
        limits=RateLimits(limits, database),
        keys=[key, *settings.previous_secret_keys],
        meters=meters,
    )
