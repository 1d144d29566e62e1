"""An app with Keyturn in it, on each engine."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.databases import Databases
from tests.plugin.host import Host

from keyturn.database.migrations import migrate


@pytest.fixture
async def empty(databases: Databases) -> AsyncIterator[str]:
    """Make a database of the app's, without a table."""
    url = await asyncio.to_thread(databases.empty)
    yield url
    await asyncio.to_thread(databases.drop, url)


@pytest.fixture
async def host(empty: str, request: pytest.FixtureRequest) -> AsyncIterator[Host]:
    """Run the app, with whatever a test says of the plugin: `parametrize("host", [{...}], indirect=True)`."""
    options: dict[str, Any] = getattr(request, "param", {})
    host = Host(empty, **options)
    await migrate(host.parts.database)
    async with host.running():
        await host.add()
        yield host
