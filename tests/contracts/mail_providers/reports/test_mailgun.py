"""Which of Mailgun's reports are proven by their signature, and what is taken from them."""

import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from tests.contracts.mail_providers.reports.report_contract import ADA, ReportContract, read_one
from tests.servers.mail_providers.answers import Request
from tests.servers.mail_providers.mailgun import SIGNING_KEY, deliver, report, sign, signature

from keyturn.mail.port.reports import Webhook

pytestmark = pytest.mark.slow

PROVEN_BY = ("mailgun", SIGNING_KEY)
AT = datetime(2026, 11, 20, 9, 2, 11, tzinfo=UTC)
DAY = 24 * 3600
EVENT = {
    "event": "delivered",
    "timestamp": 1770146431.6,
    "recipient": ADA,
    "message": {"headers": {"message-id": "1"}},
}

NOW = str(int(time.time()))
UNPROVEN: list[Any] = [
    None, {}, [], signature("another-key" * 3), signature(age=DAY + 60), signature(age=-DAY - 3600),
    signature() | {"token": "b" * 50}, signature() | {"timestamp": str(int(NOW) - 5)},
    signature() | {"signature": ""}, signature() | {"signature": None},
    {"timestamp": "soon", "token": "a", "signature": sign("soon", "a")},
    {"timestamp": NOW, "token": "", "signature": sign(NOW, "")},
]  # fmt: skip

SENSELESS: list[Any] = [
    None, [], {}, "delivered", {"event": 1}, EVENT | {"recipient": ""},
    EVENT | {"timestamp": "yesterday"}, EVENT | {"timestamp": 1e300}, EVENT | {"message": {}},
]  # fmt: skip


class TestMailgun(ReportContract):
    name = "mailgun"
    report = staticmethod(report)
    genuine = [
        partial(deliver, EVENT, proof)
        for proof in (signature(), signature(age=8 * 3600), signature(age=-60))
    ]
    secret = SIGNING_KEY
    forged = [partial(deliver, EVENT, proof) for proof in UNPROVEN]
    bounce = ("2026@northwind.example", AT, "bounce")
    meanings = [
        ("delivered", {"event": "accepted"}, "sent", "", False),
        ("delivered", {}, "delivered", "", False),
        ("delayed", {}, "delivery_delayed", "generic", False),
        ("bounced", {}, "bounced", "bounce", True),
        ("bounced", {"reason": f"for {ADA}"}, "bounced", "", False),
        ("bounced for now", {}, "bounced", "old", False),
        ("suppressed", {}, "suppressed", "suppress-bounce", True),
        ("suppressed", {"reason": "suppress-complaint"}, "suppressed", "suppress-complaint", True),
        ("rejected", {}, "failed", "", False),
        ("complained", {}, "complained", "", True),
    ]
    about_no_mail = [
        partial(deliver, EVENT | {"event": kind}, signature())
        for kind in ("clicked", "something_new")
    ]
    senseless = [partial(deliver, event, signature()) for event in SENSELESS] + [
        partial(Request, headers={}, body=body)
        for body in (b"", b"{", b"\xff", b"[]", b"{}", b'{"signature": {}}')
    ]


async def test_a_time_may_be_a_number(webhook: Webhook) -> None:
    moment = int(time.time())
    proof = {"timestamp": moment, "token": "a" * 50, "signature": sign(str(moment), "a" * 50)}
    assert (await read_one(webhook, deliver(EVENT, proof))).event == "delivered"


async def test_a_mail_that_was_rejected_names_its_mailbox_in_its_header_alone(
    webhook: Webhook,
) -> None:
    found = await read_one(webhook, report("rejected", "1", to=f"Ada <{ADA}>", recipient=""))
    assert (found.event, found.to) == ("failed", ADA)
