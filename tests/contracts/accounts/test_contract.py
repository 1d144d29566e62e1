"""What every store of accounts keeps to, kept by those in Keyturn's own database, and what the built-in one adds."""

import asyncio
from collections.abc import AsyncIterator

import bcrypt
import msgspec
import pytest
from sqlalchemy import select, update
from tests.contracts.accounts.table.conftest import AppPeople, mapping
from tests.driver.app_database import App, running_app

from keyturn.service import addresses
from keyturn.service.accounts.builtin import AccountRow, BuiltinAccounts
from keyturn.service.accounts.port import Account, AccountStore
from keyturn.service.accounts.table.store import table_accounts
from keyturn.service.database import Database
from keyturn.service.problems.requests import InputInvalid
from keyturn.testing import JoiningStoreContract, People


@pytest.fixture
def accounts(database: Database) -> BuiltinAccounts:
    return BuiltinAccounts(database)


class BuiltinPeople:
    def __init__(self, accounts: BuiltinAccounts, database: Database) -> None:
        self._accounts = accounts
        self._database = database

    async def add(self, email: str, password: str, *, active: bool = True) -> str:
        password_hash = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
        return (await self._accounts.add(Account(id="", email=email, active=active), password_hash)).id

    async def change(self, account_id: str, *, email: str | None = None, active: bool | None = None) -> None:
        given = {"email": email and addresses.parse(email), "active": active}
        values = {name: value for name, value in given.items() if value is not None}
        await self._database.execute(update(AccountRow).where(AccountRow.id == account_id).values(**values))

    async def verifies(self, account_id: str, password: str) -> bool:
        statement = select(AccountRow.password_hash).where(AccountRow.id == account_id)
        stored = await self._database.read(lambda connection: connection.execute(statement).scalar_one())
        assert stored
        return bcrypt.checkpw(password.encode(), stored.encode())


class TestBuiltin(JoiningStoreContract):
    keeps_case = False

    @pytest.fixture
    def store(self, accounts: BuiltinAccounts) -> AccountStore:
        return accounts

    @pytest.fixture
    def people(self, accounts: BuiltinAccounts, database: Database) -> People:
        return BuiltinPeople(accounts, database)


@pytest.mark.usefixtures("app")
class TestTableInTheSameDatabase(JoiningStoreContract):
    @pytest.fixture
    async def app(self, database_url: str) -> AsyncIterator[App]:
        async with running_app(database_url) as app:
            yield app

    @pytest.fixture
    def store(self, database: Database) -> AccountStore:
        return table_accounts(mapping(), database)

    @pytest.fixture
    def people(self, app: App) -> People:
        return AppPeople(app)


async def test_of_two_who_take_an_address_at_once_one_gets_it(accounts: BuiltinAccounts) -> None:
    account = Account(id="", email="ada@northwind.example")
    added = await asyncio.gather(*(accounts.add(account, None) for _ in range(5)), return_exceptions=True)

    assert sorted(type(one).__name__ for one in added) == ["Account"] + ["InputInvalid"] * 4


@pytest.mark.parametrize("field", ["name", "kind", "provider", "locale", "timezone"])
async def test_what_a_column_cannot_hold_is_refused_by_name(accounts: BuiltinAccounts, field: str) -> None:
    why = "no such time zone: x" if field == "timezone" else "must have at most [0-9]+ characters"
    account = msgspec.structs.replace(Account(id="", email="ada@northwind.example"), **{field: "x" * 500})
    with pytest.raises(InputInvalid, match=f"{field}: {why}"):
        await accounts.add(account, None)

    assert await accounts.list() == []
