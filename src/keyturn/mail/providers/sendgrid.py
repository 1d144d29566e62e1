"""SendGrid, over its HTTP API, version 3 (https://www.twilio.com/docs/sendgrid/api-reference)."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from keyturn.http_client import Answer
from keyturn.mail.port.email import Email, name_and_address
from keyturn.mail.port.fields import Fields
from keyturn.mail.port.finding import Finding, fail, ok, warn
from keyturn.mail.port.http_provider import Examination, HttpProvider, Refused
from keyturn.mail.port.reports import (
    DeliveryReport,
    Reports,
    fixed_words,
    key_in,
    require_signature,
)
from keyturn.values import SecretStr

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey


def _mailbox(header: str) -> Mapping[str, str]:
    name, address = name_and_address(header)
    return {"email": address} | ({"name": name} if name else {})


_EVENTS = {
    "processed": "sent",
    "deferred": "delivery_delayed",
    "delivered": "delivered",
    "bounce": "bounced",
    "dropped": "failed",
    "spamreport": "complained",
}
_SUPPRESSED = {"Bounced Address", "Invalid", "Spam Reporting Address", "Unsubscribed Address"}


async def _read(
    key: "EllipticCurvePublicKey", signed: Sequence[str], body: bytes
) -> AsyncIterator[DeliveryReport]:
    """Skip what is no event of ours: batches hold other apps' mails.

    SendGrid repeats a signed report for 24 hours.

    https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
    """
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    signature, timestamp = signed
    content = timestamp.encode() + body
    await asyncio.to_thread(
        require_signature, key, signature, content, ECDSA(SHA256())
    )  # a batch has up to 768 kB
    for event in msgspec.json.decode(body, type=list[msgspec.Raw]):
        with suppress(ValueError, OverflowError, OSError):
            if report := _report(Fields.read(bytes(event))):
                yield report


def _report(fields: Fields) -> DeliveryReport | None:
    event, to = _EVENTS.get(fields.text("event"), ""), fields.text("email")
    kind, reason, mail, key = (
        fields.text("type"),
        fields.text("reason"),
        fields.text("sg_message_id"),
        key_in(fields),
    )
    words = [kind, fields.text("bounce_classification")]
    if event == "failed" and reason in _SUPPRESSED:
        event, words = "suppressed", [reason]
    report = DeliveryReport(
        id=fields.required("sg_event_id"),
        event=event,
        detail=fixed_words(*(word.replace(" ", "-") for word in words)),
        at=fields.time("timestamp"),
        provider_id=re.split(r"\.(?:filter|recv)", mail)[0],  # the value of the header X-Message-Id
        key=key,
        to=to,
        ends=event == "bounced"
        and kind == "bounce",  # "blocked" may pass; a "bounce" is put on SendGrid's list
    )
    return report if event and to and (mail or key) else None


def _verification_key(text: str) -> "EllipticCurvePublicKey":
    """Return the P-256 key that SendGrid shows: base64 of its SubjectPublicKeyInfo, without the PEM
    header lines.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    with suppress(UnsupportedAlgorithm):
        key = load_der_public_key(base64.b64decode(text, validate=True))
        if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
            return key
    raise ValueError("not a P-256 key")


_KEYS, _SENDERS = (
    "https://app.sendgrid.com/settings/api_keys",
    "https://app.sendgrid.com/settings/sender_auth",
)


class SendGrid(HttpProvider, frozen=True):
    """SendGrid's settings.

    `api_url`: for subusers of the EU `https://api.eu.sendgrid.com`
    """

    api_key: SecretStr = SecretStr("")
    api_url: str = "https://api.sendgrid.com"
    webhook_verification_key: str = ""

    name = "sendgrid"
    place = 3
    needs: ClassVar = {"api_key": "SENDGRID_API_KEY"}
    rate: ClassVar[float] = 50
    path = "/v3/mail/send"
    reset_header = "x-ratelimit-reset"
    reports = Reports(
        setting="webhook_verification_key",
        proof=_verification_key,
        fault="not a SendGrid verification key, which begins with MFkw",
        where="at https://app.sendgrid.com/settings/mail_settings as a signed Event Webhook, "
        "and set "
        "sendgrid.webhook_verification_key to its verification key",
        longest=1_048_576,
        signature=(
            "x-twilio-email-event-webhook-signature",
            "x-twilio-email-event-webhook-timestamp",
        ),
        read=_read,
    )

    def fields(self, email: Email, tags: Mapping[str, str]) -> Mapping[str, Any]:
        return {
            "personalizations": [{"to": [{"email": email.to}]}],
            "from": _mailbox(email.sender),
            **({"reply_to": _mailbox(email.reply_to)} if email.reply_to else {}),
            "subject": email.subject,
            # Plain text first: SendGrid requires that order.
            "content": [
                {"type": "text/plain", "value": email.text},
                {"type": "text/html", "value": email.html},
            ],
            "headers": email.headers,
            "custom_args": tags,
            "tracking_settings": {
                # A tracked link passes through SendGrid whole.
                "click_tracking": {"enable": False, "enable_text": False},
                "open_tracking": {"enable": False},
                "subscription_tracking": {"enable": False},
                "ganalytics": {"enable": False},
            },
        }

    def judge(self, answer: Answer, _: Email) -> str | Refused:
        if answer.status == HTTPStatus.ACCEPTED:
            return answer.headers.get("x-message-id", "")
        # The path of a refused field, as SendGrid names it; the sentence beside it may hold an
        # address.
        errors = [
            error for error in Fields.read(answer.body).each("errors") if error.required("message")
        ]
        named = [
            field
            for error in errors
            if re.fullmatch(r"[a-z0-9_.\[\]-]{1,60}", field := error.text("field"))
        ]
        return Refused(" ".join([str(answer.status), *named[:1]]))

    async def examine(self, api: Examination, domain: str) -> AsyncIterator[Finding]:
        answer = await api.ask("/v3/scopes", fix=f"Set SENDGRID_API_KEY to one from {_KEYS}.")
        scopes = api.read(answer).texts("scopes")
        if "mail.send" not in scopes:
            yield fail("the key may not send", f'Give it full access to "Mail Send" at {_KEYS}.')
            return
        if "whitelabel.read" not in scopes:
            yield ok("the key works; it may not list the account's domains, which is not needed")
            return
        yield ok("the key works, and may send")
        domains = await api.ask(f"/v3/whitelabel/domains?domain={domain}")
        records = [
            Fields(one) for one in msgspec.json.decode(domains.body, type=list[dict[str, object]])
        ]
        if any(one.text("domain") == domain and one.flag("valid") for one in records):
            yield ok(f"{domain} is authenticated")
        else:  # a verified single sender may send, too, but its mails fail DMARC
            yield warn(f"{domain} is not authenticated", f"Authenticate the domain at {_SENDERS}.")
