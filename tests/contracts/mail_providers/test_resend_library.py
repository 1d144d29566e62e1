"""Resend's library in one process with an app that uses it, too."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import resend
from resend.http_client_async import AsyncHTTPClient
from tests.servers.mail_providers.answers import Trouble
from tests.servers.mail_providers.resend import API_KEY, ResendServer

from keyturn.mail.port.email import Email, Sender
from keyturn.mail.providers.resend import Resend
from keyturn.values import SecretStr

pytestmark = pytest.mark.slow

APP_KEY = "re_App_0123456789abcdefghij"
APP_MAIL: resend.Emails.SendParams = {
    "from": "shop@northwind.example",
    "to": "grace@pupils.test",
    "subject": "Your receipt",
}


class AppClient(AsyncHTTPClient):
    """The app's own client, which notes its calls: the key, the address and the subject."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, object]] = []

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        json: Any = None,
        files: Any = None,
        data: Any = None,
    ) -> tuple[bytes, int, Mapping[str, str]]:
        assert (method, files, data) == ("post", None, None)
        self.calls.append((headers["Authorization"], url, json["subject"]))
        return b'{"id": "of the app"}', 200, {"content-type": "application/json"}


@pytest.fixture
def app() -> Iterator[AppClient]:
    """Give the library the app's key and client, and what it had before afterwards."""
    before = resend.api_key, resend.default_async_http_client
    client = AppClient()
    resend.api_key, resend.default_async_http_client = APP_KEY, client
    yield client
    resend.api_key, resend.default_async_http_client = before


@pytest.fixture
async def sender(server: ResendServer) -> AsyncIterator[Sender]:
    sender = Resend(api_key=SecretStr(API_KEY), api_url=server.url).build(timedelta(seconds=10))
    yield sender
    await sender.close()


@pytest.fixture
def server() -> Iterator[ResendServer]:
    with ResendServer.running() as server:
        yield server


async def test_app_sends_with_its_own_key(
    app: AppClient, sender: Sender, server: ResendServer, mail: Email
) -> None:
    """An app sends with its own key, address and client before, during and after an email of
    Keyturn's.
    """
    await resend.Emails.send_async(APP_MAIL)
    server.coming.append(Trouble.STALL)
    sending = asyncio.create_task(sender.send(mail, "key-1"))
    await server.arrived(1)
    await resend.Emails.send_async(APP_MAIL)
    server.let_go()
    await sending
    await resend.Emails.send_async(APP_MAIL)

    assert app.calls == [(f"Bearer {APP_KEY}", "https://api.resend.com/emails", "Your receipt")] * 3
    assert [request.headers["authorization"] for request in server.requests] == [
        f"Bearer {API_KEY}"
    ]
    assert resend.api_key == APP_KEY


async def test_app_changes_its_client(
    app: AppClient, sender: Sender, server: ResendServer, mail: Email
) -> None:
    """A client that the app sets after Keyturn's first email gets the app's emails alone."""
    await sender.send(mail, "key-1")
    later = resend.default_async_http_client = AppClient()
    await sender.send(mail, "key-2")
    await resend.Emails.send_async(APP_MAIL)

    assert (len(app.calls), len(later.calls), len(server.requests)) == (0, 1, 2)


async def test_app_sets_the_older_setting(app: AppClient, sender: Sender, mail: Email) -> None:
    """An asynchronous client in `default_http_client` gets the emails of an app that has set no
    other.
    """
    resend.default_async_http_client = None
    before, own = resend.default_http_client, AppClient()
    resend.default_http_client = own
    try:
        await sender.send(mail, "key-1")
        await resend.Emails.send_async(APP_MAIL)
    finally:
        resend.default_http_client = before

    assert (len(app.calls), len(own.calls)) == (0, 1)
