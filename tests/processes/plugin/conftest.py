"""An app with Keyturn in it, on each engine."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.processes.plugin.host import Host

from keyturn.service.database.migrations import migrate


@pytest.fixture
async def host(empty_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Host]:
    """Run the app, with whatever a test says of the plugin: `parametrize("host", [{...}],
    indirect=True)`.
    """
    options: dict[str, Any] = getattr(request, "param", {})
    host = Host(empty_url, **options)
    await migrate(host.container.database)
    async with host.running():
        await host.add()
        yield host
