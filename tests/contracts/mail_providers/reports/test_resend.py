"""The signature of a report, checked against Svix's own example, and what is taken from its body."""

import json
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from tests.contracts.mail_providers.reports.report_contract import ADA, ReportContract, webhook_of
from tests.driver import reporting
from tests.driver.reporting import SECRET, signed_now
from tests.servers.mail_providers.answers import Request

from keyturn.mail.port.reports import ReportRefused, Webhook

pytestmark = pytest.mark.slow

# https://docs.svix.com/receiving/verifying-payloads/how-manual, whose secret is SECRET
BODY = b'{"test": 2432232314}'
SIGNED_AT = 1614265330
HEADERS = {
    "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "svix-timestamp": str(SIGNED_AT),
    "svix-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}

OTHER = "whsec_b3RoZXIgb3RoZXIgb3RoZXI="
AT = datetime(2026, 11, 22, 23, 41, 12, 126000, UTC)
INCOMPLETE: list[dict[str, Any]] = [{"email_id": ""}, {"email_id": None}, {"to": []}, {"to": "ada@northwind.test"}]
FULL, LISTED = {"type": "Transient", "subType": "MailboxFull"}, "OnAccountSuppressionList"

MAIL: dict[str, Any] = {
    "email_id": "56761188-7520-42d8-8898-ff6fc54ce618",
    "to": ["ada@northwind.test"],
    "subject": "Reset",
}


@pytest.fixture
def webhook() -> Webhook:
    return webhook_of("resend", SECRET)


@pytest.fixture
def at_that_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn the clock back to when the example was signed."""
    monkeypatch.setattr(time, "time", lambda: float(SIGNED_AT))


def signed(body: bytes, secret: str = SECRET) -> Request:
    """Return a body that is signed now."""
    sent = signed_now(body)
    return Request(headers=sent.headers(secret), body=body)


def report(
    kind: str, provider_id: str, *, to: str, key: str = "", at: datetime = AT, secret: str = SECRET, **data: Any
) -> Request:
    """Return a genuine report about a mail."""
    if kind == "bounced":
        data = {"bounce": {"type": "Permanent", "subType": "General"}} | data
    sent = reporting.report(kind, provider_id, to=to, at=at, tags={"key": key, "template": "password_reset"}, **data)
    return Request(headers=sent.headers(secret), body=sent.body)


def about(event: str, **data: Any) -> Request:
    """Return a genuine report whose type is `event`."""
    content = {"type": event, "created_at": AT.isoformat(), "data": MAIL | data}
    return signed(json.dumps(content).encode())


def changed(sent: Request) -> Request:
    """Return a report with one byte more than was signed."""
    return Request(headers=sent.headers, body=sent.body + b" ")


class TestResend(ReportContract):
    name = "resend"
    report = staticmethod(report)
    genuine = [partial(report, "delivered", "1", to=ADA, secret=SECRET)]
    secret = SECRET.removeprefix("whsec_")
    forged = [
        partial(report, "delivered", "1", to=ADA, secret=OTHER),
        partial(Request, headers=HEADERS, body=BODY),  # years ago
        lambda: changed(report("delivered", "1", to=ADA)),
    ]
    bounce = ("56761188-7520-42d8-8898-ff6fc54ce618", AT, "Permanent General")
    meanings = [
        ("bounced", {"bounce": {"type": "Permanent", "subType": "General"}}, "bounced", "Permanent General", True),
        ("bounced", {"bounce": {"type": "Permanent"}}, "bounced", "Permanent", True),
        ("bounced", {"bounce": FULL}, "bounced", "Transient MailboxFull", False),
        ("bounced", {"bounce": {"type": "permanent?"}}, "bounced", "", False),
        ("bounced", {"bounce": None}, "bounced", "", False),
        ("complained", {}, "complained", "", True),
        ("suppressed", {"suppressed": {"type": LISTED}}, "suppressed", LISTED, True),
        ("failed", {"failed": {"reason": "reached_daily_quota"}}, "failed", "reached_daily_quota", False),
        ("delivered", {"bounce": {"type": "Permanent"}}, "delivered", "", False),
        ("clicked", {"click": {"link": "https://northwind.test/reset-password/token"}}, "clicked", "", False),
    ]
    about_no_mail = [
        partial(about, event)
        for event in ("contact.created", "domain.updated", "email", "email.", "email.Bounced", "", "x" * 99)
    ]
    senseless = [partial(signed, b"{"), *(partial(about, "email.bounced", **data) for data in INCOMPLETE)]


@pytest.mark.usefixtures("at_that_time")
async def test_the_published_example_is_genuine(webhook: Webhook) -> None:
    assert await webhook.read(HEADERS, BODY) == []  # and about no mail


@pytest.mark.usefixtures("at_that_time")
@pytest.mark.parametrize(
    "signatures",
    [
        *("", "v1", ",", "v1,not base64!", "v1,ü€"),
        HEADERS["svix-signature"].removeprefix("v1,"),
        *(HEADERS["svix-signature"].replace("v1,", version) for version in ("v9,", "v1a,", "V1,", "v9,v1,")),
    ],
)
async def test_nothing_else_is_a_signature(webhook: Webhook, signatures: str) -> None:
    with pytest.raises(ReportRefused):
        await webhook.read({**HEADERS, "svix-signature": signatures}, BODY)


@pytest.mark.parametrize(("seconds", "is_genuine"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
async def test_five_minutes_either_way_are_tolerated(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch, seconds: int, is_genuine: bool
) -> None:
    monkeypatch.setattr(time, "time", lambda: float(SIGNED_AT - seconds))
    if is_genuine:
        assert await webhook.read(HEADERS, BODY) == []
    else:
        with pytest.raises(ReportRefused, match="tolerance"):
            await webhook.read(HEADERS, BODY)
