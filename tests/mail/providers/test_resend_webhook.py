"""The signature of a report, checked against Svix's own example, and what is taken from its body."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any

import pytest
from tests.mail.providers.report_contract import ADA, ReportContract, webhook_of
from tests.mail_providers.delivery import Delivery

from keyturn.mail.port.reports import ReportRefused, Webhook

pytestmark = pytest.mark.slow

# https://docs.svix.com/receiving/verifying-payloads/how-manual
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
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
NUMBERS = count(1)

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


def signature(body: bytes, timestamp: int, identifier: str, secret: str) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{identifier}.{timestamp}.".encode() + body, hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def signed(body: bytes, secret: str = SECRET) -> Delivery:
    """Return a body that is signed now."""
    moment, identifier = int(time.time()), f"msg_{next(NUMBERS)}"
    proof = signature(body, moment, identifier, secret)
    return Delivery(
        headers={"svix-id": identifier, "svix-timestamp": str(moment), "svix-signature": f"v1,{proof}"}, body=body
    )


def report(
    kind: str,
    provider_id: str,
    *,
    to: str,
    key: str = "",
    at: datetime = AT,
    secret: str = SECRET,
    **data: Any,
) -> Delivery:
    """Return a genuine report about a mail."""
    if kind == "bounced":
        data = {"bounce": {"type": "Permanent", "subType": "General"}} | data
    mail = {"email_id": provider_id, "to": [to], "tags": {"key": key, "template": "password_reset"}, **data}
    return signed(json.dumps({"type": f"email.{kind}", "created_at": at.isoformat(), "data": mail}).encode(), secret)


def about(event: str, **data: Any) -> Delivery:
    """Return a genuine report whose type is `event`."""
    content = {"type": event, "created_at": AT.isoformat(), "data": MAIL | data}
    return signed(json.dumps(content).encode())


class TestResend(ReportContract):
    name = "resend"
    report = staticmethod(report)
    genuine = [partial(report, "delivered", "1", to=ADA, secret=SECRET)]
    secret = SECRET.removeprefix("whsec_")
    forged = [
        partial(report, "delivered", "1", to=ADA, secret=OTHER),
        partial(Delivery, headers=HEADERS, body=BODY),  # years ago
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
    ]
    about_no_mail = [
        partial(about, event)
        for event in ("contact.created", "domain.updated", "email", "email.", "email.Bounced", "", "x" * 99)
    ]
    senseless = [
        partial(signed, b"{"),
        *(partial(about, "email.bounced", **data) for data in INCOMPLETE),
    ]


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


@pytest.mark.usefixtures("at_that_time")
async def test_one_of_several_signatures_is_enough(webhook: Webhook) -> None:
    both = f"v1,{signature(BODY, SIGNED_AT, HEADERS['svix-id'], OTHER)} {HEADERS['svix-signature']}"
    assert await webhook.read({**HEADERS, "svix-signature": both}, BODY) == []  # while Resend rotates the secret


@pytest.mark.usefixtures("at_that_time")
@pytest.mark.parametrize("body", [b"", BODY + b"\n", BODY.replace(b": ", b":"), b"\xff", b"\xef\xbb\xbf" + BODY])
async def test_every_byte_of_the_body_is_signed(webhook: Webhook, body: bytes) -> None:
    with pytest.raises(ReportRefused):
        await webhook.read(HEADERS, body)


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
