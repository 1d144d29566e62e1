"""The port to an app's accounts: what Keyturn needs of them, and what a store may offer besides."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, Select
from sqlalchemy.orm import QueryableAttribute

from keyturn.service.problems.requests import AccountsUnready, Unavailable


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account that may get a link. `id`: the store's own, as text. `email`: the stored address.

    `has_password`: a password signs it in, so it gets a link.
    `awaits_password`: nothing signs it in yet, so it gets an invitation to choose a password.
    `provider`: if neither holds, the name of the provider that signs it in ("Google"), or "" if unknown.
    `timezone`: the IANA zone for times in its mails.
    `locked`: the owner reported a change of the password, and the account is not active. Setting its password, as it
    was read, lifts the lock.
    `intruded`: the new password comes after "this was not me", or an operator asked for it. It then also ends what a
    forgotten password leaves alone, such as passkeys.
    """

    id: str
    email: str
    name: str = ""
    active: bool = True
    has_password: bool = True
    awaits_password: bool = False
    provider: str = ""
    kind: str = ""
    locale: str = ""
    timezone: str = ""
    locked: bool = False
    intruded: bool = False

    @property
    def takes_password(self) -> bool:
        """Whether a link may set its password; otherwise it signs in elsewhere."""
        return self.has_password or self.awaits_password


class Ended(msgspec.Struct, frozen=True):
    """The access to an account that a store has ended, as numbers of credentials by the words of `Credentials`."""

    counts: Mapping[str, int] = {}


NOTHING = Ended()
"""What a store has ended that ends or counts nothing."""


class NewPassword:
    """A password that the policy has accepted. It does not show itself in a repr, a log or a traceback.

    `hash_with`: makes its hash.
    `current`: the password that a signed-in user gave with it; None after a link.
    """

    __slots__ = ("_hash", "_hash_with", "current", "text")

    def __init__(
        self,
        text: str,
        hash_with: Callable[[str], Awaitable[str]],
        *,
        current: str | None = None,
    ) -> None:
        self.text = text
        self.current = current
        self._hash_with = hash_with
        self._hash: str | None = None

    async def hashed(self) -> str:
        """Return its hash, made once, off the event loop. Raises Busy if too many callers already wait."""
        if self._hash is None:
            self._hash = await self._hash_with(self.text)
        return self._hash


@contextmanager
def changing_nothing() -> Iterator[None]:
    """Mark an unreachable store inside the block as `not_changed`, because the block only reads."""
    try:
        yield
    except Unavailable as error:
        raise AccountsUnready(str(error), not_changed=True) from error


class AccountStore(Protocol):
    """Accounts, wherever they are stored. Every method raises AccountsUnready if they cannot be reached."""

    async def require_ready(self) -> None:
        """Raise SettingsInvalid, with every fault by its name, unless the store is as the settings say."""

    async def find(self, email: str) -> Account | None:
        """Return the account whose stored address is `email`, which is in the form of `addresses.parse`.

        Upper and lower case match only for ASCII letters (CVE-2019-19844): `addresses.is_same_mailbox` decides.
        """

    async def get(self, account_id: str) -> Account | None: ...

    async def set_password(self, account: Account, password: NewPassword) -> bool | Ended:
        """Store the password, and end every session that the store keeps itself.

        Return True, or what was ended with it, for the mail and the event that tell of the change.
        Return False, and change nothing, if the account is gone, disabled or has another address by now. An account
        that was read as `locked` may still be locked, and is unlocked by this.

        These errors mean that nothing was changed: PasswordRejected by rules of the store, CredentialsRejected if the
        store compares `password.current` and it is wrong, Busy from `password.hashed()`, and AccountsUnready with
        `not_changed`. After any other error the store may have the
        password.
        """

    async def close(self) -> None: ...


@runtime_checkable
class TakesNames(Protocol):
    """A store that may also find accounts by user names."""

    @property
    def takes_names(self) -> bool:
        """Whether `find` and `find_all` also take user names, as `addresses.identify` returns them, without an @.

        A name must never match an address, nor an address a name. Mail goes to the address of the account.
        """


@runtime_checkable
class FindsTogether(Protocol):
    """A store that finds many accounts at the cost of one."""

    async def find_all(self, emails: Sequence[str]) -> Sequence[Account | Exception | None]:
        """Return for each address what `find` would return or raise."""


@runtime_checkable
class JoinsTransaction(Protocol):
    """A store in Keyturn's own database: a new password joins the transaction that consumes its link."""

    def set_password_within(self, connection: Connection, account: Account, password_hash: str) -> bool | Ended:
        """Do what `set_password` does, in the caller's transaction: execute statements, and no other input or output.

        A store that can only await its statements leaves this out. It then counts as a store in another system.
        """


@runtime_checkable
class JoinsReads(Protocol):
    """A store in Keyturn's own database whose accounts are read together with rows that name them."""

    def join(self, rows: Select[Any], account_id: ColumnElement[str] | QueryableAttribute[str]) -> Select[Any]:
        """Return the statement that adds to each row the account that it names, if that exists."""

    def joined_account(self, row: RowMapping) -> Account | None:
        """Return the account in a row of such a statement, as `get` would."""


@runtime_checkable
class ListsAwaiting(Protocol):
    """A store that can list the accounts that await a first password."""

    async def awaiting_password(self) -> Sequence[str]:
        """Return the addresses of active ones, as they are stored."""


@runtime_checkable
class ListsAddresses(Protocol):
    """A store that can list all of its accounts."""

    async def addresses_after(self, email: str, most: int) -> Sequence[str]:
        """Return the addresses of active and locked accounts, as they are stored, in the store's order.

        They come after `email`, at most `most` of them; empty at the end. "" comes before all addresses.
        """


@runtime_checkable
class EndsSessions(Protocol):
    """A store that keeps sessions itself, or knows where they are."""

    async def end_sessions(self, account_id: str) -> Ended | None:
        """End all sessions of the account, and what else ends with each change of its password.

        Return what was ended, if the store counts it. Repeating it does no harm.
        """


@runtime_checkable
class EndsIntrusions(EndsSessions, Protocol):
    """A store that also ends what only an intrusion ends, such as passkeys."""

    async def end_intrusion(self, account_id: str) -> Ended | None:
        """Do what `end_sessions` does, and end all else that admits clients: the account's owner reports an intrusion.

        An earlier mailbox of the account may report one, too, and that may be an attacker's: `end_sessions` is then
        called in place of this.
        """


@runtime_checkable
class LocksAccounts(Protocol):
    """A store that may lock accounts: a locked account is not active and cannot sign in."""

    @property
    def can_lock(self) -> bool:
        """Whether the store's settings say how to lock."""

    async def lock(self, account: Account) -> bool:
        """Lock an account that is active and has the address of `account`; return whether this call has locked it.

        Compare and lock in one statement: an account that moves meanwhile has an owner who could not unlock it.
        """

    async def unlock(self, account_id: str) -> bool:
        """Unlock an account; return whether it was locked."""


@runtime_checkable
class KnowsHashes(Protocol):
    """A store whose hashes can be read, so that users can sign in here and change a password that they know."""

    async def password_hash(self, account_id: str) -> str | None:
        """Return the stored hash; None if the account is gone, disabled or has no password.

        "" is the id of no account, and costs as much as any other, so the time does not show which addresses have one.
        """


@runtime_checkable
class ChecksPasswords(Protocol):
    """A store that checks passwords itself and shows no hashes, so that users can sign in here."""

    async def check_password(self, account_id: str, password: str) -> bool:
        """Return whether the password is the account's. "" is the id of no account, and costs as much as any other."""


@runtime_checkable
class JoinsSignIn(KnowsHashes, Protocol):
    """A store in Keyturn's own database whose hashes are read in the transaction that opens a session."""

    def password_hash_within(self, connection: Connection, account_id: str) -> str | None:
        """Do what `password_hash` does, inside the caller's transaction."""
