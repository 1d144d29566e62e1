"""A mail that a service has sent."""

import pytest
from tests.driver.reporting import provider_id
from tests.driver.service import Service


@pytest.fixture
async def mailed(service: Service) -> str:
    """Return the provider's id of a mail with a link, which Ada was sent."""
    await service.link()
    return await provider_id(service)
