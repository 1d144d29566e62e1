"""What the rooms share, and their ports.

A room offers `build(settings, ground)`, and `parts` connects them.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Annotated, Protocol, TypeVar

from msgspec import Meta, Struct
from sqlalchemy import Connection

from keyturn import values
from keyturn.service import secrets
from keyturn.service.accounts.builtin import Sessions
from keyturn.service.accounts.port import Account, AccountStore
from keyturn.service.accounts.store_factory import accounts_for
from keyturn.service.clock import random_bytes
from keyturn.service.database import Database
from keyturn.service.limits import RateLimits, StoredCounters
from keyturn.service.outbox.queue import Outbox
from keyturn.service.problems.passwords import OutcomeUnknown
from keyturn.service.problems.proofs import CodeMethod, Factor
from keyturn.service.problems.requests import DatabaseUnready
from keyturn.service.reset.mails.theme import Themes
from keyturn.service.reset.records.audit import Audit
from keyturn.service.reset.records.client import Client
from keyturn.service.reset.records.mailboxes import Mailboxes
from keyturn.service.secrets import Minted, Secret
from keyturn.service.settings import Settings
from keyturn.service.telemetry.meters import Meters

_Result = TypeVar("_Result")


class Ground(Struct, frozen=True, kw_only=True):
    """Everything that rooms share: the database and its stores first.

    `secrets`: the keys, the newest first.
    """

    database: Database
    outbox: Outbox
    audit: Audit
    mailboxes: Mailboxes
    sessions: Sessions
    accounts: AccountStore
    limits: RateLimits
    secrets: Sequence[str]
    themes: Themes
    meters: Meters

    async def transact(self, work: Callable[["Transaction"], _Result]) -> _Result:
        """Run `work`, a plain function, as `Database.transact` does.

        The worker is woken if `work` has written messages.
        """
        tx: Transaction | None = None  # set once `work` has ended

        def run(connection: Connection) -> _Result:
            nonlocal tx
            begun = Transaction(self, connection)
            result = work(begun)
            tx = begun
            return result

        try:
            result = await self.database.transact(run)
        except DatabaseUnready as error:
            # A failure before the commit rolls everything back.
            error.not_changed = error.not_changed or tx is None
            raise
        if tx and tx.outbox.has_written:
            self.outbox.wake()
        return result

    async def transact_once(self, work: Callable[["Transaction"], _Result]) -> _Result:
        """Do what `transact` does, for a change of a password.

        Raises OutcomeUnknown if the answer to the commit is lost.
        """
        try:
            return await self.transact(work)
        except DatabaseUnready as error:
            if error.not_changed:
                raise
            raise OutcomeUnknown("the database's answer to the commit was lost") from error


class Transaction:
    """The stores in one transaction. `connection`: for an app's own store that joins it."""

    def __init__(self, ground: Ground, connection: Connection) -> None:
        self._database = ground.database
        self.connection = connection
        self.outbox = ground.outbox.within(connection)
        self.audit = ground.audit.within(connection)
        self.counters = StoredCounters(connection)
        self.mailboxes = ground.mailboxes.within(connection)
        self.sessions = ground.sessions.within(connection)

    def hold(self, *account_ids: str) -> "HeldAccounts":
        """Wait until no other transaction holds the accounts; hold them until this one ends.

        Hold all of them at once, and before you lock a counter or a secret of theirs. Otherwise two
        transactions may deadlock.
        """
        self._database.hold(self.connection, *account_ids)
        return HeldAccounts(self.connection, account_ids)


class HeldAccounts:
    """Accounts that no other transaction holds until this one ends. It alone mints links and codes
    for them.

    A reset, a press of "this was not me" and an operator's link end an account's tokens. Each of
    them holds the account, too. So a token is either committed before, and ends, or minted
    afterwards. Without that, PostgreSQL would not show them a token that another transaction has
    not committed yet (READ COMMITTED), and the token would outlive them.
    """

    def __init__(self, connection: Connection, account_ids: Collection[str]) -> None:
        self._connection, self._account_ids = connection, account_ids

    def mint(self, minted: Sequence[Minted]) -> None:
        """Store the wanted ones of at least one link or code, by one statement.

        Nothing else stores them. Raises ValueError for an account that is not held.
        """
        for secret, is_wanted in minted:
            if is_wanted and secret.account_id not in self._account_ids:
                raise ValueError(
                    "a link or a code of an account that this transaction does not hold"
                )
        secrets.add(self._connection, minted)


class CodesBesideLinks(Protocol):
    """Codes in mails. Each stands beside a link, for users who continue on another device."""

    async def exhausted(self, emails: Collection[str]) -> Collection[str]:
        """Return the addresses with too many wrong tries: a code would not work there."""

    def mint(self, account: Account, moment: datetime) -> tuple[str, Secret]:
        """Return a fresh code, and the secret to store. It replaces the mailbox's earlier code."""

    def forget_failures(self, tx: Transaction, mailbox: bytes) -> None:
        """Forget the wrong tries at a mailbox, since its account has a new password.

        `mailbox`: the digest of the address.
        """


class SecondStepCode(Struct, frozen=True, kw_only=True):
    """Answers the second step; without `code` one is sent, where the method sends codes."""

    method: CodeMethod
    code: Annotated[str, Meta(max_length=64, examples=["492039"])] | None = None
    __repr__ = object.__repr__  # a traceback with its variables would show the code


class PassedStep(Protocol):
    """A right code. The change that it allows uses it up, and gives it back if the change fails."""

    def spend(self, tx: Transaction, moment: datetime) -> None:
        """Use the code up, in the transaction of the change.

        Raises SecondStepRejected if another request was faster.
        """

    def give_back(self, tx: Transaction, moment: datetime) -> None:
        """Let the code work again, since the change was undone."""

    def confirm(self, tx: Transaction) -> None:
        """Record that the step was passed, and reset the account's count of tries.

        It runs in the transaction that completes the change.
        """


class SecondProof:
    """What an account needs besides a link or a password.

    This class asks for nothing. Those of `proofs/second_step/` ask for a second factor.
    """

    async def factors(self, link: Secret | None, account: Account) -> Sequence[Factor]:
        """Return the factors that the holder of a working link, or of the password, is asked for.

        Raises Unavailable.
        """
        del link, account
        return ()

    async def require(
        self, link: Secret | None, account: Account, answer: SecondStepCode | None, client: Client
    ) -> PassedStep | None:
        """Return the code to use up; None if the account has no second factor.

        `link`: None at a sign-in.

        Raises SecondStepRequired, SecondStepRejected, LinkDead after the link's last try,
        TooManyRequests, Unavailable.
        """
        del link, account, answer, client
        return None

    def undo_recent(self, tx: Transaction, account: Account, client: Client) -> None:
        """Delete the recently added factors, which a reader of the account's mailbox may undo."""


def build(
    settings: Settings, themes: Themes, meters: Meters, accounts: AccountStore | None
) -> Ground:
    """Open the database of the settings, and build the stores. Raises SettingsInvalid."""
    limits, database = (
        settings.limits,
        Database(settings.database.url, timeout=settings.database.timeout),
    )
    return Ground(
        database=database,
        outbox=Outbox(database),
        audit=Audit(database),
        mailboxes=Mailboxes(database, cooldown=limits.mailbox_cooldown, daily=limits.mailbox_daily),
        sessions=Sessions(database),
        accounts=accounts or accounts_for(settings, database),
        limits=RateLimits(limits, database),
        # Without a key, as in development, a random key that lasts as long as the process.
        secrets=[
            settings.secret_key or values.Secret(random_bytes(32).hex()),
            *settings.previous_secret_keys,
        ],
        themes=themes,
        meters=meters,
    )
