"""The built-in account store."""

import asyncio

import msgspec
import pytest
from sqlalchemy import select, update

from keyturn.accounts.builtin import BuiltinAccounts
from keyturn.accounts.models import AccountRow
from keyturn.accounts.port import Account
from keyturn.database import Database
from keyturn.errors import InputInvalid


@pytest.mark.parametrize("now_is", [{"active": False}, {"email": "eve@northwind.test"}])
async def test_who_was_disabled_or_moved_meanwhile_gets_no_new_password(
    accounts: BuiltinAccounts, database: Database, now_is: dict[str, object]
) -> None:
    ada = await accounts.add(Account(id="", email="ada@moved.test"), "$2b$first")
    async with database.transaction() as session:
        await session.execute(update(AccountRow).where(AccountRow.id == ada.id).values(**now_is))
        assert not await accounts.set_password_within(session, ada, "$2b$another")
        await session.commit()
        kept = await session.scalar(select(AccountRow.password_hash).where(AccountRow.id == ada.id))

    assert kept == "$2b$first"


async def test_the_hash_of_who_was_disabled_is_not_told(accounts: BuiltinAccounts) -> None:
    dan = await accounts.add(Account(id="", email="dan@northwind.example", active=False), "$2b$first")

    assert await accounts.password_hash(dan.id) is None


async def test_a_transaction_sees_the_hash_that_it_has_set(
    accounts: BuiltinAccounts, database: Database, ada: Account
) -> None:
    async with database.transaction() as session:
        await accounts.set_password_within(session, ada, "$2b$another")
        assert await accounts.password_hash(ada.id, session) == "$2b$another"
    assert await accounts.password_hash(ada.id) == "$2b$hash"


async def test_an_account_is_found_by_its_address_and_by_its_id(accounts: BuiltinAccounts, ada: Account) -> None:
    assert await accounts.find("ada@northwind.example") == ada
    assert await accounts.get(ada.id) == ada
    assert ada == Account(id=ada.id, email="ada@northwind.example", name="Ada", kind="viewer")


@pytest.mark.usefixtures("ada")
async def test_what_does_not_exist_is_not_found(accounts: BuiltinAccounts) -> None:
    assert await accounts.find("eve@northwind.example") is None
    assert await accounts.get("no-such-id") is None
    assert await accounts.password_hash("no-such-id") is None


async def test_who_asks_at_the_same_time_gets_their_own(accounts: BuiltinAccounts, ada: Account) -> None:
    eve = await accounts.add(Account(id="", email="eve@northwind.example"), None)

    assert await asyncio.gather(*map(accounts.get, [ada.id, "nobody", eve.id, ada.id])) == [ada, None, eve, ada]


async def test_every_field_is_kept(accounts: BuiltinAccounts) -> None:
    given = Account(
        id="", email="grace@northwind.example", name="Grace", active=False, has_password=False, provider="Google",
        kind="school", locale="de",
    )  # fmt: skip
    stored = await accounts.add(given, None)

    assert msgspec.structs.replace(stored, id="") == given


async def test_an_address_is_stored_in_its_one_form(accounts: BuiltinAccounts) -> None:
    stored = await accounts.add(Account(id="", email=" Ada@NORTHWIND.example"), None)

    assert stored.email == "ada@northwind.example"


async def test_an_address_belongs_to_one_account(accounts: BuiltinAccounts, ada: Account) -> None:
    with pytest.raises(InputInvalid, match="email: there is an account with that address"):
        await accounts.add(Account(id="", email="ADA@northwind.example"), None)

    assert await accounts.list() == [ada]


async def test_of_two_who_take_an_address_at_once_one_gets_it(accounts: BuiltinAccounts) -> None:
    account = Account(id="", email="ada@northwind.example")
    added = await asyncio.gather(*(accounts.add(account, None) for _ in range(5)), return_exceptions=True)

    assert sorted(type(one).__name__ for one in added) == ["Account"] + ["InputInvalid"] * 4


async def test_what_is_no_address_is_refused(accounts: BuiltinAccounts) -> None:
    with pytest.raises(InputInvalid, match="email: not an email address"):
        await accounts.add(Account(id="", email="ada"), None)


@pytest.mark.parametrize("field", ["name", "kind", "provider", "locale"])
async def test_what_a_column_cannot_hold_is_refused_by_name(accounts: BuiltinAccounts, field: str) -> None:
    account = msgspec.structs.replace(Account(id="", email="ada@northwind.example"), **{field: "x" * 500})
    with pytest.raises(InputInvalid, match=f"{field}: longer than the [0-9]+ characters"):
        await accounts.add(account, None)

    assert await accounts.list() == []


async def test_a_list_is_in_the_order_of_addresses(accounts: BuiltinAccounts) -> None:
    for name in ("mona", "ada", "zoe"):
        await accounts.add(Account(id="", email=f"{name}@northwind.example"), None)

    assert [account.email[:4] for account in await accounts.list()] == ["ada@", "mona", "zoe@"]


async def test_a_password_can_be_set_and_is_known_only_by_its_hash(
    database: Database, accounts: BuiltinAccounts, ada: Account
) -> None:
    async with database.transaction() as session:
        await accounts.set_password_within(session, ada, "$2b$another")
        await session.commit()

    assert await accounts.password_hash(ada.id) == "$2b$another"


async def test_a_first_password_is_known_from_then_on(database: Database, accounts: BuiltinAccounts) -> None:
    eve = await accounts.add(Account(id="", email="eve@northwind.example"), None)
    assert not eve.has_password
    async with database.transaction() as session:
        await accounts.set_password_within(session, eve, "$2b$first")
        await session.commit()

    found = await accounts.get(eve.id)
    assert found is not None
    assert found.has_password


async def test_a_password_that_is_not_committed_was_not_set(
    database: Database, accounts: BuiltinAccounts, ada: Account
) -> None:
    async with database.transaction() as session:
        await accounts.set_password_within(session, ada, "$2b$another")

    assert await accounts.password_hash(ada.id) == "$2b$hash"
