"""A mail, a Resend that answers on this machine, and a sender that talks to it."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.builtin_accounts import builtin_accounts
from tests.mail.providers.deployment import ADA, SECRET_KEY, Deployment
from tests.resend_server.answers import Trouble
from tests.resend_server.server import API_KEY, ResendServer, running_resend

from keyturn.accounts.port import Account
from keyturn.mail.port.email import Email
from keyturn.mail.providers.resend import ResendSender, ResendSettings
from keyturn.settings import DatabaseSettings, MailSettings, Secret, Settings


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
async def sender(resend: ResendServer) -> AsyncIterator[ResendSender]:
    # Some tests wait for it, since the fault is a silence.
    sender = ResendSender(API_KEY, resend.url, timedelta(seconds=2))
    yield sender
    await sender.close()


@pytest.fixture
def provider_settings(resend: ResendServer, patience: timedelta) -> dict[str, Any]:
    """Return the settings of `deployment` by which mails go to a provider: Resend, unless a module says another."""
    mail = MailSettings(from_="accounts@northwind.test", timeout=patience)
    return {"resend": ResendSettings(api_key=Secret(API_KEY), api_url=resend.url, rate=1000), "mail": mail}


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
