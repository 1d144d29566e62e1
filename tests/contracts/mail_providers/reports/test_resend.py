"""The signature of a report, checked against Svix's own example, and what is taken from its
body.
"""

import json
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
import pytest
from tests.contracts.mail_providers.reports.report_contract import ADA, ReportContract
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

PROVEN_BY, OTHER = ("resend", SECRET), "whsec_b3RoZXIgb3RoZXIgb3RoZXI="
AT = datetime(2026, 11, 22, 23, 41, 12, 126000, UTC)
INCOMPLETE: list[dict[str, Any]] = [
    {"email_id": ""},
    {"email_id": None},
    {"to": []},
    {"to": "ada@northwind.test"},
]
FULL, LISTED = {"type": "Transient", "subType": "MailboxFull"}, "OnAccountSuppressionList"

MAIL: dict[str, Any] = {
    "email_id": "56761188-7520-42d8-8898-ff6fc54ce618",
    "to": ["ada@northwind.test"],
    "subject": "Reset",
}


def signed(body: bytes, secret: str = SECRET) -> Request:
    sent = signed_now(body)
    return Request(headers=sent.headers(secret), body=body)


def report(
    kind: str,
    provider_id: str,
    *,
    to: str,
    key: str = "",
    at: datetime = AT,
    secret: str = SECRET,
    **data: Any,
) -> Request:
    if kind == "bounced":
        data = {"bounce": {"type": "Permanent", "subType": "General"}} | data
    sent = reporting.report(
        kind, provider_id, to=to, at=at, tags={"key": key, "template": "password_reset"}, **data
    )
    return Request(headers=sent.headers(secret), body=sent.body)


def about(event: str, **data: Any) -> Request:
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
        partial(Request, headers=HEADERS, body=BODY),  # years ago
        lambda: msgspec.structs.replace(
            genuine := report("delivered", "1", to=ADA), body=genuine.body + b" "
        ),
    ]
    bounce = ("56761188-7520-42d8-8898-ff6fc54ce618", AT, "Permanent General")
    meanings = [
        (
            "bounced",
            {"bounce": {"type": "Permanent", "subType": "General"}},
            "bounced",
            "Permanent General",
            True,
        ),
        ("bounced", {"bounce": {"type": "Permanent"}}, "bounced", "Permanent", True),
        ("bounced", {"bounce": FULL}, "bounced", "Transient MailboxFull", False),
        ("bounced", {"bounce": {"type": "permanent?"}}, "bounced", "", False),
        ("bounced", {"bounce": None}, "bounced", "", False),
        ("complained", {}, "complained", "", True),
        ("suppressed", {"suppressed": {"type": LISTED}}, "suppressed", LISTED, True),
        (
            "failed",
            {"failed": {"reason": "reached_daily_quota"}},
            "failed",
            "reached_daily_quota",
            False,
        ),
        ("delivered", {"bounce": {"type": "Permanent"}}, "delivered", "", False),
        (
            "clicked",
            {"click": {"link": "https://northwind.test/reset-password/token"}},
            "clicked",
            "",
            False,
        ),
    ]
    about_no_mail = [
        partial(about, event)
        for event in (
            "contact.created",
            "domain.updated",
            "email",
            "email.",
            "email.Bounced",
            "",
            "x" * 99,
        )
    ]
    senseless = [
        partial(signed, b"{"),
        *(partial(about, "email.bounced", **data) for data in INCOMPLETE),
    ]


NO_SIGNATURES = [
    *("", "v1", ",", "v1,not base64!", "v1,ü€"),
    HEADERS["svix-signature"].removeprefix("v1,"),
    *(
        HEADERS["svix-signature"].replace("v1,", version)
        for version in ("v9,", "v1a,", "V1,", "v9,v1,")
    ),
]


@pytest.mark.parametrize(
    ("seconds", "signature", "refusal"),
    [
        *((seconds, HEADERS["svix-signature"], "") for seconds in (-300, 0, 300)),
        *((seconds, HEADERS["svix-signature"], "tolerance") for seconds in (-301, 301)),
        *((0, signature, ".") for signature in NO_SIGNATURES),
    ],
)
async def test_the_published_example_is_genuine_for_five_minutes_either_way(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch, seconds: int, signature: str, refusal: str
) -> None:
    monkeypatch.setattr(time, "time", lambda: float(SIGNED_AT - seconds))
    asked = webhook.read({**HEADERS, "svix-signature": signature}, BODY)
    if refusal:
        with pytest.raises(ReportRefused, match=refusal):
            await asked
    else:
        assert await asked == []  # it is about no mail
