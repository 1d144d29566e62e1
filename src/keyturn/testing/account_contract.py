"""The rules for every account store, as a test suite. docs/accounts.md shows a subclass."""

import asyncio
from functools import partial
from typing import Any, Protocol

import bcrypt
import pytest
from sqlalchemy import Connection

from keyturn.service import addresses
from keyturn.service.accounts.port import Account, AccountStore, NewPassword
from keyturn.service.database import Database

FIRST, SECOND = "seven quiet harbours", "eleven loud lighthouses"

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

    async def test_a_store_that_is_as_the_settings_say_is_ready(self, store: AccountStore) -> None:
        await store.require_ready()

    async def test_an_account_is_found_whatever_the_case_of_its_stored_address(
        self, store: AccountStore, people: People
    ) -> None:
        ada = await people.add("Ada.L@Northwind.Test", FIRST)
        await people.add("ada.k@northwind.test", FIRST)

        account = await store.find("ada.l@northwind.test")
        assert account is not None
        assert (account.id, account.active, account.has_password) == (ada, True, True)
        # Mails go to the stored address, never to a typed one.
        assert account.email == (
            "Ada.L@Northwind.Test" if self.keeps_case else "ada.l@northwind.test"
        )
        assert await store.get(ada) == account

    async def test_an_address_that_looks_alike_is_somebody_elses(
        self, store: AccountStore, people: People
    ) -> None:
        await people.add("mike@northwind.test", FIRST)

        assert [await store.find(addresses.parse(email)) for email in LOOK_ALIKES] == [None] * len(
            LOOK_ALIKES
        )

    async def test_who_does_not_exist_is_not_found(
        self, store: AccountStore, people: People
    ) -> None:
        await people.add("ada@northwind.test", FIRST)

        assert await store.find("eve@northwind.test") is None
        assert [await store.get(account_id) for account_id in NO_IDS] == [None] * len(NO_IDS)

    async def test_who_asks_at_the_same_time_gets_their_own(
        self, store: AccountStore, people: People
    ) -> None:
        ids = [await people.add(f"{name}@northwind.test", FIRST) for name in ("ada", "eve", "zoe")]
        wanted = [ids[2], "nobody", *ids, ids[0]]

        found = await asyncio.gather(*map(store.get, wanted))
        assert [account.id if account else "nobody" for account in found] == wanted

    async def test_a_disabled_account_is_seen_as_such(
        self, store: AccountStore, people: People
    ) -> None:
        dan = await people.add("dan@northwind.test", FIRST, active=False)

        by_address, by_id = await store.find("dan@northwind.test"), await store.get(dan)
        assert by_address == by_id
        assert by_id is not None
        assert not by_id.active

    async def test_a_new_password_is_that_accounts_and_the_old_one_is_over(
        self, store: AccountStore, people: People
    ) -> None:
        ada, eve = (
            await people.add("Ada@northwind.test", FIRST),
            await people.add("eve@northwind.test", FIRST),
        )

        assert await store.set_password(await _account(store, ada), _new_password(SECOND))
        assert (await people.verifies(ada, SECOND), await people.verifies(ada, FIRST)) == (
            True,
            False,
        )
        assert (await people.verifies(eve, SECOND), await people.verifies(eve, FIRST)) == (
            False,
            True,
        )
        assert await store.set_password(await _account(store, ada), _new_password(FIRST))
        assert await people.verifies(ada, FIRST)

    @pytest.mark.parametrize("change", [{"active": False}, {"email": "ada@moved.test"}])
    async def test_who_was_disabled_or_moved_meanwhile_gets_no_new_password(
        self, store: AccountStore, people: People, change: dict[str, Any]
    ) -> None:
        account = await _account(store, await people.add("ada@northwind.test", FIRST))
        await people.change(account.id, **change)

        assert not await store.set_password(account, _new_password(SECOND))
        await people.change(account.id, active=True)
        assert (
            await people.verifies(account.id, SECOND),
            await people.verifies(account.id, FIRST),
        ) == (False, True)

    async def test_who_is_gone_gets_no_new_password(self, store: AccountStore) -> None:
        for account_id in NO_IDS:
            nobody = Account(id=account_id, email="ada@northwind.test")
            assert not await store.set_password(nobody, _new_password(SECOND))

    async def test_a_hash_that_can_be_read_is_the_accounts_own(
        self, store: AccountStore, people: People
    ) -> None:
        if not store.offers(AccountStore.password_hash):
            pytest.skip("its hashes cannot be read")
        ada, dan = (
            await people.add("ada@northwind.test", FIRST),
            await people.add("dan@northwind.test", FIRST),
        )
        password = _new_password(SECOND)
        await store.set_password(await _account(store, ada), password)
        await people.change(dan, active=False)

        assert await store.password_hash(ada) == await password.hashed()
        assert await store.password_hash(dan) is None
        assert [await store.password_hash(account_id) for account_id in NO_IDS] == [None] * len(
            NO_IDS
        )

    async def test_it_can_be_closed_unused(self, store: AccountStore) -> None:
        await store.close()


class JoiningStoreContract(AccountStoreContract):
    """Further rules for a store in Keyturn's own database, the fixture `database`."""

    async def test_a_new_password_comes_with_the_transaction_or_not_at_all(
        self, store: AccountStore, people: People, database: Database
    ) -> None:
        assert store.offers(AccountStore.set_password_within)
        assert store.offers(AccountStore.password_hash_within)
        account = await _account(store, await people.add("ada@northwind.test", FIRST))
        password_hash = await _new_password(SECOND).hashed()

        def change(connection: Connection, *, undone: bool = False) -> None:
            assert store.set_password_within(connection, account, password_hash)
            assert store.password_hash_within(connection, account.id) == password_hash
            if undone:
                raise _Undone

        with pytest.raises(_Undone):
            await database.transact(partial(change, undone=True))
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
