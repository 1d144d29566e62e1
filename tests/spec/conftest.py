"""A running service for each test, on a database of its own."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Protocol

import pytest
from tests.builtin_accounts import builtin_accounts
from tests.spec.inbox import Inbox
from tests.spec.reporting import provider_id
from tests.spec.service import ADA, DAN, GRACE, Service, running, settings_for


class Start(Protocol):
    async def __call__(self, *, working: bool = False, inbox: Inbox | None = None, **settings: Any) -> Service:
        """Start a service with the settings, on the test's database; every one of them is stopped at the end."""
        ...


@pytest.fixture
async def start(database_url: str) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def start_one(*, working: bool = False, inbox: Inbox | None = None, **settings: Any) -> Service:
            wanted = settings_for(database_url, **settings)
            service = await stack.enter_async_context(running(wanted, worker=working, inbox=inbox))
            if not await builtin_accounts(service.parts).list():
                await service.add(ADA, name="Ada", kind="viewer")
                await service.add(GRACE, name="Grace", provider="Google")
                await service.add(DAN, name="Dan", active=False)
            return service

        yield start_one


@pytest.fixture
async def service(start: Start) -> Service:
    """Start a service with the default settings."""
    return await start()


@pytest.fixture
async def mailed(service: Service) -> str:
    """Return the provider's id of a mail with a link, which Ada was sent."""
    await service.link()
    return await provider_id(service)
