"""Which of Postmark's reports are proven by their password, and what is taken from them."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from tests.contracts.mail_providers.reports.report_contract import ADA, ReportContract
from tests.servers.mail_providers.answers import Request
from tests.servers.mail_providers.postmark import PASSWORD, basic, report

pytestmark = pytest.mark.slow

PROVEN_BY = ("postmark", PASSWORD)
AT = datetime(2026, 11, 20, 9, 2, 11, 480_120, UTC)
BOUNCED = report("bounced", "1", to=ADA)

UNRELATED: list[dict[str, Any]] = [
    {"RecordType": "Inbound"},
    {"RecordType": "SomethingNew"},
    {"SuppressSending": False},
    {"MessageID": ""},
    {"SuppressionReason": "HardBounce"},
    {"SuppressionReason": None},
]
UNPROVEN = [
    "", "Basic", "Basic !", basic(""), basic(PASSWORD[:-1]), basic(PASSWORD.swapcase()),
    basic("", PASSWORD), basic(PASSWORD).removeprefix("Basic "), basic("pässwörd"), "Basic \xff",
]  # fmt: skip


class TestPostmark(ReportContract):
    name = "postmark"
    report = staticmethod(report)
    genuine = [partial(report, "delivered", "1", to=ADA)]
    refusal, secret = "password", PASSWORD
    forged = [
        partial(Request, headers={"authorization": one}, body=BOUNCED.body) for one in UNPROVEN
    ]
    bounce = ("b7bc2f4a", AT, "HardBounce")
    meanings = [
        ("delivered", {}, "delivered", "", False),
        ("delayed", {}, "delivery_delayed", "Transient", False),
        ("delayed", {"Type": "DnsError"}, "delivery_delayed", "DnsError", False),
        ("bounced", {}, "bounced", "HardBounce", True),
        (
            "bounced",
            {"Type": "BadEmailAddress", "Inactive": False},
            "bounced",
            "BadEmailAddress",
            True,
        ),
        ("bounced", {"Type": "Blocked", "Inactive": False}, "bounced", "Blocked", False),
        ("bounced", {"Type": "ManuallyDeactivated"}, "suppressed", "ManuallyDeactivated", True),
        ("bounced", {"Type": "DMARCPolicy", "Inactive": False}, "failed", "DMARCPolicy", False),
        ("bounced", {"Type": f"for {ADA}", "Inactive": False}, "bounced", "", False),
        ("bounced for now", {}, "bounced", "SoftBounce", False),
        ("bounced for now", {"Inactive": True}, "bounced", "SoftBounce", True),
        ("complained", {}, "complained", "SpamComplaint", True),
        ("suppressed", {}, "suppressed", "ManualSuppression", True),
    ]
    about_no_mail = [
        *(partial(report, "suppressed", "1", to=ADA, **fields) for fields in UNRELATED),
        partial(report, "clicked", "1", to=ADA),
        partial(report, "bounced", "1", to=ADA, Type="AutoResponder", Inactive=False),
    ]
    senseless = [
        *(
            partial(Request, headers=BOUNCED.headers, body=body)
            for body in (b"", b"{", b"{}", b'{"RecordType": "Delivery"}')
        ),
        partial(report, "delivered", "1", to=ADA, DeliveredAt="yesterday"),
        partial(report, "delivered", "1", to=ADA, DeliveredAt="2026-11-20T09:02:11"),
        partial(report, "delivered", "1", to=ADA, MessageID=1),
    ]
