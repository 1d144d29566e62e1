"""What Keyturn needs of the accounts that an app already has."""

from typing import Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may get a link. `id` is the store's own, as text; `email` is the stored address.

    `provider` names who signs the account in where it has no password ("Google"), and is empty otherwise.
    """

    id: str
    email: str
    name: str = ""
    active: bool = True
    has_password: bool = True
    provider: str = ""
    kind: str = ""
    locale: str = ""


class AccountStore(Protocol):
    """Accounts that live in the same database, so that a new password joins the transaction that consumes its link."""

    async def find(self, email: str) -> Account | None:
        """Return the account whose stored address is `email`, which is in the form of `addresses.parse`."""
        ...

    async def get(self, account_id: str) -> Account | None: ...

    async def password_hash(self, account_id: str) -> str | None:
        """Return the stored hash; None where the account is gone or has no password."""
        ...

    async def set_password(self, session: AsyncSession, account: Account, password_hash: str) -> bool:
        """Store the hash, in the caller's transaction, and end every session that the store keeps itself.

        Return False, and change nothing, where the account is gone, disabled or has another address by now.
        """
        ...
