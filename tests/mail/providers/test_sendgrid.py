"""Handing mails to SendGrid, over real HTTP, and what each of its answers means."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta

import msgspec
import pytest
from tests.mail.providers.http_sender_contract import HeaderKeyContract, Open
from tests.mail.providers.ports import closed_port
from tests.mail_providers.sendgrid import KEY, LIMITED, SendGridServer, refusal, running_sendgrid
from tests.mail_providers.sendgrid_reports import KEY as SIGNER
from tests.mail_providers.sendgrid_reports import public
from tests.resend_server.answers import EMPTY, Answer

from keyturn.errors import SendRefused, SendRetryable, SendUnknown
from keyturn.mail.port.email import Email, Sender
from keyturn.mail.providers.sendgrid import SendGridSender, SendGridSettings
from keyturn.settings import Secret

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running() -> Iterator[SendGridServer]:
    with running_sendgrid() as server:
        yield server


@pytest.fixture
def server(running: SendGridServer) -> SendGridServer:
    running.forget()
    return running


@pytest.fixture
async def opened(patience: timedelta, server: SendGridServer) -> AsyncIterator[Open]:
    senders: list[Sender] = []

    def opened(key: str = KEY, *, reports: bool = False, url: str = server.url) -> Sender:
        verification_key = public(SIGNER) if reports else ""
        settings = SendGridSettings(api_key=Secret(key), api_url=url, webhook_verification_key=verification_key)
        senders.append(SendGridSender(settings, patience))
        return senders[-1]

    yield opened
    for sender in senders:
        await sender.close()


class TestSendGrid(HeaderKeyContract):
    name = "sendgrid"
    right_key = KEY

    @pytest.fixture
    def nobody(self, opened: Open) -> Sender:
        return opened(url=f"http://127.0.0.1:{closed_port()}")

    @pytest.fixture
    def limited(self) -> Answer:
        return LIMITED

    @pytest.fixture
    def refuse(self, server: SendGridServer) -> Callable[[], None]:
        said = refusal(400, "Does not contain a valid address: ada@pupils.test", "personalizations.0.to.0.email")
        return lambda: server.coming.append(said)

    @pytest.fixture
    def delivered(self, server: SendGridServer) -> Callable[[], list[str]]:
        return lambda: [str(mail["subject"]) for mail in server.accepted.values()]


async def test_every_part_of_the_mail_arrives_and_nothing_is_tracked(
    opened: Open, server: SendGridServer, mail: Email
) -> None:
    provider_id = await opened().send(mail, "key-1")

    assert server.accepted[provider_id] == {
        "personalizations": [{"to": [{"email": mail.to}]}],
        "from": {"email": "accounts@northwind.example", "name": "Northwind School"},
        "reply_to": {"email": mail.reply_to},
        "subject": mail.subject,
        "content": [{"type": "text/plain", "value": mail.text}, {"type": "text/html", "value": mail.html}],
        "headers": {"Auto-Submitted": "auto-generated"},
        "custom_args": {"template": "password_reset", "key": "key-1"},
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
            "ganalytics": {"enable": False},
        },
    }


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("Nordwind Schüler <accounts@northwind.example>", "Nordwind Schüler"),
        ("=?utf-8?q?Nordwind_Sch=C3=BCler?= <accounts@northwind.example>", "Nordwind Schüler"),
        ("=?utf-9?q?Sch=C3?= <accounts@northwind.example>", "=?utf-9?q?Sch=C3?="),
        ("=?utf-8?b?A?= <accounts@northwind.example>", "=?utf-8?b?A?="),
    ],
)
async def test_a_senders_name_arrives_as_people_read_it(
    opened: Open, server: SendGridServer, mail: Email, sender: str, name: str
) -> None:
    await opened().send(msgspec.structs.replace(mail, sender=sender), "key-1")

    (accepted,) = server.accepted.values()
    assert accepted["from"] == {"email": "accounts@northwind.example", "name": name}


@pytest.mark.parametrize(
    ("answer", "reason", "account"),
    [
        (refusal(401, "Maximum credits exceeded"), "401", True),
        (refusal(403, "The from address does not match a verified Sender Identity", "from"), "403 from", True),
        (refusal(400, "Bad", "personalizations.0.to.0.email"), "400 personalizations.0.to.0.email", False),
        (refusal(400, "Bad", "to ada@pupils.test"), "400", False),
        (refusal(413, "payload too large"), "413", False),
    ],
)
async def test_what_concerns_all_mails_is_told_from_what_concerns_this_one(
    opened: Open, server: SendGridServer, mail: Email, answer: Answer, reason: str, account: bool
) -> None:
    server.coming.append(answer)
    with pytest.raises(SendRefused) as failure:
        await opened().send(mail, "key-1")
    assert (failure.value.reason, failure.value.account) == (reason, account)


async def test_an_acceptance_without_an_id_leaves_it_open(opened: Open, server: SendGridServer, mail: Email) -> None:
    server.coming.append(Answer(202, EMPTY))
    with pytest.raises(SendUnknown):
        await opened().send(mail, "key-1")


@pytest.mark.parametrize(("reset", "pause"), [(9, 9), (-9, 0), (1e12, 24 * 3600), (None, None)])
async def test_a_limit_says_when_it_is_reset(
    opened: Open, server: SendGridServer, mail: Email, reset: float | None, pause: float | None
) -> None:
    said = "soon" if reset is None else str(int(time.time() + reset))
    server.coming.append(refusal(429, "too many requests", **{"x-ratelimit-reset": said}))
    with pytest.raises(SendRetryable) as failure:
        await opened().send(mail, "key-1")

    assert failure.value.retry_after == (pause if pause is None else pytest.approx(pause, abs=2))
