"""The signature of a report, checked against Svix's own example, and what is taken from its body."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from keyturn.mail.port.reports import Report
from keyturn.mail.providers.resend import ResendWebhook
from keyturn.problems.requests import WebhookRefused

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

MAIL = {"email_id": "56761188-7520-42d8-8898-ff6fc54ce618", "to": ["ada@northwind.test"], "subject": "Reset"}


@pytest.fixture
def webhook() -> ResendWebhook:
    return ResendWebhook(SECRET)


@pytest.fixture
def at_that_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn the clock back to when the example was signed."""
    monkeypatch.setattr(time, "time", lambda: float(SIGNED_AT))


def signature(body: bytes, timestamp: int, identifier: str) -> str:
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    mac = hmac.new(key, f"{identifier}.{timestamp}.".encode() + body, hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


async def received(webhook: ResendWebhook, event: str, **data: Any) -> Sequence[Report]:
    """Read a genuine report."""
    content = {"type": event, "created_at": "2026-11-22T23:41:12.126Z", "data": {**MAIL, **data}}
    return await delivered(webhook, json.dumps(content).encode())


async def delivered(webhook: ResendWebhook, body: bytes) -> Sequence[Report]:
    """Read a body that is signed, now."""
    moment = int(time.time())
    headers = {
        "svix-id": "msg_1",
        "svix-timestamp": str(moment),
        "svix-signature": f"v1,{signature(body, moment, 'msg_1')}",
    }
    return await webhook.read(headers, body)


@pytest.mark.usefixtures("at_that_time")
async def test_the_published_example_is_genuine(webhook: ResendWebhook) -> None:
    assert await webhook.read(HEADERS, BODY) == []  # and about no mail


@pytest.mark.usefixtures("at_that_time")
@pytest.mark.parametrize(
    "signatures",
    [
        f"v1,{'A' * 43}= {HEADERS['svix-signature']}",
        f"{HEADERS['svix-signature']} v1,{'A' * 43}=",
        f"v1a,c29tZXRoaW5nIGVsc2U= v2,x {HEADERS['svix-signature']}",
    ],
)
async def test_one_right_signature_among_several_is_enough(webhook: ResendWebhook, signatures: str) -> None:
    assert await webhook.read({**HEADERS, "svix-signature": signatures}, BODY) == []


@pytest.mark.usefixtures("at_that_time")
@pytest.mark.parametrize(
    "signatures",
    [
        "",
        "v1,",
        "v1",
        ",",
        " ",
        HEADERS["svix-signature"].removeprefix("v1,"),
        HEADERS["svix-signature"].replace("v1,", "v9,"),
        HEADERS["svix-signature"].replace("v1,", "v1a,"),
        HEADERS["svix-signature"].replace("v1,", "V1,"),
        HEADERS["svix-signature"].replace("v1,", ","),
        HEADERS["svix-signature"].replace("v1,", "v9,v1,"),
        HEADERS["svix-signature"].removesuffix("="),
        HEADERS["svix-signature"] + "=",
        HEADERS["svix-signature"].swapcase(),
        "v1,not base64!",
        "v1,ü€",
    ],
)
async def test_nothing_else_is_a_signature(webhook: ResendWebhook, signatures: str) -> None:
    with pytest.raises(WebhookRefused):
        await webhook.read({**HEADERS, "svix-signature": signatures}, BODY)


@pytest.mark.usefixtures("at_that_time")
@pytest.mark.parametrize("header", HEADERS)
async def test_each_header_is_needed_and_signed(webhook: ResendWebhook, header: str) -> None:
    with pytest.raises(WebhookRefused, match=header):
        await webhook.read({name: text for name, text in HEADERS.items() if name != header}, BODY)
    with pytest.raises(WebhookRefused):
        await webhook.read({**HEADERS, header: HEADERS[header] + "1"}, BODY)


@pytest.mark.usefixtures("at_that_time")
@pytest.mark.parametrize("body", [b"", BODY + b"\n", BODY.replace(b": ", b":"), b"\xff", b"\xef\xbb\xbf" + BODY])
async def test_every_byte_of_the_body_is_signed(webhook: ResendWebhook, body: bytes) -> None:
    with pytest.raises(WebhookRefused):
        await webhook.read(HEADERS, body)


@pytest.mark.parametrize(("seconds", "is_genuine"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
async def test_five_minutes_either_way_are_tolerated(
    webhook: ResendWebhook, monkeypatch: pytest.MonkeyPatch, seconds: int, is_genuine: bool
) -> None:
    monkeypatch.setattr(time, "time", lambda: float(SIGNED_AT - seconds))
    if is_genuine:
        assert await webhook.read(HEADERS, BODY) == []
    else:
        with pytest.raises(WebhookRefused, match="tolerance"):
            await webhook.read(HEADERS, BODY)


async def test_a_genuine_body_that_is_no_json_is_refused(webhook: ResendWebhook) -> None:
    with pytest.raises(WebhookRefused, match="failed to parse"):
        await delivered(webhook, b"{")


async def test_a_report_names_the_mail_the_mailbox_and_the_time(webhook: ResendWebhook) -> None:
    (report,) = await received(webhook, "email.delivered", tags={"key": "0a1b", "template": "password_reset"})

    assert report == Report(
        provider="resend",
        id="msg_1",
        event="delivered",
        at=datetime(2026, 11, 22, 23, 41, 12, 126000, UTC),
        provider_id=str(MAIL["email_id"]),
        key="0a1b",
        to="ada@northwind.test",
    )


@pytest.mark.parametrize(
    ("event", "data", "detail", "ends"),
    [
        ("email.bounced", {"bounce": {"type": "Permanent", "subType": "General"}}, "Permanent General", True),
        ("email.bounced", {"bounce": {"type": "Permanent"}}, "Permanent", True),
        ("email.bounced", {"bounce": {"type": "Transient", "subType": "MailboxFull"}}, "Transient MailboxFull", False),
        ("email.bounced", {"bounce": {"type": "permanent?"}}, "", False),
        ("email.bounced", {}, "", False),
        ("email.complained", {}, "", True),
        ("email.suppressed", {"suppressed": {"type": "OnAccountSuppressionList"}}, "OnAccountSuppressionList", True),
        ("email.failed", {"failed": {"reason": "reached_daily_quota"}}, "reached_daily_quota", False),
        ("email.delivered", {"bounce": {"type": "Permanent"}}, "", False),
    ],
)
async def test_what_ends_the_mails_to_a_mailbox(
    webhook: ResendWebhook, event: str, data: dict[str, Any], detail: str, ends: bool
) -> None:
    (report,) = await received(webhook, event, **data)
    assert (report.detail, report.ends) == (detail, ends)


@pytest.mark.parametrize(
    "event", ["contact.created", "domain.updated", "email", "email.", "email.Bounced", "", "x" * 99]
)
async def test_what_is_about_no_mail_is_nothing(webhook: ResendWebhook, event: str) -> None:
    assert await received(webhook, event) == []


@pytest.mark.parametrize("data", [{"email_id": ""}, {"email_id": None}, {"to": []}, {"to": "ada@northwind.test"}])
async def test_a_report_without_a_mail_or_a_mailbox_is_refused(webhook: ResendWebhook, data: dict[str, Any]) -> None:
    with pytest.raises(WebhookRefused):
        await received(webhook, "email.bounced", **data)
