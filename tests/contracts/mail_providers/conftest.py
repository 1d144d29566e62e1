"""A mail, senders to servers on this machine, what every sender keeps to, and the webhook of a
module's provider.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.contracts.mail_providers.http_providers import PROVIDERS as HTTP_PROVIDERS
from tests.contracts.mail_providers.http_providers import HttpProvider
from tests.driver import service as driver
from tests.driver.service import ADA, Service, settings_for
from tests.servers.mail_providers import sns
from tests.servers.mail_providers.answers import Trouble
from tests.servers.mail_providers.resend import API_KEY, ResendServer

from keyturn.errors import SendRefused, SendRetryable
from keyturn.mail.port.email import Email, Sender
from keyturn.mail.port.reports import Webhook
from keyturn.mail.providers import PROVIDERS
from keyturn.mail.providers.resend import Resend
from keyturn.service.settings import MailSettings, SecretStr
from keyturn.testing import MovableClock

Open = Callable[..., Sender]
"""Opens a sender with any of its settings changed.

`key`: its API key; without `reports`, none of its reports come.
"""

Deploy = Callable[..., Awaitable[Service]]


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
async def deploy(
    database_url: str, clock: MovableClock, resend: ResendServer
) -> AsyncIterator[Deploy]:
    """Return a function that ends the process before and starts one with other settings, on the
    same database.

    It sends through Resend, unless the settings say otherwise, and Ada has an account.
    """
    mail = MailSettings(from_="accounts@northwind.test")
    settings: dict[str, Any] = {"mail": mail, "resend": resend_at(resend.url)}
    async with AsyncExitStack() as process:

        async def deploy(**changes: Any) -> Service:
            await process.aclose()
            settings.update(changes)
            wanted = settings_for(database_url, **settings)
            service = await process.enter_async_context(
                driver.running(wanted, sends=True, clock=clock)
            )
            if not await service.container.accounts.find(ADA):
                await service.add(ADA)
            return service

        yield deploy


def resend_at(url: str, api_key: str = API_KEY, rate: float = 1000) -> Resend:
    return Resend(api_key=SecretStr(api_key), api_url=url, rate=rate)


@pytest.fixture(scope="module", params=HTTP_PROVIDERS)
def running(request: pytest.FixtureRequest) -> Iterator[tuple[str, Any]]:
    with ExitStack() as stack:
        stack.enter_context(sns.running_sns())
        yield request.param, stack.enter_context(HTTP_PROVIDERS[request.param].running())


@pytest.fixture
def provider(running: tuple[str, Any]) -> HttpProvider:
    return HTTP_PROVIDERS[running[0]]


@pytest.fixture
def server(running: tuple[str, Any]) -> Any:
    running[1].forget()
    return running[1]


@pytest.fixture
async def opened(
    provider: HttpProvider, server: Any, request: pytest.FixtureRequest
) -> AsyncIterator[Open]:
    given = request.node.callspec.params.values()
    silences = [value for value in given if value in (Trouble.STALL, Trouble.STALL_AFTER_ACCEPTING)]
    patience = timedelta(seconds=2 if silences else 20)
    senders: list[Sender] = []

    def opened(key: str = "", *, reports: bool = True, **changes: Any) -> Sender:
        if key:
            changes[provider.key] = SecretStr(key)
        if not reports:
            changes[provider.proof] = SecretStr("")
        settings = msgspec.structs.replace(provider.settings(server.url), **changes)
        senders.append(settings.build(patience))
        return senders[-1]

    yield opened
    for sender in senders:
        await sender.close()


@pytest.fixture
def webhook(request: pytest.FixtureRequest) -> Webhook:
    """Return the webhook of the module's `PROVEN_BY`: a provider, and the secret that proves its
    reports.
    """
    name, proof = request.module.PROVEN_BY
    provider = PROVIDERS[name]
    assert provider.reports
    webhook = provider(**{provider.reports.setting: SecretStr(proof)}).webhook()
    assert webhook
    return webhook


Delivered = Callable[[], list[str]]


class SenderContract:
    pytestmark = pytest.mark.asyncio

    @pytest.fixture
    def knows_keys(self) -> bool:
        """Tell whether a repeat has the same id and is delivered once."""
        return True

    async def test_mails_arrive_in_order_each_under_its_id_and_a_repeat_once_if_its_key_is_known(
        self, sender: Sender, delivered: Delivered, mail: Email, knows_keys: bool
    ) -> None:
        other = msgspec.structs.replace(mail, subject="Another mail")
        ids = [
            await sender.send(one, key)
            for one, key in ((mail, "key-1"), (mail, "key-1"), (other, "key-2"))
        ]

        assert all(ids)
        assert len(set(ids)) == (2 if knows_keys else 3)
        assert delivered() == [mail.subject] * (1 if knows_keys else 2) + ["Another mail"]

    async def test_it_can_be_closed_unused(self, sender: Sender) -> None:
        await sender.close()


class RefusingSenderContract(SenderContract):
    """Further rules for providers that can refuse: `refuse` makes the provider refuse, `nobody`
    cannot be reached.
    """

    async def test_a_mail_that_is_refused_for_good_says_so_by_its_code_alone(
        self, sender: Sender, refuse: Callable[[], None], delivered: Delivered, mail: Email
    ) -> None:
        refuse()
        with pytest.raises(SendRefused, match=r"4|SMTP 5") as failure:
            await sender.send(mail, "key-1")

        assert mail.to not in failure.value.reason
        assert not failure.value.account
        assert delivered() == []

    async def test_where_nobody_answers_it_is_certain_that_nobody_has_it(
        self, nobody: Sender, mail: Email
    ) -> None:
        with pytest.raises(SendRetryable) as failure:
            await nobody.send(mail, "key-1")
        assert failure.value.not_accepted
