"""Which of Mailgun's reports are proven by their signature, and what is taken from them."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.mail_providers.delivery import Delivery
from tests.mail_providers.mailgun_reports import KEY, deliver, report, sign, signature

from keyturn.mail.port.reports import LONGEST_ID, Report
from keyturn.mail.providers.mailgun import MailgunWebhook
from keyturn.problems.requests import WebhookRefused

pytestmark = pytest.mark.slow

ADA = "ada@northwind.test"
OLDER = "an-0lder-" * 4
AT = datetime(2026, 11, 20, 9, 2, 11, tzinfo=UTC)
DAY = 24 * 3600
EVENT = {
    "event": "delivered",
    "timestamp": 1770146431.6,
    "recipient": ADA,
    "message": {"headers": {"message-id": "1"}},
}


@pytest.fixture
def webhook() -> MailgunWebhook:
    return MailgunWebhook(KEY, OLDER)


async def read_one(webhook: MailgunWebhook, sent: Delivery) -> Report:
    (found,) = await webhook.read(sent.headers, sent.body)
    return found


@pytest.mark.parametrize("proof", [signature(), signature(OLDER), signature(age=8 * 3600), signature(age=-60)])
async def test_either_of_two_keys_proves_a_report_of_today(webhook: MailgunWebhook, proof: dict[str, str]) -> None:
    assert (await read_one(webhook, deliver(EVENT, proof))).event == "delivered"


async def test_a_time_may_be_a_number(webhook: MailgunWebhook) -> None:
    moment = int(time.time())
    proof = {"timestamp": moment, "token": "a" * 50, "signature": sign(str(moment), "a" * 50)}
    assert (await read_one(webhook, deliver(EVENT, proof))).event == "delivered"


@pytest.mark.parametrize(
    "proof",
    [
        None,
        {},
        [],
        "signed",
        signature("another-key" * 3),
        signature(age=DAY + 60),
        signature(age=-DAY - 3600),
        signature() | {"token": "b" * 50},
        signature() | {"timestamp": str(int(time.time()) - 5)},
        signature() | {"signature": ""},
        signature() | {"signature": "ü"},
        signature() | {"signature": None},
        {"timestamp": "soon", "token": "a", "signature": sign("soon", "a")},
        {"timestamp": "", "token": "", "signature": sign("", "")},
        {"timestamp": str(int(time.time())), "token": "", "signature": sign(str(int(time.time())), "")},
    ],
)
async def test_nothing_else_does(webhook: MailgunWebhook, proof: Any) -> None:
    sent = deliver(EVENT, proof)
    with pytest.raises(WebhookRefused) as refused:
        await webhook.read(sent.headers, sent.body)
    assert KEY not in str(refused.value)


async def test_a_report_names_the_mail_the_mailbox_and_the_time(webhook: MailgunWebhook) -> None:
    found = await read_one(webhook, report("bounced", "2026@northwind.example", to=ADA, key="0a1b", at=AT))

    assert len(found.id) <= LONGEST_ID
    assert found == Report(
        provider="mailgun",
        id=found.id,
        event="bounced",
        detail="bounce",
        at=AT,
        provider_id="2026@northwind.example",
        key="0a1b",
        to=ADA,
        ends=True,
    )


@pytest.mark.parametrize(
    ("kind", "fields", "event", "detail", "ends"),
    [
        ("accepted", {}, "queued", "", False),
        ("delivered", {}, "delivered", "", False),
        ("delayed", {}, "delivery_delayed", "generic", False),
        ("bounced", {}, "bounced", "bounce", True),
        ("bounced", {"reason": f"for {ADA}"}, "bounced", "", False),
        ("bounced for now", {}, "bounced", "old", False),
        ("suppressed", {}, "suppressed", "suppress-bounce", True),
        ("suppressed", {"reason": "suppress-complaint"}, "suppressed", "suppress-complaint", True),
        ("rejected", {}, "failed", "", False),
        ("complained", {}, "complained", "", True),
        ("clicked", {}, "clicked", "", False),
        ("clicked", {"event": "unsubscribed"}, "unsubscribed", "", False),
    ],
)
async def test_each_kind_has_its_meaning(
    webhook: MailgunWebhook, kind: str, fields: dict[str, Any], event: str, detail: str, ends: bool
) -> None:
    found = await read_one(webhook, report(kind, "1", to=ADA, **fields))
    assert (found.event, found.detail, found.ends) == (event, detail, ends)


async def test_a_mail_that_was_rejected_names_its_mailbox_in_its_header_alone(webhook: MailgunWebhook) -> None:
    found = await read_one(webhook, report("rejected", "1", to=f"Ada <{ADA}>", recipient=""))
    assert (found.event, found.to) == ("failed", ADA)


async def test_a_token_is_one_report_whatever_event_comes_with_it(webhook: MailgunWebhook) -> None:
    proof = signature()
    one, forged = deliver(EVENT, proof), deliver(EVENT | {"event": "complained"}, proof)
    other = deliver(EVENT, signature())

    ids = [(await read_one(webhook, sent)).id for sent in (one, forged, other)]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize("fields", [{"event": "stored"}, {"event": "something_new"}])
async def test_what_is_about_no_mail_of_ours_is_nothing(webhook: MailgunWebhook, fields: dict[str, Any]) -> None:
    sent = deliver(EVENT | fields, signature())
    assert await webhook.read(sent.headers, sent.body) == []


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        {},
        "delivered",
        {"event": 1},
        EVENT | {"recipient": ""},
        EVENT | {"timestamp": "yesterday"},
        EVENT | {"timestamp": 1e300},
        EVENT | {"timestamp": 0},
        EVENT | {"message": {}},
        EVENT | {"message": []},
    ],
)
async def test_what_makes_no_sense_is_refused(webhook: MailgunWebhook, event: Any) -> None:
    sent = deliver(event, signature())
    with pytest.raises(WebhookRefused):
        await webhook.read(sent.headers, sent.body)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"{}", b'{"signature": {}}'])
async def test_so_is_what_is_no_report(webhook: MailgunWebhook, body: bytes) -> None:
    with pytest.raises(WebhookRefused):
        await webhook.read({}, body)
