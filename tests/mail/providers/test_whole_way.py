"""From a request to a provider that knows no idempotency keys and back: a lost answer waits for its report."""

from datetime import timedelta
from typing import Any

import pytest
from tests.mail.providers.deployment import ADA, Deployment
from tests.mail.providers.http_providers import PROVIDERS, HttpProvider
from tests.resend_server.answers import Trouble

from keyturn.service.clock import now
from keyturn.service.reset.records.client import Client
from keyturn.service.sending.reports import ProviderReports, provider_webhooks
from keyturn.service.settings import MailSettings, WorkerSettings

pytestmark = [
    pytest.mark.parametrize("databases", ["sqlite"], indirect=True),
    pytest.mark.parametrize("running", [name for name, one in PROVIDERS.items() if not one.knows_keys], indirect=True),
    pytest.mark.long,
    pytest.mark.slow,
]


@pytest.fixture
def name(running: tuple[str, Any]) -> str:
    return running[0]


@pytest.fixture
def provider_settings(patience: timedelta, name: str, provider: HttpProvider, server: Any) -> dict[str, Any]:
    mail = MailSettings(transport=name, from_="accounts@northwind.test")
    return {"mail": mail, name: provider.settings(server.url), "worker": WorkerSettings(timeout=patience)}


@pytest.mark.parametrize("trouble", [Trouble.DROP_AFTER_ACCEPTING, Trouble.STALL_AFTER_ACCEPTING])
async def test_where_the_answer_is_lost_the_report_is_awaited_and_ends_the_tries(
    deployment: Deployment, name: str, provider: HttpProvider, server: Any, trouble: Trouble
) -> None:
    server.coming.append(trouble)
    await deployment.ask()
    await deployment.work()
    await server.idle()
    waiting = await deployment.message()
    assert waiting.state == "waiting"
    assert waiting.available_at - now() > timedelta(seconds=50)

    ((accepted, mail),) = server.accepted.items()
    assert provider.report
    sent = provider.report("delivered", accepted, to=ADA, key=provider.key_in(mail))
    (report,) = await provider_webhooks(deployment.parts.settings)[name].read(sent.headers, sent.body)
    reports = ProviderReports(deployment.parts.settings, deployment.parts.ground)
    await reports.take(report, Client(ip_address="192.0.2.1"))
    await deployment.work()

    message = await deployment.message()
    assert (message.state, message.sender, message.provider_id) == ("sent", name, accepted)
    assert len(server.requests) == 1


async def test_without_a_report_the_same_mail_is_handed_over_again(deployment: Deployment, server: Any) -> None:
    server.coming.append(Trouble.DROP_AFTER_ACCEPTING)
    await deployment.ask()
    for _ in range(2):
        await deployment.work()

    first, again = server.accepted.values()
    assert first == again
    assert (await deployment.message()).state == "sent"
