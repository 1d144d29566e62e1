"""Handing mails to Postmark, over real HTTP, and what each of its answers means."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta

import pytest
from tests.mail.providers.http_sender_contract import HeaderKeyContract, Open
from tests.mail.providers.ports import closed_port
from tests.mail_providers.postmark import LIMITED, TEST_TOKEN, TOKEN, PostmarkServer, refusal, running_postmark
from tests.resend_server.answers import Answer

from keyturn.errors import SendFailed, SendRefused, SendRetryable, SendUnknown
from keyturn.mail.port.email import Email, Sender
from keyturn.mail.providers.postmark import PostmarkSender, PostmarkSettings
from keyturn.settings import Secret

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running() -> Iterator[PostmarkServer]:
    with running_postmark() as server:
        yield server


@pytest.fixture
def server(running: PostmarkServer) -> PostmarkServer:
    running.forget()
    return running


@pytest.fixture
async def opened(patience: timedelta, server: PostmarkServer) -> AsyncIterator[Open]:
    senders: list[Sender] = []

    def opened(key: str = TOKEN, *, reports: bool = False, url: str = server.url) -> Sender:
        secret = Secret("s" * 32 if reports else "")
        settings = PostmarkSettings(server_token=Secret(key), api_url=url, webhook_secret=secret)
        senders.append(PostmarkSender(settings, patience))
        return senders[-1]

    yield opened
    for sender in senders:
        await sender.close()


class TestPostmark(HeaderKeyContract):
    name = "postmark"
    right_key = TOKEN

    @pytest.fixture
    def nobody(self, opened: Open) -> Sender:
        return opened(url=f"http://127.0.0.1:{closed_port()}")

    @pytest.fixture
    def limited(self) -> Answer:
        return LIMITED

    @pytest.fixture
    def refuse(self, server: PostmarkServer) -> Callable[[], None]:
        return lambda: server.coming.append(refusal(422, 300, "Invalid 'To' address: 'ada@pupils.test'."))

    @pytest.fixture
    def delivered(self, server: PostmarkServer) -> Callable[[], list[str]]:
        return lambda: [str(mail["Subject"]) for mail in server.accepted.values()]


async def test_every_part_of_the_mail_arrives_and_nothing_is_tracked(
    opened: Open, server: PostmarkServer, mail: Email
) -> None:
    provider_id = await opened().send(mail, "key-1")

    assert server.accepted[provider_id] == {
        "From": mail.sender,
        "To": mail.to,
        "ReplyTo": mail.reply_to,
        "Subject": mail.subject,
        "HtmlBody": mail.html,
        "TextBody": mail.text,
        "Headers": [{"Name": "Auto-Submitted", "Value": "auto-generated"}],
        "Metadata": {"template": "password_reset", "key": "key-1"},
        "MessageStream": "outbound",
        "TrackOpens": False,
        "TrackLinks": "None",
    }


@pytest.mark.parametrize(
    ("answer", "kind", "account"),
    [
        (refusal(422, 400, "not a Sender Signature"), SendRefused, True),
        (refusal(422, 401, "Sender Signature not confirmed"), SendRefused, True),
        (refusal(422, 405, "Not allowed to send: out of credits"), SendRefused, True),
        (refusal(422, 412, "Account is pending"), SendRefused, True),
        (refusal(422, 413, "Account may not send"), SendRefused, True),
        (refusal(422, 402, "Invalid JSON"), SendRefused, False),
        (refusal(413, 0, "Payload too large"), SendRefused, False),
    ],
)
async def test_what_concerns_all_mails_is_told_from_what_concerns_this_one(
    opened: Open, server: PostmarkServer, mail: Email, answer: Answer, kind: type[SendFailed], account: bool
) -> None:
    server.coming.append(answer)
    with pytest.raises(kind) as failure:
        await opened().send(mail, "key-1")
    assert isinstance(failure.value, SendRefused)
    assert failure.value.account == account


async def test_a_recipient_that_postmark_has_suppressed_is_named_so_and_refused(
    opened: Open, server: PostmarkServer, mail: Email
) -> None:
    server.inactive.add(mail.to)
    with pytest.raises(SendRefused, match="422 inactive recipient"):
        await opened().send(mail, "key-1")


async def test_an_acceptance_that_drops_the_address_in_its_prose_is_none(
    opened: Open, server: PostmarkServer, mail: Email
) -> None:
    prose = f"Message OK, but will not deliver to these inactive addresses: {mail.to}."
    server.coming.append(Answer(200, {"ErrorCode": 0, "MessageID": "1", "Message": prose}))
    with pytest.raises(SendRefused, match="200 inactive recipient"):
        await opened().send(mail, "key-1")


async def test_maintenance_is_a_certain_no_for_the_moment(opened: Open, server: PostmarkServer, mail: Email) -> None:
    server.coming.append(refusal(503, 100, "Maintenance"))
    with pytest.raises(SendRetryable) as failure:
        await opened().send(mail, "key-1")
    assert (failure.value.not_accepted, failure.value.down) == (True, True)
    assert not isinstance(failure.value, SendUnknown)


async def test_the_token_for_tests_sends_nothing(opened: Open, server: PostmarkServer, mail: Email) -> None:
    assert await opened(TEST_TOKEN).send(mail, "key-1")
    assert server.accepted == {}
