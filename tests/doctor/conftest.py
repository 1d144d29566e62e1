"""A nameserver, a Resend server, and the settings of a service that uses both."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from tests.doctor.dns_server import DnsServer, running_dns
from tests.doctor.production import production_settings
from tests.resend_server.server import ResendServer, running_resend

from keyturn.doctor import Dns
from keyturn.settings import Settings


@pytest.fixture
async def nameserver() -> AsyncIterator[DnsServer]:
    async with running_dns() as server:
        yield server


@pytest.fixture
def dns(nameserver: DnsServer) -> Dns:
    return Dns(nameserver.address)


@pytest.fixture(scope="session")
def resend_server() -> Iterator[ResendServer]:
    with running_resend() as server:
        yield server


@pytest.fixture
def resend(resend_server: ResendServer) -> ResendServer:
    """Give the test a Resend that knows nothing yet."""
    resend_server.forget()
    return resend_server


@pytest.fixture
def production(resend: ResendServer, sqlite: Any) -> Iterator[Settings]:
    """Give the test settings with which nothing is wrong."""
    url = sqlite.migrated()
    yield production_settings(url, resend.url)
    sqlite.drop(url)
