"""Which messages of SNS's are believed, what is confirmed, and what is taken from SES's reports."""

import asyncio
import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from tests.contracts.mail_providers.reports.report_contract import ADA, ReportContract, read_one
from tests.servers.mail_providers import sns
from tests.servers.mail_providers.answers import Answer, Request, Trouble
from tests.servers.mail_providers.ses import event, report
from tests.servers.mail_providers.sns import (
    HOST,
    KEY,
    OTHER_KEY,
    TOPIC,
    SnsServer,
    confirmation,
    message,
    post,
)

from keyturn.mail.port.reports import ReportRefused, ReportUnproven, Webhook
from keyturn.mail.providers import PROVIDERS
from keyturn.mail.providers.ses.sns import SnsTopic

pytestmark = pytest.mark.slow

AT = datetime(2026, 11, 20, 9, 2, 11, 480_000, UTC)
OURS = {"x-amz-sns-topic-arn": TOPIC}
DELIVERED = json.dumps(event("delivered", "1", to=ADA))
ODD: list[dict[str, Any]] = [{"eventType": "SomethingNew"}, {"mail": {}}, {"delivery": "yesterday"}]


@pytest.fixture(scope="module")
def running() -> Iterator[SnsServer]:
    with sns.running_sns() as server:
        yield server


@pytest.fixture
def server(running: SnsServer) -> SnsServer:
    running.forget()
    return running


def webhook_with(timeout: timedelta) -> Webhook:
    reports = PROVIDERS["ses"].reports
    assert reports
    return Webhook("ses", reports, SnsTopic(TOPIC, timeout))


@pytest.fixture
def webhook(server: SnsServer) -> Webhook:  # noqa: ARG001 - the webhook asks it
    return webhook_with(timedelta(seconds=20))


def published(text: str, key: Any = KEY, **fields: str) -> Request:
    return post({**message(text, key), **fields})


DEEP = b'{"Added": ' + b"[" * 9_999


class TestSes(ReportContract):
    name = "ses"
    report = staticmethod(report)
    genuine = [partial(published, DELIVERED)]
    forged = [partial(published, DELIVERED, OTHER_KEY)] + [
        partial(published, DELIVERED, **fields)
        for fields in (
            {"Message": json.dumps(event("complained", "1", to=ADA))},
            *(
                {"MessageId": "another"},
                {"Subject": "added"},
                {"Timestamp": "2026-11-20T09:02:11.000Z"},
            ),
            *({"Signature": signature} for signature in ("", "!", "AAAA", "ü")),
        )
    ]
    bounce = ("0102018c", AT, "Permanent General")
    meanings = [
        ("sent", {}, "sent", "", False),
        ("delivered", {}, "delivered", "", False),
        ("delayed", {}, "delivery_delayed", "MailboxFull", False),
        ("bounced", {}, "bounced", "Permanent General", True),
        ("bounced", {"bounceSubType": f"for {ADA}"}, "bounced", "Permanent", True),
        ("bounced", {"bounceType": "Undetermined"}, "bounced", "Undetermined General", False),
        ("bounced for now", {}, "bounced", "Transient MailboxFull", False),
        ("suppressed", {}, "suppressed", "Permanent OnAccountSuppressionList", True),
        ("suppressed", {"bounceSubType": "Suppressed"}, "suppressed", "Permanent Suppressed", True),
        ("complained", {}, "complained", "abuse", True),
        ("complained", {"complaintFeedbackType": None}, "complained", "", True),
        ("rejected", {}, "failed", "", False),
    ]
    about_no_mail = [
        partial(published, text)
        for text in (
            *(
                "Successfully validated SNS topic for Amazon SES event publishing.",
                "",
                "[]",
                "{}",
                "3",
            ),
            '{"eventType": 3}',
            json.dumps(event("clicked", "1", to=ADA)),
            *(json.dumps(event("delivered", "1", to=ADA) | odd) for odd in ODD),
        )
    ]
    senseless = [
        partial(Request, headers=OURS, body=body)
        for body in (
            b"",
            b"{",
            b"\xff",
            b"[]",
            b"{}",
            b'{"Type": "Notification"}',
            DELIVERED.encode(),
            DEEP,
        )
    ]


async def refused(webhook: Webhook, document: Any) -> str:
    with pytest.raises(ReportRefused) as failure:
        await webhook.read(OURS, post(document).body)
    return str(failure.value)


@pytest.mark.parametrize(
    "fields", [{}, {"Subject": "Amazon SES Email Event Notification"}, {"Subject": "Grüße"}]
)
async def test_what_sns_signed_is_believed_and_its_certificate_fetched_once(
    webhook: Webhook, server: SnsServer, fields: dict[str, Any]
) -> None:
    for _ in range(3):
        assert (await read_one(webhook, post(message(DELIVERED, **fields)))).event == "delivered"
    assert [request.path for request in server.requests] == ["/SimpleNotificationService-0a1b.pem"]


async def test_another_topic_is_refused_though_signed_and_nothing_fetched(
    webhook: Webhook, server: SnsServer
) -> None:
    strangers = TOPIC.replace("123456789012", "666666666666")
    for document in (message(DELIVERED, TopicArn=strangers), confirmation(TopicArn=strangers)):
        assert "the topic is not ses.topic_arn" in await refused(webhook, document)
    assert server.requests == []


async def test_sha_1_is_refused_with_what_to_set(webhook: Webhook) -> None:
    assert "SignatureVersion to 2" in await refused(
        webhook, message(DELIVERED, SignatureVersion="1")
    )

    document = message(DELIVERED)
    names = ["Message", "MessageId", "Timestamp", "TopicArn", "Type"]
    signed = "".join(f"{name}\n{document[name]}\n" for name in names).encode()
    signature = KEY.sign(signed, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - that is the point
    document["Signature"] = base64.b64encode(signature).decode()
    assert await refused(webhook, document) == "the signature does not match"


PEM = "SimpleNotificationService-0a1b.pem"


@pytest.mark.parametrize("url", [
    f"http://{HOST}/{PEM}", f"https://sns.us-east-1.amazonaws.com/{PEM}", f"https://{HOST}.evil.example/{PEM}",
    f"https://{HOST}@evil.example/{PEM}", f"https://{HOST}:8443/{PEM}", f"https://{HOST}/attacker-bucket/{PEM}",
    f"https://{HOST}/{PEM}?x=1", f"https://{HOST}/{PEM}\n", f"https://{HOST}/SimpleNotificationService-../0a1b.pem",
    f"https://s3.amazonaws.com/{PEM}", PEM, "",
])  # fmt: skip
async def test_a_certificate_comes_from_sns_in_its_region_alone(
    webhook: Webhook, server: SnsServer, url: str
) -> None:
    assert "does not belong to SNS" in await refused(
        webhook, message(DELIVERED, SigningCertURL=url)
    )
    assert server.requests == []


@pytest.mark.parametrize(
    "certified",
    [
        {"begins": 1},
        {"begins": -9, "ends": -1},
        {"key": ec.generate_private_key(ec.SECP256R1())},
        {"key": OTHER_KEY},
    ],
)
async def test_a_certificate_that_cannot_prove_anything_is_none(
    webhook: Webhook, server: SnsServer, certified: dict[str, Any]
) -> None:
    server.certificates["0a1b"] = sns.certificate(**certified)
    await refused(webhook, message(DELIVERED))


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble.DROP,
        Answer(500, {}),
        Answer(302, {}, {"location": "https://evil.example/"}),
        *(Answer(200, html=pem) for pem in ("nothing", "", "x" * 20_000)),
    ],
    ids=str,
)
async def test_where_sns_gives_no_answer_the_report_is_neither_believed_nor_refused_and_comes_again(
    webhook: Webhook, server: SnsServer, trouble: Answer | Trouble
) -> None:
    server.coming.append(trouble)
    sent = post(message(DELIVERED))
    with pytest.raises(ReportUnproven, match="SNS"):
        await webhook.read(sent.headers, sent.body)
    assert (await read_one(webhook, sent)).event == "delivered"


async def test_waiting_for_a_certificate_has_an_end(server: SnsServer) -> None:
    webhook = webhook_with(timedelta(seconds=0.2))
    server.coming.extend([Trouble.STALL] * 9)
    answers = await asyncio.wait_for(
        asyncio.gather(
            *(webhook.read(OURS, post(message(DELIVERED)).body) for _ in range(9)),
            return_exceptions=True,
        ),
        20,
    )
    await server.idle()

    assert {type(answer) for answer in answers} == {ReportUnproven}


async def test_one_certificate_is_fetched_at_a_time_and_once(
    webhook: Webhook, server: SnsServer
) -> None:
    forged = message(DELIVERED, SigningCertURL=f"https://{HOST}/SimpleNotificationService-dead.pem")
    server.coming.append(Trouble.STALL)
    stalled = asyncio.create_task(webhook.read(OURS, post(forged).body))
    await server.arrived(1)
    waiting = [asyncio.create_task(read_one(webhook, post(message(DELIVERED)))) for _ in range(3)]
    await asyncio.sleep(0)
    assert len(server.requests) == 1
    stalled.cancel()
    await asyncio.gather(*waiting)
    await server.idle()
    assert len(server.requests) == 2


async def test_a_subscription_of_our_topic_is_confirmed_at_sns_itself(
    webhook: Webhook, server: SnsServer
) -> None:
    for document in (
        confirmation(1),
        confirmation(2, SubscribeURL="https://evil.example/?Action=ConfirmSubscription"),
    ):
        assert await webhook.read(OURS, post(document).body) == []
    assert server.confirmed == ["token-1", "token-2"]


async def test_a_confirmation_that_sns_does_not_hear_comes_again(
    webhook: Webhook, server: SnsServer
) -> None:
    await read_one(webhook, post(message(DELIVERED)))
    server.coming.append(Answer(500, {}))
    with pytest.raises(ReportUnproven, match="unexpected answer: 500"):
        await webhook.read(OURS, post(confirmation()).body)
    server.coming.append(Answer(200, html="<h1>Welcome</h1>"))
    with pytest.raises(ReportUnproven, match="did not confirm"):
        await webhook.read(OURS, post(confirmation()).body)
    assert await webhook.read(OURS, post(confirmation(2)).body) == []
    assert server.confirmed == ["token-2"]


async def test_the_end_of_a_subscription_and_a_new_type_report_nothing(
    webhook: Webhook,
) -> None:
    for kind in ("UnsubscribeConfirmation", "SomethingNew"):
        sent = post(message(DELIVERED, Type=kind, Token="t", SubscribeURL="https://x.example/"))
        assert await webhook.read(OURS, sent.body) == []
    told = event("bounced", "1", to=ADA)
    told["notificationType"] = told.pop("eventType")
    del told["mail"]["tags"]
    assert (await read_one(webhook, post(message(json.dumps(told))))).event == "bounced"
