"""What Postmark reports of a mail (https://postmarkapp.com/developer/webhooks/webhooks-overview)."""

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from keyturn.errors import WebhookRefused
from keyturn.mail.transports.reports import KEY_TAG, Report, fixed_words, report_id

Time = Annotated[datetime, Meta(tz=True)]

_RECORDS = {"Delivery": "delivered", "SpamComplaint": "complained", "Open": "opened", "Click": "clicked"}
_BOUNCES = {
    "Transient": "delivery_delayed", "DnsError": "delivery_delayed", "OpenRelayTest": "delivery_delayed",
    "SpamComplaint": "complained", "SpamNotification": "complained",
    "ManuallyDeactivated": "suppressed",
    "DMARCPolicy": "failed", "SMTPApiError": "failed", "TemplateRenderingFailed": "failed",
    "AddressChange": "autoresponded", "AutoResponder": "autoresponded", "ChallengeVerification": "autoresponded",
    "Subscribe": "subscribed", "Unsubscribe": "unsubscribed",
}  # fmt: skip
"""https://postmarkapp.com/developer/api/bounce-api#bounce-types: those that are no bounce."""

_FOR_GOOD = {"HardBounce", "BadEmailAddress", "ManuallyDeactivated"}


class PostmarkWebhook:
    """Reads reports that come with a password. Postmark signs nothing: it sends what stands in the address (Basic).

    A path that is secret is declined: paths are logged, by proxies too.
    """

    longest = 65_536

    def __init__(self, *passwords: str) -> None:
        self._passwords = [password.encode() for password in passwords]

    def require_headers(self, headers: Mapping[str, str]) -> None:
        sent = _password(headers.get("authorization", ""))
        if not any(hmac.compare_digest(sent, password) for password in self._passwords):
            raise WebhookRefused("the password does not fit" if sent else "there is no password")

    async def read(self, headers: Mapping[str, str], body: bytes) -> Sequence[Report]:
        """Return what is reported. Raises WebhookRefused."""
        self.require_headers(headers)
        try:
            return _reports(msgspec.json.decode(body, type=_Event))
        except (msgspec.MsgspecError, ValueError) as error:
            raise WebhookRefused(str(error)) from None


def _password(authorization: str) -> bytes:
    """Return that of a Basic log-in (RFC 7617), whoever's; nothing where there is none."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except ValueError:
        return b""


class _Event(msgspec.Struct, rename="pascal"):
    """Tells what became of a mail, and when; each kind has a name of its own for the time and the mailbox."""

    record_type: str
    message_id: str = msgspec.field(name="MessageID", default="")
    type: str = ""
    email: str = ""
    recipient: str = ""
    inactive: bool = False
    suppress_sending: bool = False
    suppression_reason: str | None = None
    metadata: object = None
    delivered_at: Time | None = None
    bounced_at: Time | None = None
    received_at: Time | None = None
    changed_at: Time | None = None


def _reports(found: _Event) -> Sequence[Report]:
    """Return nothing for what is about no mail. Raises ValueError for what is, and yet not as Postmark documents it."""
    event = _event(found)
    if not event:
        return []
    at = found.delivered_at or found.bounced_at or found.received_at or found.changed_at
    to = found.recipient or found.email
    if at is None or not to or not found.message_id:
        raise ValueError("it names no mail, no mailbox or no time")
    key = found.metadata.get(KEY_TAG) if isinstance(found.metadata, dict) else None
    report = Report(
        provider="postmark",
        id=report_id("postmark", found.record_type, found.type, found.message_id, to, at.isoformat()),
        event=event,
        detail=fixed_words(found.type, found.suppression_reason or ""),
        at=at,
        provider_id=found.message_id,
        key=key if isinstance(key, str) else "",
        to=to,
        # `Inactive`: Postmark sends this mailbox nothing any more.
        ends=event in {"complained", "suppressed"} or found.inactive or found.type in _FOR_GOOD,
    )
    return [report]


def _event(found: _Event) -> str:
    if found.record_type == "Bounce":
        return _BOUNCES.get(found.type, "bounced")
    if found.record_type == "SubscriptionChange":
        # A bounce or a complaint that suppresses is reported by itself; and one for no mail is about nobody's.
        manual = found.suppress_sending and found.suppression_reason == "ManualSuppression"
        return "suppressed" if manual and found.message_id else ""
    return _RECORDS.get(found.record_type, "")
