"""A mail, a Resend that answers on this machine, and a sender that talks to it."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.driver.builtin_accounts import builtin_accounts
from tests.mail.providers.deployment import ADA, SECRET_KEY, Deployment
from tests.mail.providers.http_providers import PROVIDERS as HTTP_PROVIDERS
from tests.mail.providers.http_providers import HttpProvider
from tests.mail_providers import sns
from tests.resend_server.answers import Trouble
from tests.resend_server.server import API_KEY, ResendServer

from keyturn.mail.port.email import Email, Sender
from keyturn.mail.providers import PROVIDERS
from keyturn.mail.providers.resend import ResendSettings
from keyturn.service.accounts.port import Account
from keyturn.service.settings import DatabaseSettings, MailSettings, Secret, Settings, WorkerSettings

Open = Callable[..., Sender]
"""Opens a sender with any of its settings changed. `key`: its API key; without `reports`, none of its reports come."""


@pytest.fixture
def mail() -> Email:
    return Email(
        sender="Northwind School <accounts@northwind.example>",
        to="ada@pupils.test",
        reply_to="help@northwind.example",
        subject="Reset your Northwind School password",
        html='<p>Grüße, <a href="https://northwind.example/reset/abc">here</a></p>',
        text="Grüße, here:\nhttps://northwind.example/reset/abc\n",
        headers={"Auto-Submitted": "auto-generated"},
        tags={"template": "password_reset"},
    )


@pytest.fixture
def provider_settings(resend: ResendServer, patience: timedelta) -> dict[str, Any]:
    """Return the settings of `deployment` by which mails go to a provider: Resend, unless a module says another."""
    mail = MailSettings(from_="accounts@northwind.test")
    settings = ResendSettings(api_key=Secret(API_KEY), api_url=resend.url, rate=1000)
    return {"resend": settings, "mail": mail, "worker": WorkerSettings(timeout=patience)}


@pytest.fixture
async def deployment(provider_settings: dict[str, Any], database_url: str) -> AsyncIterator[Deployment]:
    """Run a service that sends through a provider, with an account for Ada."""
    defaults: dict[str, Any] = {"mail": MailSettings(from_="accounts@northwind.test")}
    deployment = Deployment(
        Settings(
            environment="development",
            secret_key=SECRET_KEY,
            database=DatabaseSettings(url=Secret(database_url)),
            **defaults | provider_settings,
        )
    )
    await builtin_accounts(deployment.parts).add(Account(id="", email=ADA, name="Ada"), "$2b$12$hash")
    yield deployment
    await deployment.parts.close()


@pytest.fixture
def patience(request: pytest.FixtureRequest) -> timedelta:
    """Return a sender's time-out: short only for tests in which a provider falls silent."""
    given = request.node.callspec.params.values() if hasattr(request.node, "callspec") else ()
    silent = any(
        value in {Trouble.STALL, Trouble.STALL_AFTER_ACCEPTING} for value in given if isinstance(value, Trouble)
    )
    return timedelta(seconds=2 if silent else 20)


@pytest.fixture(scope="module", params=HTTP_PROVIDERS)
def running(request: pytest.FixtureRequest) -> Iterator[tuple[str, Any]]:
    """Run the server of each provider; yield its name and the server."""
    with ExitStack() as stack:
        stack.enter_context(sns.running_sns())
        yield request.param, stack.enter_context(HTTP_PROVIDERS[request.param].running())


@pytest.fixture
def provider(running: tuple[str, Any]) -> HttpProvider:
    return HTTP_PROVIDERS[running[0]]


@pytest.fixture
def server(running: tuple[str, Any]) -> Any:
    """Return the provider's server, which knows nothing yet."""
    running[1].forget()
    return running[1]


@pytest.fixture
async def opened(
    running: tuple[str, Any], provider: HttpProvider, server: Any, patience: timedelta
) -> AsyncIterator[Open]:
    senders: list[Sender] = []

    def opened(key: str = "", *, reports: bool = True, **changes: Any) -> Sender:
        if key:
            changes[provider.key] = Secret(key)
        if not reports:
            changes[provider.proof] = Secret("")
        settings = msgspec.structs.replace(provider.settings(server.url), **changes)
        senders.append(PROVIDERS[running[0]].build(settings, patience))
        return senders[-1]

    yield opened
    for sender in senders:
        await sender.close()
