"""A service for many examples."""

import pytest
from tests.driver.service import Service, Start


@pytest.fixture
async def generous(start: Start) -> Service:
    """Start a service whose limits are in no example's way."""
    rate = "100000/minute"
    return await start(limits={"client": rate, "login": rate, "account": rate})
