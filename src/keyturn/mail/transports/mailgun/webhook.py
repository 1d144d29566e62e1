"""What Mailgun reports of a mail (https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads)."""

import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parseaddr

import msgspec

from keyturn.errors import WebhookRefused
from keyturn.mail.transports.reports import KEY_TAG, Report, fixed_words, report_id

_EVENTS = {
    "accepted": "queued", "delivered": "delivered", "failed": "bounced", "rejected": "failed",
    "complained": "complained", "unsubscribed": "unsubscribed", "opened": "opened", "clicked": "clicked",
}  # fmt: skip

_LONGEST_AGE = 24 * 3600
"""Seconds: Mailgun repeats a report for eight hours, and does not say that it signs it anew."""

_BOUNCE, _SUPPRESSED = "bounce", "suppress-"
"""Why a mail failed for good: the mailbox is none, which Mailgun puts on a list; or it stands there already."""


class MailgunWebhook:
    """Reads reports that come with an HMAC-SHA256 of a time and a token; any of `keys` proves one.

    Mailgun signs these two alone and not the event, so a token counts once: it is the id of its report.
    https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
    """

    longest = 262_144

    def __init__(self, *keys: str) -> None:
        self._keys = [key.encode() for key in keys]

    def require_headers(self, _: Mapping[str, str]) -> None:
        """Do nothing: Mailgun's proof stands in the body."""

    async def read(self, _: Mapping[str, str], body: bytes) -> Sequence[Report]:
        """Return what is reported. Raises WebhookRefused."""
        try:
            delivery = msgspec.json.decode(body, type=_Delivery)
            self._require_proof(delivery.signature)
            return _reports(delivery.signature.token, msgspec.json.decode(delivery.event_data, type=_Event))
        except (msgspec.MsgspecError, ValueError, OverflowError, OSError) as error:
            raise WebhookRefused(str(error)) from None

    def _require_proof(self, proof: "_Signature") -> None:
        """Raise ValueError where none of the keys made it, or long ago."""
        signed, signature = f"{proof.timestamp}{proof.token}".encode(), proof.signature.encode()
        made = [hmac.new(key, signed, hashlib.sha256).hexdigest().encode() for key in self._keys]
        if not proof.token or not any(hmac.compare_digest(one, signature) for one in made):
            raise ValueError("the signature does not fit")
        if abs(time.time() - int(proof.timestamp)) > _LONGEST_AGE:
            raise ValueError("the signature is too old")


class _Signature(msgspec.Struct):
    """Proves a report; the time is in seconds since 1970."""

    timestamp: str | int
    token: str
    signature: str


class _Delivery(msgspec.Struct, rename="kebab"):
    signature: _Signature
    event_data: msgspec.Raw


class _Headers(msgspec.Struct, frozen=True, rename="kebab"):
    message_id: str = ""
    to: str = ""


class _Message(msgspec.Struct, frozen=True):
    headers: _Headers = _Headers()


class _Event(msgspec.Struct, rename="kebab"):
    """Tells what became of a mail, and when, in seconds since 1970."""

    event: str
    timestamp: float = 0
    recipient: str = ""
    severity: str | None = None
    reason: str | None = None
    message: _Message = _Message()
    user_variables: object = None


def _reports(token: str, found: _Event) -> Sequence[Report]:
    """Return nothing for what is about no mail. Raises ValueError for what is, and yet not as Mailgun documents it."""
    event = _event(found)
    if not event:
        return []
    variables = found.user_variables if isinstance(found.user_variables, dict) else {}  # an empty list where none are
    key = variables.get(KEY_TAG)
    message_id = found.message.headers.message_id
    to = found.recipient or parseaddr(found.message.headers.to)[1]  # a mail that was rejected has no recipient yet
    if not to or not found.timestamp or not (message_id or key):
        raise ValueError("it names no mail, no mailbox or no time")
    report = Report(
        provider="mailgun",
        id=report_id("mailgun", token),
        event=event,
        detail=fixed_words(found.reason or ""),
        at=datetime.fromtimestamp(found.timestamp, UTC),
        provider_id=message_id,
        key=key if isinstance(key, str) else "",
        to=to,
        ends=event in {"complained", "suppressed"} or (event == "bounced" and found.reason == _BOUNCE),
    )
    return [report]


def _event(found: _Event) -> str:
    if found.event == "failed" and (found.reason or "").startswith(_SUPPRESSED):
        return "suppressed"
    if found.event == "failed" and found.severity == "temporary":
        return "delivery_delayed"
    return _EVENTS.get(found.event, "")
