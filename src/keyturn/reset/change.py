"""What allows a change of a password, the change that it allows, and what follows it in the same transaction."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec
from sqlalchemy import Connection

from keyturn.accounts.port import Account
from keyturn.errors import KeyturnError
from keyturn.reset.records.client import Client
from keyturn.reset.records.messages import PASSWORD_CHANGED, How, PasswordWasChanged
from keyturn.reset.records.stores import Records


class ChangeAuthorization(ABC):
    """Allows one change: a live link, or an open session."""

    how: How

    @property
    def proven(self) -> bool:
        """Whether it took more than a mailbox: an open session with the current password, or a second factor."""
        return self.how == "change"

    @abstractmethod
    def refusal(self) -> KeyturnError:
        """Return what to raise where the account has been disabled, or has another address, since it was looked up."""

    async def require_second_step(self) -> None:  # noqa: B027 - most need none
        """Ask for what else is needed, once the password is one that may be set. Raises where it is not there."""

    async def require_unused(self) -> None:  # noqa: B027 - only a link says how it ended
        """Raise what `redeem` does, where it is known already that it does not hold any more."""

    @abstractmethod
    def redeem(self, connection: Connection, moment: datetime) -> None:
        """Use it up, in the caller's transaction. Raises where it does not hold any more."""

    def give_back(self, connection: Connection, moment: datetime) -> None:  # noqa: B027 - most have nothing to undo
        """Undo `redeem`, which was committed at that moment: the store has refused the password."""

    def after_change(self, connection: Connection) -> None:  # noqa: B027 - most have nothing to add
        """Do what else follows, in the transaction that ends the change."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A new password for an account, who asks for it, and what allows it.

    `current`: the password that the account has, if the client has just proved that it knows it.
    """

    account: Account
    password: str
    current: str | None = None
    client: Client
    authorization: ChangeAuthorization


_EVENTS: dict[How, str] = {"reset": "password_reset", "change": "password_change"}


class EndsAccess(Protocol):
    """The port for what ends with an account's links, in that transaction; `mailbox` limits both to that address."""

    def __call__(
        self, connection: Connection, account_id: str, moment: datetime, *, mailbox: str | None = None
    ) -> None: ...


class AfterChange(Protocol):
    """The port for what else is written in the transaction that ends a change, such as what the app is told."""

    def __call__(
        self, connection: Connection, account: Account, client: Client, *, how: How, moment: datetime
    ) -> None: ...


class ChangeEffects:
    """Writes what follows a change of a password, in the transaction that ends it.

    `ends_access`: what else ends with the account's links and sessions. `after_change`: what else is written.
    """

    def __init__(
        self, records: Records, ends_access: Sequence[EndsAccess], after_change: Sequence[AfterChange]
    ) -> None:
        self._records = records
        self._ends_access = ends_access
        self._after_change = after_change

    def write(
        self,
        connection: Connection,
        account: Account,
        client: Client,
        how: How,
        moment: datetime,
        *,
        outcome: Literal["changed", "interrupted"] = "changed",
        proven: bool = False,
    ) -> None:
        """End the account's other links and its sessions, promise the confirmation, tell the app, audit it.

        `proven`: the change took more than a mailbox. The earlier mailboxes of the account then lose their say.
        """
        # Who took the account over may change the password once more: the owner's link to start anew survives that.
        self.end_access(connection, account.id, moment, spares_recovery=how == "change")
        if proven:
            self._records.secure_links.end_elsewhere(connection, account.id, account.email, moment)
        change = PasswordWasChanged(account_id=account.id, at=moment, client=client, email=account.email)
        confirmation = self._records.outbox.enqueue(connection, PASSWORD_CHANGED, change)
        for follow in self._after_change:
            follow(connection, account, client, how=how, moment=moment)
        self._records.audit.write(
            connection,
            _EVENTS[how],
            outcome,
            client,
            at=moment,
            account_id=account.id,
            email=account.email,
            message_id=confirmation,
        )

    def end_access(
        self,
        connection: Connection,
        account_id: str,
        moment: datetime,
        *,
        mailbox: str | None = None,
        spares_recovery: bool = False,
    ) -> None:
        """End the account's links, its codes and its sessions alone; of links and codes, those that the `mailbox` has.

        The caller holds the account. `spares_recovery` as in `LinkStore.revoke_all`.
        """
        self._records.links.revoke_all(connection, account_id, moment, mailbox=mailbox, spares_recovery=spares_recovery)
        for end in self._ends_access:
            end(connection, account_id, moment, mailbox=mailbox)
        # OWASP ASVS 7.4.3: a change of password can end all other sessions; here it always does.
        self._records.sessions.end_all(connection, account_id)
