from collections.abc import AsyncIterator

import pytest

from keyturn.accounts.builtin import BuiltinAccounts
from keyturn.accounts.port import Account
from keyturn.database import Database

HASH = "$2b$hash"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def accounts(database: Database) -> BuiltinAccounts:
    return BuiltinAccounts(database)


@pytest.fixture
async def ada(accounts: BuiltinAccounts) -> Account:
    return await accounts.add(Account(id="", email="ada@northwind.example", name="Ada", kind="viewer"), HASH)
