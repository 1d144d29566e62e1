"""Each provider's report is proven, recorded once on its message, and acted on."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any

import httpx2
import msgspec
import pytest
from tests.driver.reporting import (
    HARD,
    SOFT,
    WITH_WEBHOOK,
    history,
    is_mailed,
    provider_id,
    report,
    state,
)
from tests.driver.service import ADA, NO_COOLDOWN, Service, Start, problem
from tests.servers.databases import ON_SQLITE
from tests.servers.mail_providers import mailgun, postmark, sendgrid, ses, sns
from tests.servers.mail_providers.answers import Request

from keyturn import SendUnknown

pytestmark = [ON_SQLITE, pytest.mark.long]


class Provider(msgspec.Struct, frozen=True):
    """How a provider reports, and with which settings it is believed.

    `bounces`: its words for each kind of bounce.

    `beside` runs what else of the provider's is asked.
    """

    name: str
    settings: dict[str, Any]
    report: Callable[..., Request]
    bounces: tuple[str, str]
    beside: Callable[[], AbstractContextManager[object]] = nullcontext


def resend_report(
    kind: str, provider_id: str, *, to: str, key: str = "", at: datetime | None = None
) -> Request:
    data = {"bounced": HARD, "bounced for now": SOFT}.get(kind, {})
    sent = report(
        kind.removesuffix(" for now"),
        provider_id,
        to=to,
        at=at,
        tags={"key": key} if key else None,
        **data,
    )
    return Request(headers=sent.headers(), body=sent.body)


_VERIFIED = {"webhook_verification_key": sendgrid.public(sendgrid.SIGNER)}
PROVIDERS = [
    Provider(
        "resend", WITH_WEBHOOK, resend_report, ("Permanent Suppressed", "Transient MailboxFull")
    ),
    Provider(
        "postmark",
        {"webhook_secret": postmark.PASSWORD},
        postmark.report,
        ("HardBounce", "SoftBounce"),
    ),
    Provider("sendgrid", _VERIFIED, sendgrid.report, ("bounce Invalid-Address", "blocked")),
    Provider(
        "mailgun", {"webhook_signing_key": mailgun.SIGNING_KEY}, mailgun.report, ("bounce", "old")
    ),
    Provider(
        *(
            "ses",
            {"topic_arn": sns.TOPIC},
            ses.report,
            ("Permanent General", "Transient MailboxFull"),
            sns.running_sns,
        )
    ),
]


@pytest.fixture(scope="module", params=PROVIDERS, ids=lambda provider: provider.name)
def provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    assert isinstance(request.param, Provider)
    with request.param.beside():
        yield request.param


@pytest.fixture
def service_options(provider: Provider) -> dict[str, Any]:
    return {"limits": NO_COOLDOWN, provider.name: provider.settings}


async def deliver(service: Service, provider: Provider, sent: Request) -> httpx2.Response:
    return await service.anywhere().post(
        f"/webhooks/{provider.name}", content=sent.body, headers=dict(sent.headers)
    )


@pytest.mark.parametrize("kind", ["delivered", "bounced", "bounced for now"])
async def test_a_report_lands_once_and_is_heeded(
    service: Service, provider: Provider, mailed: str, kind: str
) -> None:
    event, detail = (
        kind.removesuffix(" for now"),
        "" if kind == "delivered" else provider.bounces["for now" in kind],
    )
    sent = provider.report(kind, mailed, to=ADA)
    for _ in range(2):
        answer = await deliver(service, provider, sent)
        assert answer.status_code == 200, answer.text
    assert await history(service) == [(event, detail)]
    assert await state(service) == event
    assert await service.outcomes("mail_report") == ([event] if kind == "bounced" else [])
    assert await is_mailed(service) == (kind != "bounced")


async def test_a_mail_whose_answer_was_lost_is_found_and_not_resent(
    service: Service, provider: Provider
) -> None:
    service.inbox.failures.extend(SendUnknown("ReadTimeout") for _ in range(9))
    await service.ask_and_deliver()
    (key, _), *_ = service.inbox.tries
    assert await service.sealed_mails() == 1
    answer = await deliver(
        service, provider, provider.report("delivered", "unknown-yet", to=ADA, key=key)
    )
    left = len(service.inbox.failures)
    service.let_time_pass(minutes=1)
    await service.deliver()

    assert answer.status_code == 200, answer.text
    assert await state(service) == "delivered"
    assert len(service.inbox.failures) == left > 0, "it is not tried again"
    assert service.inbox.mails == []
    (settled,) = await service.messages()
    assert (settled.sender, settled.provider_id) == (provider.name, "unknown-yet")
    assert not settled.under_way
    assert await service.sealed_mails() == 0


async def test_a_mail_of_another_sender_is_left_and_a_forged_report_is_refused(
    service: Service, start: Start, provider: Provider, mailed: str
) -> None:
    assert (
        await deliver(service, provider, provider.report("bounced", "another", to=ADA))
    ).status_code == 200
    sent = provider.report("bounced", mailed, to=ADA)
    assert problem(await deliver(await start(), provider, sent)) == "404 not-found"
    forged = msgspec.structs.replace(
        sent, headers={}, body=sent.body.replace(b"ignature", b"igned")
    )
    assert problem(await deliver(service, provider, forged)) == "400 webhook-refused"
    too_long = msgspec.structs.replace(sent, body=sent.body + b" " * 1_100_000)
    assert problem(await deliver(service, provider, too_long)) == "413 too-large"
    assert (
        f"/webhooks/{provider.name}"
        not in (await service.anywhere().get("/schema/openapi.json")).json()["paths"]
    )
    assert await history(service) == []
    assert await service.trail("mail_report") == []
    assert await is_mailed(service)


async def test_a_token_of_mailgun_s_proves_one_report_alone(start: Start) -> None:
    key = mailgun.SIGNING_KEY
    service = await start(limits=NO_COOLDOWN, mailgun={"webhook_signing_key": key})
    await service.link()
    genuine = mailgun.report("delivered", await provider_id(service), to=ADA)
    for body in (genuine.body, genuine.body.replace(b'"delivered"', b'"complained"')):
        answer = await service.anywhere().post(
            "/webhooks/mailgun", content=body, headers=dict(genuine.headers)
        )
        assert answer.status_code == 200
    assert await history(service) == [("delivered", "")]
    assert await is_mailed(service)
