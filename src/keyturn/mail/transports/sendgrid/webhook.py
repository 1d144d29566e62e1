"""What SendGrid reports of mails (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event)."""

import asyncio
import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

from keyturn.errors import WebhookRefused
from keyturn.mail.transports.reports import KEY_TAG, Report, fixed_words, report_id
from keyturn.settings.rules.reports import verification_key

_EVENTS = {
    "processed": "queued", "deferred": "delivery_delayed", "delivered": "delivered", "bounce": "bounced",
    "dropped": "failed", "spamreport": "complained", "unsubscribe": "unsubscribed", "group_unsubscribe": "unsubscribed",
    "group_resubscribe": "subscribed", "open": "opened", "click": "clicked",
}  # fmt: skip

_SUPPRESSED = {"Bounced Address", "Invalid", "Spam Reporting Address", "Unsubscribed Address"}
"""The reasons of "dropped" that are lists of SendGrid's own, as its reference words them."""

_LARGE = 65_536
"""Bytes of a body from which on its hash is made in a thread."""

_SIGNATURE, _TIMESTAMP = "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"


class SendGridWebhook:
    """Reads reports that are signed, with ECDSA over P-256; `keys` are those that verify, any of which proves a report.

    How old a signature may be SendGrid does not say, and it repeats a report for 24 hours; a replayed one changes
    nothing, since each event has an id.
    """

    longest = 1_048_576
    """SendGrid sends what has gathered, 768 kB at most."""

    def __init__(self, *keys: str) -> None:
        self._keys = [verification_key(key) for key in keys]

    def require_headers(self, headers: Mapping[str, str]) -> None:
        for name in (_SIGNATURE, _TIMESTAMP):
            if not headers.get(name):
                raise WebhookRefused(f"there is no {name}, which belongs to the signature")

    async def read(self, headers: Mapping[str, str], body: bytes) -> Sequence[Report]:
        """Return what is reported. Raises WebhookRefused.

        What has not the form of an event is passed over: the account may send mails of others, and its reports come
        many at a time.
        """
        self.require_headers(headers)
        is_small = len(body) < _LARGE
        if not (
            self._is_proven(headers, body) if is_small else await asyncio.to_thread(self._is_proven, headers, body)
        ):
            raise WebhookRefused("the signature does not fit")
        try:
            events = msgspec.json.decode(body, type=list[msgspec.Raw])
        except (msgspec.MsgspecError, ValueError) as error:
            raise WebhookRefused(str(error)) from None
        return list(_reports(events))

    def _is_proven(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Tell whether one of the keys signed the time and the body.

        https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
        """
        try:
            signature = base64.b64decode(headers.get(_SIGNATURE, ""), validate=True)
        except ValueError:
            return False
        signed = headers.get(_TIMESTAMP, "").encode() + body
        for key in self._keys:
            try:
                key.verify(signature, signed, ECDSA(hashes.SHA256()))
            except InvalidSignature:
                continue
            return True
        return False


class _Event(msgspec.Struct):
    """Tells what became of a mail, and when, in seconds since 1970. Custom arguments stand beside the rest."""

    event: str
    email: str
    timestamp: float
    sg_event_id: str
    sg_message_id: str = ""
    type: str | None = None
    reason: str | None = None
    bounce_classification: str | None = None
    key: object = msgspec.field(name=KEY_TAG, default=None)


def _reports(events: Sequence[msgspec.Raw]) -> Iterator[Report]:
    for event in events:
        try:
            found = msgspec.json.decode(event, type=_Event)
            at = datetime.fromtimestamp(found.timestamp, UTC)
        except (msgspec.MsgspecError, ValueError, OverflowError, OSError):
            continue
        key = found.key if isinstance(found.key, str) else ""
        if found.event in _EVENTS and found.email and (found.sg_message_id or key):
            yield _report(found, at, key)


def _report(found: _Event, at: datetime, key: str) -> Report:
    event, words = _EVENTS[found.event], [found.type, found.bounce_classification]
    if found.event == "dropped" and found.reason in _SUPPRESSED:
        event, words = "suppressed", [found.reason]
    return Report(
        provider="sendgrid",
        id=report_id("sendgrid", found.sg_event_id),
        event=event,
        detail=fixed_words(*(word.replace(" ", "-") for word in words if word)),
        at=at,
        provider_id=re.split(r"\.(?:filter|recv)", found.sg_message_id)[0],  # what the header X-Message-Id said
        key=key,
        to=found.email,
        # "blocked" may pass; SendGrid lists the mailbox of a "bounce", and sends it nothing more.
        ends=event in {"complained", "suppressed"} or (event == "bounced" and found.type == "bounce"),
    )
