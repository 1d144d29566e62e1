"""What Keyturn needs of the accounts that an app already has."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, Select
from sqlalchemy.orm import QueryableAttribute

from keyturn.problems.requests import AccountsUnready, Unavailable


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may get a link. `id` is the store's own, as text; `email` is the stored address.

    `has_password` says that a password signs it in: it gets a link. `awaits_password` says that none does yet and
    nothing else either, so that it gets an invitation to choose one. Where neither holds, `provider` names who signs
    the account in ("Google"); it is empty where that is not known. `timezone` is an
    IANA zone, in which it is told times.

    One that is `locked` is not active: its owner said that a change of its password was somebody else's. Setting its
    password, as it was read, lifts the lock.
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

    @property
    def takes_password(self) -> bool:
        """Whether a link may set its password; else it signs in elsewhere."""
        return self.has_password or self.awaits_password


class NewPassword:
    """A password that the policy has accepted. It does not show itself in a repr, a log or a traceback.

    `hash_with` makes its hash, unless it was made already and is given as `hashed`.
    """

    __slots__ = ("_hash", "_hash_with", "text")

    def __init__(self, text: str, hash_with: Callable[[str], Awaitable[str]], hashed: str | None = None) -> None:
        self.text = text
        self._hash_with = hash_with
        self._hash = hashed

    async def hashed(self) -> str:
        """Return its bcrypt hash, made once, off the event loop. Raises Busy where too many wait already."""
        if self._hash is None:
            self._hash = await self._hash_with(self.text)
        return self._hash


@contextmanager
def changing_nothing() -> Iterator[None]:
    """Say, of what cannot be reached within, that no account was changed: only reading is done there."""
    try:
        yield
    except Unavailable as error:
        raise AccountsUnready(str(error), not_changed=True) from error


class AccountStore(Protocol):
    """Accounts, wherever they are. Every method raises AccountsUnready where they cannot be reached."""

    async def require_ready(self) -> None:
        """Raise SettingsInvalid, with every fault by its name, unless the store is as the settings say."""
        ...

    async def find(self, email: str) -> Account | None:
        """Return the account whose stored address is `email`, which is in the form of `addresses.parse`.

        Only ASCII letters are the same in both cases (CVE-2019-19844): `addresses.is_same_mailbox` decides.
        """
        ...

    async def get(self, account_id: str) -> Account | None: ...

    async def set_password(self, account: Account, password: NewPassword) -> bool:
        """Store the password, and end every session that the store keeps itself.

        Return False, and change nothing, where the account is gone, disabled or has another address by now; one that
        was read as `locked` may be locked still, and is not afterwards. Raises
        PasswordRejected where the store has rules of its own, Busy out of `password.hashed()`, or AccountsUnready with
        `not_changed`, and has changed nothing. Whatever else is raised says that the store may have the password.
        """
        ...

    async def close(self) -> None: ...


@runtime_checkable
class FindsTogether(Protocol):
    """A store that finds many accounts at the cost of one."""

    async def find_all(self, emails: Sequence[str]) -> Sequence[Account | Exception | None]:
        """Return what `find` would for each address, or raise."""
        ...


@runtime_checkable
class JoinsTransaction(Protocol):
    """A store in Keyturn's own database: a new password joins the transaction that consumes its link."""

    def set_password_within(self, connection: Connection, account: Account, password_hash: str) -> bool:
        """Do what `set_password` does, in the caller's transaction: execute statements, and no other input or output.

        A store that can only await its statements leaves this out. It then counts as a store in another system.
        """
        ...


@runtime_checkable
class JoinsReads(Protocol):
    """A store in Keyturn's own database whose accounts are read together with rows that name them."""

    def join(self, rows: Select[Any], account_id: ColumnElement[str] | QueryableAttribute[str]) -> Select[Any]:
        """Return the statement with the account of each of its rows, where there is one."""
        ...

    def joined_account(self, row: RowMapping) -> Account | None:
        """Return the account that came with a row of such a statement, as `get` would."""
        ...


@runtime_checkable
class ListsAwaiting(Protocol):
    """A store that can tell which of its accounts await a first password."""

    async def awaiting_password(self) -> Sequence[str]:
        """Return the addresses of those that are active, as they are stored."""
        ...


@runtime_checkable
class ListsAddresses(Protocol):
    """A store that can go through all of its accounts."""

    async def addresses_after(self, email: str, most: int) -> Sequence[str]:
        """Return the addresses of active and locked accounts, as they are stored, in the store's order.

        They come after `email`, at most so many; none where there are no more. "" comes before all.
        """
        ...


@runtime_checkable
class EndsSessions(Protocol):
    """A store that keeps sessions itself, or knows where they are."""

    async def end_sessions(self, account_id: str) -> None:
        """End all of the account's. Doing it again does no harm."""
        ...


@runtime_checkable
class LocksAccounts(Protocol):
    """A store that may lock accounts: one that is locked is neither active nor signs in."""

    @property
    def can_lock(self) -> bool:
        """Whether it has been told how."""
        ...

    async def lock(self, account_id: str) -> bool:
        """Lock an account that is active; tell whether it is locked now by this."""
        ...

    async def unlock(self, account_id: str) -> bool:
        """Undo that; tell whether the account was locked."""
        ...


@runtime_checkable
class KnowsHashes(Protocol):
    """A store whose hashes can be read, so that people can sign in here and change a password that they know."""

    async def password_hash(self, account_id: str) -> str | None:
        """Return the stored hash; None where the account is gone, disabled or has no password.

        "" is nobody's id, and is read at the cost of any other, so that no time tells which addresses have an account.
        """
        ...


@runtime_checkable
class JoinsSignIn(KnowsHashes, Protocol):
    """A store in Keyturn's own database whose hashes are read in the transaction that opens a session."""

    def password_hash_within(self, connection: Connection, account_id: str) -> str | None:
        """Return what `password_hash` does, as the caller's transaction sees it."""
        ...
