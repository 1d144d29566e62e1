"""Handing mails to Mailgun, over real HTTP, and what each of its answers means."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta

import pytest
from tests.mail.providers.http_sender_contract import HttpSenderContract, Open
from tests.mail.providers.ports import closed_port
from tests.mail_providers.mailgun import (
    DOMAIN,
    GREETING,
    KEY,
    LIMITED,
    SENDING_KEY,
    MailgunServer,
    refusal,
    running_mailgun,
)
from tests.resend_server.answers import Answer

from keyturn.errors import SendRefused
from keyturn.mail.port.email import Email, Sender
from keyturn.mail.providers.mailgun import MailgunSender, MailgunSettings
from keyturn.settings import Secret

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running() -> Iterator[MailgunServer]:
    with running_mailgun() as server:
        yield server


@pytest.fixture
def server(running: MailgunServer) -> MailgunServer:
    running.forget()
    return running


@pytest.fixture
async def opened(patience: timedelta, server: MailgunServer) -> AsyncIterator[Open]:
    senders: list[Sender] = []

    def opened(key: str = KEY, *, reports: bool = False, url: str = server.url, domain: str = DOMAIN) -> Sender:
        signing_key = Secret("s" * 32 if reports else "")
        settings = MailgunSettings(api_key=Secret(key), domain=domain, api_url=url, webhook_signing_key=signing_key)
        senders.append(MailgunSender(settings, patience))
        return senders[-1]

    yield opened
    for sender in senders:
        await sender.close()


class TestMailgun(HttpSenderContract):
    name = "mailgun"
    right_key = KEY

    @pytest.fixture
    def nobody(self, opened: Open) -> Sender:
        return opened(url=f"http://127.0.0.1:{closed_port()}")

    @pytest.fixture
    def limited(self) -> Answer:
        return LIMITED

    @pytest.fixture
    def refuse(self, server: MailgunServer) -> Callable[[], None]:
        said = refusal(400, "to parameter is not a valid address: ada@pupils.test. please check documentation")
        return lambda: server.coming.append(said)

    @pytest.fixture
    def delivered(self, server: MailgunServer) -> Callable[[], list[str]]:
        return lambda: [mail["subject"] for mail in server.accepted.values()]


async def test_every_part_of_the_mail_arrives_and_nothing_is_tracked(
    opened: Open, server: MailgunServer, mail: Email
) -> None:
    provider_id = await opened().send(mail, "key-1")

    assert server.accepted[provider_id] == {
        "from": mail.sender,
        "to": mail.to,
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "o:tracking": "no",
        "o:tracking-clicks": "no",
        "o:tracking-opens": "no",
        "h:Auto-Submitted": "auto-generated",
        "h:Reply-To": mail.reply_to,
        "v:template": "password_reset",
        "v:key": "key-1",
    }


async def test_a_key_that_may_only_send_is_enough(opened: Open, mail: Email) -> None:
    assert await opened(SENDING_KEY).send(mail, "key-1")


async def test_a_domain_of_the_other_region_is_the_accounts_fault(opened: Open, mail: Email) -> None:
    with pytest.raises(SendRefused, match="404 domain not found") as failure:
        await opened(domain="mg.northwind.eu").send(mail, "key-1")
    assert failure.value.account


async def test_a_greeting_is_no_acceptance(opened: Open, server: MailgunServer, mail: Email) -> None:
    server.coming.append(GREETING)
    with pytest.raises(SendRefused, match="200 not the API") as failure:
        await opened().send(mail, "key-1")
    assert failure.value.account


@pytest.mark.parametrize(
    ("answer", "reason", "account"),
    [
        (refusal(403, f"Domain {DOMAIN} is not allowed to send: Please activate your account"), "403", True),
        (refusal(400, "from parameter is not a valid address"), "400", False),
    ],
)
async def test_what_concerns_all_mails_is_told_from_what_concerns_this_one(
    opened: Open, server: MailgunServer, mail: Email, answer: Answer, reason: str, account: bool
) -> None:
    server.coming.append(answer)
    with pytest.raises(SendRefused) as failure:
        await opened().send(mail, "key-1")
    assert (failure.value.reason, failure.value.account) == (reason, account)
