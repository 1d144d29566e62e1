from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
from tests.databases import SqliteFiles
from tests.sources.adopted import Adopted, adopted


@pytest.fixture
def migrated(sqlite: SqliteFiles) -> Iterator[str]:
    url = sqlite.migrated()
    yield url
    sqlite.drop(url)


@pytest.fixture
async def app(request: pytest.FixtureRequest, migrated: str) -> AsyncIterator[Adopted]:
    """Run the app that the test's module names in NAME."""
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(adopted(request.module.NAME, migrated))
