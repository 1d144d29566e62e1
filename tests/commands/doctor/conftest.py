"""A nameserver, a Resend server, and the settings of a service that uses both."""

from collections.abc import AsyncIterator

import pytest
from tests.commands.doctor.production import RSA
from tests.servers.dns import DnsServer, running_dns
from tests.servers.mail_providers.resend import API_KEY, ResendServer

from keyturn.mail.providers.resend import Resend
from keyturn.service.doctor import Dns
from keyturn.service.settings import (
    Brand,
    DatabaseSettings,
    MailSettings,
    SecretStr,
    ServerSettings,
    Settings,
)


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
    webhook = SecretStr("whsec_MDEyMzQ1Njc4OWFiY2RlZg==")
    return Settings(
        base_url="https://account.northwind.example",
        secret_key=SecretStr("0123456789abcdef0123456789abcdef"),
        database=DatabaseSettings(url=SecretStr(sqlite_url)),
        mail=MailSettings(from_="Northwind School <accounts@northwind.example>"),
        resend=Resend(api_key=SecretStr(API_KEY), api_url=resend.url, webhook_secret=webhook),
        brand=Brand(name="Northwind School", support_address="help@northwind.example"),
        server=ServerSettings(trusted_proxies=("127.0.0.1",)),
    )
