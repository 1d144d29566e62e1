"""What allows a change of a password, and the change that it allows."""

from abc import ABC, abstractmethod
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from keyturn.accounts.port import Account
from keyturn.errors import KeyturnError
from keyturn.reset.records.client import Client
from keyturn.reset.records.messages import How


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
