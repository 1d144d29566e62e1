"""Which of SendGrid's reports are proven by their signature, and what is taken from them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.mail_providers.delivery import Delivery
from tests.mail_providers.sendgrid_reports import KEY, OLDER_KEY, OTHER_KEY, deliver, event, public, report, signed

from keyturn.mail.port.reports import LONGEST_ID, Report
from keyturn.mail.providers.sendgrid import SendGridWebhook
from keyturn.problems.requests import WebhookRefused

pytestmark = pytest.mark.slow

ADA = "ada@northwind.test"
AT = datetime(2026, 11, 20, 9, 2, 11, tzinfo=UTC)
SIGNATURE, TIMESTAMP = "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"


@pytest.fixture
def webhook() -> SendGridWebhook:
    return SendGridWebhook(public(KEY), public(OLDER_KEY))


async def read_one(webhook: SendGridWebhook, sent: Delivery) -> Report:
    (found,) = await webhook.read(sent.headers, sent.body)
    return found


@pytest.mark.parametrize("signer", [KEY, OLDER_KEY], ids=["newer", "older"])
async def test_either_of_two_keys_proves_a_report(webhook: SendGridWebhook, signer: ec.EllipticCurvePrivateKey) -> None:
    sent = deliver([event("delivered", "1", to=ADA)], signer)
    assert (await read_one(webhook, sent)).event == "delivered"


@pytest.mark.parametrize(
    "changes",
    [
        {SIGNATURE: ""},
        {SIGNATURE: "!"},
        {SIGNATURE: "MEUCIQ=="},
        {SIGNATURE: "ü"},
        {TIMESTAMP: "1"},
        {TIMESTAMP: ""},
        {TIMESTAMP: "1\xff"},
    ],
)
async def test_no_other_signature_does(webhook: SendGridWebhook, changes: dict[str, str]) -> None:
    sent = report("bounced", "1", to=ADA)
    with pytest.raises(WebhookRefused, match="signature"):
        await webhook.read({**sent.headers, **changes}, sent.body)


async def test_a_body_that_was_changed_and_a_strangers_key_are_refused(webhook: SendGridWebhook) -> None:
    sent = report("bounced", "1", to=ADA)
    with pytest.raises(WebhookRefused, match="signature"):
        await webhook.read(sent.headers, sent.body.replace(b"ada@", b"eve@"))
    forged = deliver([event("bounced", "1", to=ADA)], OTHER_KEY)
    with pytest.raises(WebhookRefused, match="signature"):
        await webhook.read(forged.headers, forged.body)


async def test_a_report_names_the_mail_the_mailbox_and_the_time(webhook: SendGridWebhook) -> None:
    found = await read_one(webhook, report("bounced", "14c5d75ce93.dfd.64b469", to=ADA, key="0a1b", at=AT))

    assert len(found.id) <= LONGEST_ID
    assert found == Report(
        provider="sendgrid",
        id=found.id,
        event="bounced",
        detail="bounce Invalid-Address",
        at=AT,
        provider_id="14c5d75ce93.dfd.64b469",
        key="0a1b",
        to=ADA,
        ends=True,
    )


@pytest.mark.parametrize(
    ("kind", "fields", "event", "detail", "ends"),
    [
        ("processed", {}, "queued", "", False),
        ("delivered", {}, "delivered", "", False),
        ("delayed", {}, "delivery_delayed", "", False),
        ("bounced", {}, "bounced", "bounce Invalid-Address", True),
        ("bounced", {"bounce_classification": f"for {ADA}"}, "bounced", "bounce", True),
        ("bounced for now", {}, "bounced", "blocked", False),
        ("complained", {}, "complained", "", True),
        ("suppressed", {}, "suppressed", "Bounced-Address", True),
        ("suppressed", {"reason": "Spam Reporting Address"}, "suppressed", "Spam-Reporting-Address", True),
        ("suppressed", {"reason": "Spam Content (if Spam Checker app is enabled)"}, "failed", "", False),
        ("suppressed", {"reason": None}, "failed", "", False),
        ("clicked", {}, "clicked", "", False),
        ("clicked", {"event": "group_unsubscribe"}, "unsubscribed", "", False),
    ],
)
async def test_each_kind_has_its_meaning(
    webhook: SendGridWebhook, kind: str, fields: dict[str, Any], event: str, detail: str, ends: bool
) -> None:
    found = await read_one(webhook, report(kind, "1", to=ADA, **fields))
    assert (found.event, found.detail, found.ends) == (event, detail, ends)


async def test_a_repeat_has_the_same_id_also_when_it_comes_with_others(webhook: SendGridWebhook) -> None:
    one, other = event("delivered", "1", to=ADA), event("delivered", "2", to=ADA)
    alone, both = deliver([one]), deliver([other, one])
    (first,) = await webhook.read(alone.headers, alone.body)
    later = await webhook.read(both.headers, both.body)

    assert [found.id == first.id for found in later] == [False, True]


@pytest.mark.parametrize(
    "fields",
    [
        {"event": "account_status_change"},
        {"event": "something_new"},
        {"email": ""},
        {"email": None},
        {"email": 1},
        {"timestamp": "yesterday"},
        {"timestamp": 1e300},
        {"timestamp": None},
        {"sg_event_id": None},
        {"sg_message_id": ""},
        {"type": ["bounce"]},
    ],
)
async def test_what_is_not_of_a_mails_form_is_passed_over_and_the_others_are_not(
    webhook: SendGridWebhook, fields: dict[str, Any]
) -> None:
    sent = deliver([event("bounced", "1", to=ADA, **fields), 3, None, event("delivered", "2", to=ADA)])
    assert (await read_one(webhook, sent)).provider_id == "2"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"{}", b'"delivered"', b"[1", json.dumps({"event": 1}).encode()])
async def test_what_makes_no_sense_is_refused(webhook: SendGridWebhook, body: bytes) -> None:
    with pytest.raises(WebhookRefused):
        await webhook.read(signed("1770146431", body), body)
