"""The built-in account store, beyond the contract of all stores."""

import asyncio

import msgspec
import pytest
from sqlalchemy import literal, select, union_all

from keyturn.accounts.builtin import BuiltinAccounts
from keyturn.accounts.port import Account
from keyturn.database import Database
from keyturn.problems.requests import InputInvalid


async def test_an_account_is_found_by_its_address_and_by_its_id(accounts: BuiltinAccounts, ada: Account) -> None:
    assert await accounts.find("ada@northwind.example") == ada
    assert await accounts.get(ada.id) == ada
    assert ada == Account(id=ada.id, email="ada@northwind.example", name="Ada", kind="viewer")


async def test_an_account_comes_with_a_row_that_names_it(
    accounts: BuiltinAccounts, database: Database, ada: Account
) -> None:
    named = union_all(*(select(literal(one).label("whose")) for one in (ada.id, "nobody"))).subquery()
    rows = await database.fetch(accounts.join(select(named.c.whose), named.c.whose))

    assert {row["whose"]: accounts.joined_account(row) for row in rows} == {ada.id: ada, "nobody": None}


async def test_every_field_is_kept(accounts: BuiltinAccounts) -> None:
    given = Account(
        id="",
        email="grace@northwind.example",
        name="Grace",
        active=False,
        has_password=False,
        provider="Google",
        kind="school",
        locale="de",
        timezone="Asia/Tokyo",
    )
    stored = await accounts.add(given, None)

    assert msgspec.structs.replace(stored, id="") == given


async def test_an_address_is_stored_in_its_one_form(accounts: BuiltinAccounts) -> None:
    stored = await accounts.add(Account(id="", email=" Ada@NORTHWIND.example"), None)

    assert stored.email == "ada@northwind.example"


async def test_an_address_belongs_to_one_account(accounts: BuiltinAccounts, ada: Account) -> None:
    with pytest.raises(InputInvalid, match="email: an account with that address exists already"):
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
    with pytest.raises(InputInvalid, match=f"{field}: must have at most [0-9]+ characters"):
        await accounts.add(account, None)

    assert await accounts.list() == []


async def test_a_zone_that_there_is_not_is_refused(accounts: BuiltinAccounts) -> None:
    with pytest.raises(InputInvalid, match="timezone: no such time zone: Mars/Olympus"):
        await accounts.add(Account(id="", email="ada@northwind.example", timezone="Mars/Olympus"), None)


async def test_a_list_is_in_the_order_of_addresses(accounts: BuiltinAccounts) -> None:
    for name in ("mona", "ada", "zoe"):
        await accounts.add(Account(id="", email=f"{name}@northwind.example"), None)

    assert [account.email[:4] for account in await accounts.list()] == ["ada@", "mona", "zoe@"]


async def test_a_first_password_is_known_from_then_on(database: Database, accounts: BuiltinAccounts) -> None:
    eve = await accounts.add(Account(id="", email="eve@northwind.example"), None)
    assert await accounts.password_hash(eve.id) is None
    assert (eve.has_password, eve.awaits_password) == (False, True)
    await database.transact(lambda connection: accounts.set_password_within(connection, eve, "$2b$first"))

    assert await accounts.password_hash(eve.id) == "$2b$first"
