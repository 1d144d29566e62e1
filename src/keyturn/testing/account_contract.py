"""The rules for every account store, as a test suite. docs/accounts.md shows a subclass."""

import asyncio
from typing import Any, Protocol

import bcrypt
import pytest
from sqlalchemy import Connection

from keyturn.service import identifiers
from keyturn.service.accounts.port import Account, AccountStore, NewPassword
from keyturn.service.database import Database

FIRST = "seven quiet harbours"
SECOND = "eleven loud lighthouses"

LOOK_ALIKES = (
    "m\u0131ke@northwind.test",
    "m\u00edke@northwind.test",
    "mik\u0435@northwind.test",
    "mike@northw\u0131nd.test",
)
"""Addresses with a dotless i, an i with an accent, and a Cyrillic letter. Folding or a collation
may take them for mike@northwind.test.
"""

NO_IDS = (
    "",
    "nobody",
    "0",
    "-1",
    "1e3",
    "00000000-0000-4000-8000-000000000000",
    "9" * 30,
    "' OR ''='",
    "%",
    "\u00e9",
)


class People(Protocol):
    """The accounts of the store, as the app that owns them sees them."""

    async def add(self, email: str, password: str, *, active: bool = True) -> str:
        """Add an account with exactly this address; return its id."""

    async def change(
        self, account_id: str, *, email: str | None = None, active: bool | None = None
    ) -> None: ...

    async def verifies(self, account_id: str, password: str) -> bool:
        """Tell whether the account can sign in to the app with that password."""


class AccountStoreContract:
    """Tests that a store keeps the promises of `AccountStore`.

    `keeps_case`: False if the store changes addresses to lower case.
    """

    pytestmark = pytest.mark.asyncio

    keeps_case = True

    async def test_ready(self, store: AccountStore) -> None:
        """A store that is as the settings say is ready."""
        await store.require_ready()

    async def test_case_of_stored_address(self, store: AccountStore, people: People) -> None:
        """An account is found in any case of its stored address, which mails go to."""
        ada = await people.add("Ada.L@Northwind.Test", FIRST)
        await people.add("ada.k@northwind.test", FIRST)
        stored = "Ada.L@Northwind.Test" if self.keeps_case else "ada.l@northwind.test"

        account = await store.find("ada.l@northwind.test")
        assert account is not None
        assert account.id == ada
        assert account.active
        assert account.has_password
        assert account.email == stored
        assert await store.get(ada) == account

    async def test_look_alikes(self, store: AccountStore, people: People) -> None:
        """An address that looks like an account's does not find it."""
        await people.add("mike@northwind.test", FIRST)

        for email in LOOK_ALIKES:
            assert await store.find(identifiers.parse_address(email)) is None

    async def test_unknown_account(self, store: AccountStore, people: People) -> None:
        """An address or an id without an account finds none."""
        await people.add("ada@northwind.test", FIRST)

        assert await store.find("eve@northwind.test") is None
        for account_id in NO_IDS:
            assert await store.get(account_id) is None

    async def test_concurrent_lookups(self, store: AccountStore, people: People) -> None:
        """Each of several callers at a time gets its own account."""
        ada = await people.add("ada@northwind.test", FIRST)
        eve = await people.add("eve@northwind.test", FIRST)
        zoe = await people.add("zoe@northwind.test", FIRST)
        wanted = [zoe, "nobody", ada, eve, zoe, ada]

        found = await asyncio.gather(*map(store.get, wanted))
        assert [account.id if account else "nobody" for account in found] == wanted

    async def test_disabled_account(self, store: AccountStore, people: People) -> None:
        """A disabled account is found, and is not active."""
        dan = await people.add("dan@northwind.test", FIRST, active=False)

        account = await store.get(dan)
        assert account is not None
        assert not account.active
        assert await store.find("dan@northwind.test") == account

    async def test_new_password(self, store: AccountStore, people: People) -> None:
        """A new password replaces the old one, for this account only."""
        ada = await people.add("Ada@northwind.test", FIRST)
        eve = await people.add("eve@northwind.test", FIRST)

        assert await store.set_password(await _account(store, ada), _new_password(SECOND))
        await _require_password(people, ada, SECOND, instead_of=FIRST)
        await _require_password(people, eve, FIRST, instead_of=SECOND)
        assert await store.set_password(await _account(store, ada), _new_password(FIRST))
        await _require_password(people, ada, FIRST, instead_of=SECOND)

    @pytest.mark.parametrize("change", [{"active": False}, {"email": "ada@moved.test"}])
    async def test_disabled_or_moved_meanwhile(
        self, store: AccountStore, people: People, change: dict[str, Any]
    ) -> None:
        """An account that was disabled or moved since it was read gets no new password."""
        account = await _account(store, await people.add("ada@northwind.test", FIRST))
        await people.change(account.id, **change)

        assert not await store.set_password(account, _new_password(SECOND))
        await people.change(account.id, active=True)
        await _require_password(people, account.id, FIRST, instead_of=SECOND)

    async def test_gone_meanwhile(self, store: AccountStore) -> None:
        """An account that is gone gets no new password, and raises no error."""
        for account_id in NO_IDS:
            gone = Account(id=account_id, email="ada@northwind.test")
            assert not await store.set_password(gone, _new_password(SECOND))

    async def test_password_hash(self, store: AccountStore, people: People) -> None:
        """A hash that can be read is the account's own; a disabled account has none."""
        if not store.offers(AccountStore.password_hash):
            pytest.skip("its hashes cannot be read")
        ada = await people.add("ada@northwind.test", FIRST)
        dan = await people.add("dan@northwind.test", FIRST)
        password = _new_password(SECOND)
        await store.set_password(await _account(store, ada), password)
        await people.change(dan, active=False)

        assert await store.password_hash(ada) == await password.hashed()
        assert await store.password_hash(dan) is None
        for account_id in NO_IDS:
            assert await store.password_hash(account_id) is None

    async def test_closing_unused(self, store: AccountStore) -> None:
        """A store can be closed before it was used."""
        await store.close()


class JoiningStoreContract(AccountStoreContract):
    """Further rules for a store in Keyturn's own database, the fixture `database`."""

    async def test_transaction(
        self, store: AccountStore, people: People, database: Database
    ) -> None:
        """A new password is stored with the transaction that sets it, or not at all."""
        assert store.offers(AccountStore.set_password_within)
        assert store.offers(AccountStore.password_hash_within)
        account = await _account(store, await people.add("ada@northwind.test", FIRST))
        password_hash = await _new_password(SECOND).hashed()

        def change(connection: Connection) -> None:
            assert store.set_password_within(connection, account, password_hash)
            assert store.password_hash_within(connection, account.id) == password_hash

        def change_and_undo(connection: Connection) -> None:
            change(connection)
            raise _Undone

        with pytest.raises(_Undone):
            await database.transact(change_and_undo)
        assert await people.verifies(account.id, FIRST)
        await database.transact(change)
        assert await people.verifies(account.id, SECOND)


class _Undone(Exception):
    """Rolls a transaction back."""


def _new_password(text: str) -> NewPassword:
    async def hashed(password: str) -> str:
        return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()

    return NewPassword(text, hashed)


async def _account(store: AccountStore, account_id: str) -> Account:
    account = await store.get(account_id)
    assert account is not None
    return account


async def _require_password(
    people: People, account_id: str, password: str, *, instead_of: str
) -> None:
    assert await people.verifies(account_id, password)
    assert not await people.verifies(account_id, instead_of)
