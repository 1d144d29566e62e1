"""An outbox on a real database, of each engine in turn."""

from collections.abc import AsyncIterator

import pytest
from tests.contracts.outbox.worker import Rows

from keyturn.service.database import Database
from keyturn.service.outbox.queue import Outbox


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[Outbox]:
    database = Database(database_url)
    yield Outbox(database)
    await database.close()


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)


@pytest.fixture
def rows(database: Database) -> Rows:
    return Rows(database)
