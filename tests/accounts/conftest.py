from collections.abc import AsyncIterator

import pytest

from keyturn.service.accounts.builtin import BuiltinAccounts
from keyturn.service.database import Database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def accounts(database: Database) -> BuiltinAccounts:
    return BuiltinAccounts(database)
