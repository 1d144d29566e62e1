"""Who reports is told by a password alone, and what is taken from Postmark's reports."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.mail_providers.delivery import Delivery
from tests.mail_providers.postmark_reports import PASSWORD, basic, report

from keyturn.mail.port.reports import LONGEST_ID, Report
from keyturn.mail.providers.postmark import PostmarkWebhook
from keyturn.problems.requests import WebhookRefused

pytestmark = pytest.mark.slow

ADA = "ada@northwind.test"
OLDER = "an-0lder_" * 4
AT = datetime(2026, 11, 20, 9, 2, 11, 480_120, UTC)


@pytest.fixture
def webhook() -> PostmarkWebhook:
    return PostmarkWebhook(PASSWORD, OLDER)


async def read_one(webhook: PostmarkWebhook, sent: Delivery) -> Report:
    (found,) = await webhook.read(sent.headers, sent.body)
    return found


@pytest.mark.parametrize("password", [PASSWORD, OLDER])
async def test_either_of_two_passwords_proves_a_report(webhook: PostmarkWebhook, password: str) -> None:
    assert (await read_one(webhook, report("delivered", "1", to=ADA, password=password))).event == "delivered"


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !",
        "Basic a2V5dHVybg==",
        basic(""),
        basic(PASSWORD[:-1]),
        basic(f"{PASSWORD} "),
        basic(PASSWORD.swapcase()),
        basic("", PASSWORD),
        f"Bearer {PASSWORD}",
        basic(PASSWORD).removeprefix("Basic "),
        PASSWORD,
        basic("pässwörd"),
        "Basic \xff",
    ],
)
async def test_nothing_else_does(webhook: PostmarkWebhook, authorization: str) -> None:
    sent = report("bounced", "1", to=ADA)
    with pytest.raises(WebhookRefused, match="password") as refused:
        await webhook.read({"authorization": authorization}, sent.body)
    assert PASSWORD not in str(refused.value)


async def test_a_report_names_the_mail_the_mailbox_and_the_time(webhook: PostmarkWebhook) -> None:
    found = await read_one(webhook, report("bounced", "b7bc2f4a", to=ADA, key="0a1b", at=AT))

    assert len(found.id) <= LONGEST_ID
    assert found == Report(
        provider="postmark",
        id=found.id,
        event="bounced",
        detail="HardBounce",
        at=AT,
        provider_id="b7bc2f4a",
        key="0a1b",
        to=ADA,
        ends=True,
    )


@pytest.mark.parametrize(
    ("kind", "fields", "event", "detail", "ends"),
    [
        ("delivered", {}, "delivered", "", False),
        ("delayed", {}, "delivery_delayed", "Transient", False),
        ("delayed", {"Type": "DnsError"}, "delivery_delayed", "DnsError", False),
        ("bounced", {}, "bounced", "HardBounce", True),
        ("bounced", {"Type": "BadEmailAddress", "Inactive": False}, "bounced", "BadEmailAddress", True),
        ("bounced", {"Type": "Blocked", "Inactive": False}, "bounced", "Blocked", False),
        ("bounced", {"Type": "ManuallyDeactivated"}, "suppressed", "ManuallyDeactivated", True),
        ("bounced", {"Type": "DMARCPolicy", "Inactive": False}, "failed", "DMARCPolicy", False),
        ("bounced", {"Type": "AutoResponder", "Inactive": False}, "autoresponded", "AutoResponder", False),
        ("bounced", {"Type": f"for {ADA}", "Inactive": False}, "bounced", "", False),
        ("bounced for now", {}, "bounced", "SoftBounce", False),
        ("bounced for now", {"Inactive": True}, "bounced", "SoftBounce", True),
        ("complained", {}, "complained", "SpamComplaint", True),
        ("suppressed", {}, "suppressed", "ManualSuppression", True),
        ("clicked", {}, "clicked", "", False),
    ],
)
async def test_each_kind_has_its_meaning(
    webhook: PostmarkWebhook, kind: str, fields: dict[str, Any], event: str, detail: str, ends: bool
) -> None:
    found = await read_one(webhook, report(kind, "1", to=ADA, **fields))
    assert (found.event, found.detail, found.ends) == (event, detail, ends)


async def test_a_repeat_has_the_same_id_and_another_report_another(webhook: PostmarkWebhook) -> None:
    def at(seconds: int, kind: str = "delayed") -> Delivery:
        return report(kind, "1", to=ADA, at=AT + timedelta(seconds=seconds))

    one, same, later, other = [(await read_one(webhook, sent)).id for sent in (at(0), at(0), at(1), at(0, "bounced"))]
    assert one == same
    assert len({one, later, other}) == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"RecordType": "Inbound"},
        {"RecordType": "SomethingNew"},
        {"SuppressSending": False},
        {"MessageID": ""},
        {"SuppressionReason": "HardBounce"},
        {"SuppressionReason": None},
    ],
)
async def test_what_is_about_no_mail_of_ours_is_nothing(webhook: PostmarkWebhook, fields: dict[str, Any]) -> None:
    sent = report("suppressed", "1", to=ADA, **fields)
    assert await webhook.read(sent.headers, sent.body) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"{}",
        b'{"RecordType": "Delivery"}',
        b'{"RecordType": "Delivery", "MessageID": "1", "Recipient": "a@b.test", "DeliveredAt": "yesterday"}',
        b'{"RecordType": "Delivery", "MessageID": "1", "Recipient": "a@b.test", "DeliveredAt": "2026-11-20T09:02:11"}',
        b'{"RecordType": "Delivery", "MessageID": 1, "Recipient": "a@b.test", "DeliveredAt": "2026-11-20T09:02:11Z"}',
    ],
)
async def test_what_makes_no_sense_is_refused(webhook: PostmarkWebhook, body: bytes) -> None:
    with pytest.raises(WebhookRefused):
        await webhook.read({"authorization": basic(PASSWORD)}, body)
