"""From a request to a provider that knows no idempotency keys and back: a lost answer waits for its report."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.mail.providers.deployment import ADA, Deployment
from tests.mail_providers import (
    mailgun,
    mailgun_reports,
    postmark,
    postmark_reports,
    sendgrid,
    sendgrid_reports,
    ses,
    ses_reports,
    sns,
)
from tests.mail_providers.delivery import Delivery
from tests.mail_providers.server import ProviderServer
from tests.resend_server.answers import Trouble

from keyturn.database import now
from keyturn.mail.providers.mailgun import MailgunSettings
from keyturn.mail.providers.postmark import PostmarkSettings
from keyturn.mail.providers.sendgrid import SendGridSettings
from keyturn.mail.providers.ses import SesSettings
from keyturn.mail.sending.senders import provider_webhooks
from keyturn.reset.records.client import Client
from keyturn.settings import MailSettings, Secret

pytestmark = [pytest.mark.parametrize("databases", ["sqlite"], indirect=True), pytest.mark.slow]


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Says how a provider is run, asked and heard. `key_in` finds our key in a mail that it accepted."""

    name: str
    running: Callable[[], Any]
    settings: Callable[[str], Any]
    report: Callable[..., Delivery]
    key_in: Callable[[Mapping[str, Any]], str]


PROVIDERS = [
    Provider(
        name="postmark",
        running=postmark.running_postmark,
        settings=lambda url: PostmarkSettings(
            server_token=Secret(postmark.TOKEN),
            api_url=url,
            webhook_secret=Secret(postmark_reports.PASSWORD),
        ),
        report=postmark_reports.report,
        key_in=lambda mail: str(mail["Metadata"]["key"]),
    ),
    Provider(
        name="sendgrid",
        running=sendgrid.running_sendgrid,
        settings=lambda url: SendGridSettings(
            api_key=Secret(sendgrid.KEY),
            api_url=url,
            webhook_verification_key=sendgrid_reports.public(sendgrid_reports.KEY),
        ),
        report=sendgrid_reports.report,
        key_in=lambda mail: str(mail["custom_args"]["key"]),
    ),
    Provider(
        name="mailgun",
        running=mailgun.running_mailgun,
        settings=lambda url: MailgunSettings(
            api_key=Secret(mailgun.KEY),
            domain=mailgun.DOMAIN,
            api_url=url,
            webhook_signing_key=Secret(mailgun_reports.KEY),
        ),
        report=mailgun_reports.report,
        key_in=lambda mail: str(mail["v:key"]),
    ),
    Provider(
        name="ses",
        running=ses.running_ses,
        settings=lambda url: SesSettings(
            region=ses.REGION,
            access_key_id=ses.KEY_ID,
            secret_access_key=Secret(ses.SECRET_KEY),
            api_url=url,
            rate=1000,
            topic_arn=sns.TOPIC,
        ),
        report=ses_reports.report,
        key_in=lambda mail: next(str(tag["Value"]) for tag in mail["EmailTags"] if tag["Name"] == "key"),
    ),
]


@pytest.fixture(scope="module", params=PROVIDERS, ids=lambda provider: provider.name)
def running(request: pytest.FixtureRequest) -> Iterator[tuple[Provider, Any]]:
    with ExitStack() as stack:
        stack.enter_context(sns.running_sns())
        yield request.param, stack.enter_context(request.param.running())


@pytest.fixture
def provider(running: tuple[Provider, Any]) -> Provider:
    return running[0]


@pytest.fixture
def server(running: tuple[Provider, Any]) -> Any:
    """Return a server that knows nothing yet; each has `accepted`."""
    assert isinstance(running[1], ProviderServer)
    running[1].forget()
    return running[1]


@pytest.fixture
def provider_settings(patience: timedelta, provider: Provider, server: Any) -> dict[str, Any]:
    mail = MailSettings(transport=provider.name, from_="accounts@northwind.test", timeout=patience)
    return {"mail": mail, provider.name: provider.settings(server.url)}


@pytest.mark.long
async def test_a_request_becomes_one_mail_that_the_provider_knows_by_its_id(
    deployment: Deployment, server: Any
) -> None:
    await deployment.ask()
    await deployment.work()
    message = await deployment.message()

    assert (message.state, list(server.accepted)) == ("sent", [message.provider_id])


@pytest.mark.parametrize("trouble", [Trouble.DROP_AFTER_ACCEPTING, Trouble.STALL_AFTER_ACCEPTING])
@pytest.mark.long
async def test_where_the_answer_is_lost_the_report_is_awaited_and_ends_the_tries(
    deployment: Deployment, provider: Provider, server: Any, trouble: Trouble
) -> None:
    server.coming.append(trouble)
    await deployment.ask()
    await deployment.work()
    await server.idle()
    waiting = await deployment.message()
    assert waiting.state == "waiting"
    assert waiting.available_at - now() > timedelta(seconds=50)

    ((accepted, mail),) = server.accepted.items()
    sent = provider.report("delivered", accepted, to=ADA, key=provider.key_in(mail))
    (report,) = await provider_webhooks(deployment.parts.settings)[provider.name].read(sent.headers, sent.body)
    await deployment.parts.provider_events.take(report, Client(ip_address="192.0.2.1"))
    await deployment.work()

    message = await deployment.message()
    assert (message.state, message.sender, message.provider_id) == ("sent", provider.name, accepted)
    assert len(server.requests) == 1


@pytest.mark.long
async def test_without_a_report_the_same_mail_is_handed_over_again(deployment: Deployment, server: Any) -> None:
    server.coming.append(Trouble.DROP_AFTER_ACCEPTING)
    await deployment.ask()
    for _ in range(2):
        await deployment.work()

    first, again = server.accepted.values()
    assert first == again
    assert (await deployment.message()).state == "sent"
