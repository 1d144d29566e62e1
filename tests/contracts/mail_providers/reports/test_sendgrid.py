"""Which of SendGrid's reports are proven by their signature, and what is taken from them."""

import json
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from tests.contracts.mail_providers.reports.report_contract import ADA, ReportContract, read_one
from tests.servers.mail_providers.answers import Request
from tests.servers.mail_providers.sendgrid import (
    OTHER_KEY,
    SIGNER,
    deliver,
    event,
    public,
    report,
    signed,
)

from keyturn.mail.port.reports import Webhook

pytestmark = pytest.mark.slow

PROVEN_BY = ("sendgrid", public(SIGNER))
AT = datetime(2026, 11, 20, 9, 2, 11, tzinfo=UTC)
SIGNATURE, TIMESTAMP = (
    "x-twilio-email-event-webhook-signature",
    "x-twilio-email-event-webhook-timestamp",
)

BOUNCED = report("bounced", "1", to=ADA)


class TestSendGrid(ReportContract):
    name = "sendgrid"
    report = staticmethod(report)
    genuine = [partial(deliver, [event("delivered", "1", to=ADA)], SIGNER)]
    refusal = "signature"
    forged = [
        *(
            partial(Request, headers={**BOUNCED.headers, **changes}, body=BOUNCED.body)
            for changes in (
                *({SIGNATURE: signature} for signature in ("", "!", "MEUCIQ==", "ü")),
                *({TIMESTAMP: moment} for moment in ("1", "", "1\xff")),
            )
        ),
        partial(Request, headers=BOUNCED.headers, body=BOUNCED.body.replace(b"ada@", b"eve@")),
        partial(deliver, [event("bounced", "1", to=ADA)], OTHER_KEY),
    ]
    bounce = ("14c5d75ce93.dfd.64b469", AT, "bounce Invalid-Address")
    meanings = [
        ("delivered", {"event": "processed"}, "sent", "", False),
        ("delivered", {}, "delivered", "", False),
        ("delayed", {}, "delivery_delayed", "", False),
        ("bounced", {}, "bounced", "bounce Invalid-Address", True),
        ("bounced", {"bounce_classification": f"for {ADA}"}, "bounced", "bounce", True),
        ("bounced for now", {}, "bounced", "blocked", False),
        ("complained", {}, "complained", "", True),
        ("suppressed", {}, "suppressed", "Bounced-Address", True),
        (
            "suppressed",
            {"reason": "Spam Reporting Address"},
            "suppressed",
            "Spam-Reporting-Address",
            True,
        ),
        (
            "suppressed",
            {"reason": "Spam Content (if Spam Checker app is enabled)"},
            "failed",
            "",
            False,
        ),
        ("suppressed", {"reason": None}, "failed", "", False),
    ]
    about_no_mail = [
        partial(report, "delivered", "1", to=ADA, event=kind) for kind in ("click", "something_new")
    ]
    senseless = [
        partial(Request, headers=signed("1770146431", body), body=body)
        for body in (
            b"",
            b"{",
            b"\xff",
            b"{}",
            b'"delivered"',
            b"[1",
            json.dumps({"event": 1}).encode(),
        )
    ]


async def test_a_repeat_has_the_same_id_also_when_it_comes_with_others(webhook: Webhook) -> None:
    one, other = event("delivered", "1", to=ADA), event("delivered", "2", to=ADA)
    alone, both = deliver([one]), deliver([other, one])
    (first,) = await webhook.read(alone.headers, alone.body)
    later = await webhook.read(both.headers, both.body)

    assert [found.id == first.id for found in later] == [False, True]


@pytest.mark.parametrize("fields", [
    *({"event": event} for event in ("account_status_change", "something_new")),
    *({"email": email} for email in ("", None, 1)),
    *({"timestamp": moment} for moment in ("yesterday", 1e300, None)),
    {"sg_event_id": None}, {"sg_message_id": ""}, {"type": ["bounce"]},
])  # fmt: skip
async def test_what_is_not_of_a_mails_form_alone_is_passed_over(
    webhook: Webhook, fields: dict[str, Any]
) -> None:
    sent = deliver(
        [event("bounced", "1", to=ADA, **fields), 3, None, event("delivered", "2", to=ADA)]
    )
    assert (await read_one(webhook, sent)).provider_id == "2"
