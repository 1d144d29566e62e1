"""A nameserver, a Resend and the settings of somebody who uses both."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from tests.doctor.dns_server import DnsServer, running_dns
from tests.resend_server.server import API_KEY, ResendServer, running_resend

from keyturn.doctor import Dns
from keyturn.mail.providers.resend import ResendSettings
from keyturn.settings import Brand, DatabaseSettings, MailSettings, Secret, ServerSettings, Settings

SECRET_KEY = "0123456789abcdef0123456789abcdef"


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
    yield Settings(
        base_url="https://account.northwind.example",
        secret_key=Secret(SECRET_KEY),
        database=DatabaseSettings(url=Secret(url)),
        mail=MailSettings(from_="Northwind School <accounts@northwind.example>"),
        resend=ResendSettings(
            api_key=Secret(API_KEY), api_url=resend.url, webhook_secret=Secret("whsec_MDEyMzQ1Njc4OWFiY2RlZg==")
        ),
        brand=Brand(name="Northwind School", support_address="help@northwind.example"),
        server=ServerSettings(trusted_proxies=("127.0.0.1",)),
    )
    sqlite.drop(url)
