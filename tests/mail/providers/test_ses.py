"""Handing mails to Amazon SES, over real HTTP, and what each of its answers means."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.mail.providers.http_sender_contract import HttpSenderContract, Open
from tests.mail.providers.ports import closed_port
from tests.mail_providers.ses import KEY_ID, LIMITED, REGION, SECRET_KEY, SesServer, refusal, running_ses
from tests.mail_providers.sns import TOPIC
from tests.resend_server.answers import Answer

from keyturn.errors import QuotaExhausted, SendRefused, SendRetryable, SendUnknown
from keyturn.mail.port.email import Email, Sender, name_and_address
from keyturn.mail.providers.ses import SesSender, SesSettings
from keyturn.settings import Secret

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running() -> Iterator[SesServer]:
    with running_ses() as server:
        yield server


@pytest.fixture
def server(running: SesServer) -> SesServer:
    running.forget()
    return running


@pytest.fixture
async def opened(patience: timedelta, server: SesServer) -> AsyncIterator[Open]:
    senders: list[Sender] = []

    def opened(
        key: str = SECRET_KEY,
        *,
        reports: bool = False,
        url: str = server.url,
        key_id: str = KEY_ID,
        configuration_set: str = "",
    ) -> Sender:
        settings = SesSettings(
            region=REGION,
            access_key_id=key_id,
            secret_access_key=Secret(key),
            api_url=url,
            configuration_set=configuration_set,
            topic_arn=TOPIC if reports else "",
        )
        senders.append(SesSender(settings, patience))
        return senders[-1]

    yield opened
    for sender in senders:
        await sender.close()


class TestSes(HttpSenderContract):
    name = "ses"
    right_key = SECRET_KEY

    @pytest.fixture
    def nobody(self, opened: Open) -> Sender:
        return opened(url=f"http://127.0.0.1:{closed_port()}")

    @pytest.fixture
    def limited(self) -> Answer:
        return LIMITED

    @pytest.fixture
    def refuse(self, server: SesServer) -> Callable[[], None]:
        said = refusal(400, "MessageRejected", "Address ada@pupils.test contains invalid content")
        return lambda: server.coming.append(said)

    @pytest.fixture
    def delivered(self, server: SesServer) -> Callable[[], list[str]]:
        return lambda: [mail["Content"]["Simple"]["Subject"]["Data"] for mail in server.accepted.values()]


async def test_every_part_of_the_mail_arrives_and_nothing_is_tracked(
    opened: Open, server: SesServer, mail: Email
) -> None:
    provider_id = await opened().send(mail, "key-1")

    assert server.accepted[provider_id] == {
        "FromEmailAddress": mail.sender,
        "Destination": {"ToAddresses": [mail.to]},
        "ReplyToAddresses": [mail.reply_to],
        "Content": {
            "Simple": {
                "Subject": {"Data": mail.subject, "Charset": "UTF-8"},
                "Body": {
                    "Text": {"Data": mail.text, "Charset": "UTF-8"},
                    "Html": {"Data": mail.html, "Charset": "UTF-8"},
                },
                "Headers": [{"Name": "Auto-Submitted", "Value": "auto-generated"}],
            }
        },
        "EmailTags": [{"Name": "template", "Value": "password_reset"}, {"Name": "key", "Value": "key-1"}],
        "ConfigurationOverrides": {"Tracking": {"ClickTrackingEnabled": "DISABLED", "OpenTrackingEnabled": "DISABLED"}},
    }


async def test_the_configuration_set_is_named_where_there_is_one(opened: Open, server: SesServer, mail: Email) -> None:
    provider_id = await opened(configuration_set="keyturn").send(mail, "key-1")
    assert server.accepted[provider_id]["ConfigurationSetName"] == "keyturn"


@pytest.mark.parametrize("name", ["Nordwind Schüler", "=?utf-8?q?Nordwind_Sch=C3=BCler?="])
async def test_a_senders_name_beyond_ascii_is_encoded_once(
    opened: Open, server: SesServer, mail: Email, name: str
) -> None:
    sender = f"{name} <accounts@northwind.example>"
    provider_id = await opened().send(msgspec.structs.replace(mail, sender=sender), "key-1")

    encoded = server.accepted[provider_id]["FromEmailAddress"]
    assert encoded.isascii()
    assert name_and_address(encoded) == ("Nordwind Schüler", "accounts@northwind.example")


@pytest.mark.parametrize("key_id", ["AKIANOBODYS012345678", "AKIA with\nline break", "AKIA-ümlaut"])
async def test_a_key_id_that_is_none_is_the_accounts_fault(
    opened: Open, server: SesServer, mail: Email, key_id: str
) -> None:
    with pytest.raises(SendRefused) as failure:
        await opened(key_id=key_id).send(mail, "key-1")

    assert failure.value.account
    assert "AKIA" not in f"{failure.value!r}"
    assert server.accepted == {}


@pytest.mark.parametrize(
    ("answer", "reason", "account"),
    [
        (refusal(400, "AccountSuspendedException"), "400 AccountSuspendedException", True),
        (refusal(400, "SendingPausedException"), "400 SendingPausedException", True),
        (refusal(400, "MailFromDomainNotVerifiedException"), "400 MailFromDomainNotVerifiedException", True),
        (refusal(400, "LimitExceededException"), "400 LimitExceededException", True),
        (refusal(404, "NotFoundException", "Configuration set does not exist"), "404 NotFoundException", True),
        (refusal(403, "AccessDeniedException"), "403 AccessDeniedException", True),
        (
            refusal(400, "MessageRejected", "Email address is not verified: Ada@pupils.test"),
            "400 MessageRejected",
            False,
        ),
        (refusal(400, "BadRequestException"), "400 BadRequestException", False),
    ],
)
async def test_what_concerns_all_mails_is_told_from_what_concerns_this_one(
    opened: Open, server: SesServer, mail: Email, answer: Answer, reason: str, account: bool
) -> None:
    server.coming.append(answer)
    with pytest.raises(SendRefused) as failure:
        await opened().send(mail, "key-1")
    assert (failure.value.reason, failure.value.account) == (reason, account)


async def test_a_sender_that_is_not_verified_is_the_accounts_fault(
    opened: Open, server: SesServer, mail: Email
) -> None:
    server.domains = {}
    with pytest.raises(SendRefused, match="400 MessageRejected") as failure:
        await opened().send(mail, "key-1")
    assert failure.value.account


@pytest.mark.parametrize(
    "answer",
    [
        LIMITED,
        refusal(400, "ThrottlingException", "Rate exceeded"),
        refusal(400, "Throttling"),
        refusal(400, "LimitExceededException", "Maximum sending rate exceeded."),
    ],
)
async def test_to_be_too_fast_is_a_certain_no_for_the_moment(
    opened: Open, server: SesServer, mail: Email, answer: Answer
) -> None:
    server.coming.append(answer)
    with pytest.raises(SendRetryable) as failure:
        await opened().send(mail, "key-1")

    assert (failure.value.not_accepted, failure.value.down) == (True, False)
    assert not isinstance(failure.value, SendUnknown)


@pytest.mark.parametrize("status", [400, 429])
async def test_a_used_up_quota_parks_the_mail_for_ten_minutes(
    opened: Open, server: SesServer, mail: Email, status: int
) -> None:
    server.coming.append(refusal(status, "TooManyRequestsException", "Daily message quota exceeded."))
    with pytest.raises(QuotaExhausted) as failure:
        await opened().send(mail, "key-1")

    pause = (failure.value.until - datetime.now(UTC)).total_seconds()
    assert pause == pytest.approx(600, abs=5)


async def test_without_an_address_of_ones_own_it_is_that_of_the_region() -> None:
    sender = SesSender(SesSettings(region="ap-southeast-2"))
    assert sender._api.url == "https://email.ap-southeast-2.amazonaws.com"
    await sender.close()
