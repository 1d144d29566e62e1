"""A service for many examples."""

import pytest
from tests.spec.service import Service, Start

from keyturn.settings import LimitSettings


@pytest.fixture
async def generous(start: Start) -> Service:
    """Start a service whose limits are in no example's way."""
    rate = "100000/minute"
    return await start(limits=LimitSettings(validate=rate, reset=rate, login=rate, account=rate))
