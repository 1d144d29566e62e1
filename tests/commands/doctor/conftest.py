"""A nameserver, a Resend server, and the settings of a service that uses both."""

from collections.abc import AsyncIterator

import pytest
from tests.commands.doctor.production import RSA, production_settings
from tests.servers.dns import DnsServer, running_dns
from tests.servers.mail_providers.resend import ResendServer

from keyturn.service.doctor import Dns
from keyturn.service.settings import Settings


@pytest.fixture
async def nameserver() -> AsyncIterator[DnsServer]:
    async with running_dns() as server:
        yield server


@pytest.fixture
def dns(nameserver: DnsServer) -> Dns:
    return Dns(nameserver.address)


@pytest.fixture
def told(nameserver: DnsServer) -> DnsServer:
    """Give the test a nameserver that holds all that Resend asks for."""
    nameserver.add("northwind.example", "MX", "10 mail.northwind.example.")
    nameserver.txt("send.northwind.example", "v=spf1 include:amazonses.com ~all")
    nameserver.txt("resend._domainkey.northwind.example", f"p={RSA}")
    nameserver.txt("_dmarc.northwind.example", "v=DMARC1; p=reject")
    return nameserver


@pytest.fixture
def production(resend: ResendServer, sqlite_url: str) -> Settings:
    """Give the test settings with which nothing is wrong."""
    return production_settings(sqlite_url, resend.url)
