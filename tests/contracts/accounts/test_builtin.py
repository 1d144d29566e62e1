"""The built-in account store, beyond the contract of all stores."""

import asyncio

import msgspec
import pytest

from keyturn.service.accounts.builtin import BuiltinAccounts
from keyturn.service.accounts.port import Account
from keyturn.service.problems.requests import InputInvalid


async def test_of_two_who_take_an_address_at_once_one_gets_it(accounts: BuiltinAccounts) -> None:
    account = Account(id="", email="ada@northwind.example")
    added = await asyncio.gather(*(accounts.add(account, None) for _ in range(5)), return_exceptions=True)

    assert sorted(type(one).__name__ for one in added) == ["Account"] + ["InputInvalid"] * 4


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        *(
            (field, "x" * 500, "must have at most [0-9]+ characters")
            for field in ("name", "kind", "provider", "locale")
        ),
        ("timezone", "Mars/Olympus", "no such time zone: Mars/Olympus"),
    ],
)
async def test_what_a_column_cannot_hold_is_refused_by_name(
    accounts: BuiltinAccounts, field: str, value: str, why: str
) -> None:
    account = msgspec.structs.replace(Account(id="", email="ada@northwind.example"), **{field: value})
    with pytest.raises(InputInvalid, match=f"{field}: {why}"):
        await accounts.add(account, None)

    assert await accounts.list() == []
