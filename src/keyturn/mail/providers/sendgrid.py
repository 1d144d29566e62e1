"""SendGrid, over its HTTP API, version 3 (https://www.twilio.com/docs/sendgrid/api-reference)."""

import asyncio
import base64
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from keyturn.mail.port import provider as port
from keyturn.mail.port.email import Email, name_and_address
from keyturn.mail.port.finding import Finding, fail, ok, warn
from keyturn.mail.port.provider import ReportRefused
from keyturn.values import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    from keyturn.http_client import Answer
    from keyturn.mail.port.provider_api import ProviderApi


class SendGridSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How SendGrid is asked. `webhook_verification_key` is the public key that its reports are verified with."""

    api_key: Secret = Secret("")
    api_url: str = "https://api.sendgrid.com"
    rate: ClassVar[float] = 50  # calls a second, of all workers together; no limit is published
    webhook_verification_key: str = ""


_OFF: Mapping[str, Any] = {
    "click_tracking": {"enable": False, "enable_text": False},  # a tracked link passes through SendGrid whole
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
    "ganalytics": {"enable": False},
}

_FIELD = re.compile(r"[a-z0-9_.\[\]-]{1,60}")
"""The path of a refused field, as SendGrid names it; the sentence beside it may hold an address."""


class SendGridSender:
    """Sends with SendGrid, at least once: it knows no idempotency key. The key is in each mail's custom arguments."""

    name = "sendgrid"

    def __init__(self, settings: SendGridSettings, timeout: timedelta = port.TIMEOUT) -> None:
        self._api = _open_api(settings, timeout)

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Hand the mail over; return SendGrid's id."""
        answer = await self._api.ask("POST", "/v3/mail/send", json=_fields(email, idempotency_key))
        message_id: str = answer.headers.get("x-message-id", "")
        if answer.status == port.ACCEPTED and message_id:
            return message_id
        refusal = answer.read(_Refusal)
        raise self._api.failure(answer, _reason(answer, refusal), _pause(answer.headers), known=refusal is not None)

    async def close(self) -> None:
        await self._api.close()


def _open_api(settings: SendGridSettings, timeout: timedelta) -> "ProviderApi":
    from keyturn.mail.port.provider_api import HeaderKey, ProviderApi

    key = HeaderKey("authorization", f"Bearer {settings.api_key}")
    return ProviderApi("sendgrid", settings.api_url, key, timeout, reports=bool(settings.webhook_verification_key))


class _Error(msgspec.Struct):
    message: str
    field: str | None = None


class _Refusal(msgspec.Struct):
    """The errors of a request, as sentences and names of fields."""

    errors: list[_Error]


def _reason(answer: "Answer", refusal: _Refusal | None) -> str:
    errors = refusal.errors if refusal else ()
    fields = [error.field for error in errors if error.field and _FIELD.fullmatch(error.field)]
    return " ".join([str(answer.status), *fields[:1]])


def _pause(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until the limit resets; SendGrid sends the reset as a time since 1970."""
    try:
        return float(headers.get("x-ratelimit-reset", "")) - time.time()
    except ValueError:
        return None


def _fields(email: Email, key: str) -> Mapping[str, Any]:
    fields: dict[str, Any] = {
        "personalizations": [{"to": [{"email": email.to}]}],
        "from": _mailbox(email.sender),
        "subject": email.subject,
        # Plain text first: SendGrid requires that order.
        "content": [{"type": "text/plain", "value": email.text}, {"type": "text/html", "value": email.html}],
        "headers": email.headers,
        "custom_args": {**email.tags, port.KEY_TAG: key},
        "tracking_settings": _OFF,
    }
    return fields | ({"reply_to": _mailbox(email.reply_to)} if email.reply_to else {})


def _mailbox(header: str) -> Mapping[str, str]:
    name, address = name_and_address(header)
    return {"email": address} | ({"name": name} if name else {})


_EVENTS = {
    "processed": "queued",
    "deferred": "delivery_delayed",
    "delivered": "delivered",
    "bounce": "bounced",
    "dropped": "failed",
    "spamreport": "complained",
    "unsubscribe": "unsubscribed",
    "group_unsubscribe": "unsubscribed",
    "group_resubscribe": "subscribed",
    "open": "opened",
    "click": "clicked",
}

_SUPPRESSED = {"Bounced Address", "Invalid", "Spam Reporting Address", "Unsubscribed Address"}
"""Reasons of "dropped" for mailboxes on SendGrid's own lists, as in its reference."""

_LARGE = 65_536
"""Bytes of a body; a larger one is hashed in a thread."""

_SIGNATURE, _TIMESTAMP = "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"


class SendGridWebhook:
    """Reads reports signed with ECDSA over P-256.

    SendGrid documents no limit for the age of a signature, and repeats a report for 24 hours. A replay changes nothing,
    since each event has an id.
    """

    longest = 1_048_576
    """Bytes: SendGrid sends batches of 768 kB at most."""

    def __init__(self, key: str) -> None:
        self._key = _verification_key(key)

    def require_headers(self, headers: Mapping[str, str]) -> None:
        port.require_signature(headers, _SIGNATURE, _TIMESTAMP)

    async def read(self, headers: Mapping[str, str], body: bytes) -> Sequence[port.Report]:
        """Return the reports. Raises ReportRefused.

        Skips entries that are not events of ours: the account may also send mails of other apps, and reports come in
        batches.
        """
        self.require_headers(headers)
        is_small = len(body) < _LARGE
        if not (
            self._is_proven(headers, body) if is_small else await asyncio.to_thread(self._is_proven, headers, body)
        ):
            raise ReportRefused("the signature does not match")
        try:
            events = msgspec.json.decode(body, type=list[msgspec.Raw])
        except (msgspec.MsgspecError, ValueError) as error:
            raise ReportRefused(str(error)) from None
        return list(_reports(events))

    def _is_proven(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Tell whether the key signed the time and the body.

        https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
        """
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

        try:
            signature = base64.b64decode(headers.get(_SIGNATURE, ""), validate=True)
        except ValueError:
            return False
        signed = headers.get(_TIMESTAMP, "").encode() + body
        try:
            self._key.verify(signature, signed, ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


class _Event(msgspec.Struct):
    """What happened to a mail, and when, in seconds since 1970. Custom arguments are fields beside the others."""

    event: str
    email: str
    timestamp: float
    sg_event_id: str
    sg_message_id: str = ""
    type: str | None = None
    reason: str | None = None
    bounce_classification: str | None = None
    key: object = msgspec.field(name=port.KEY_TAG, default=None)


def _reports(events: Sequence[msgspec.Raw]) -> Iterator[port.Report]:
    for event in events:
        try:
            found = msgspec.json.decode(event, type=_Event)
            at = datetime.fromtimestamp(found.timestamp, UTC)
        except (msgspec.MsgspecError, ValueError, OverflowError, OSError):
            continue
        key = found.key if isinstance(found.key, str) else ""
        if found.event in _EVENTS and found.email and (found.sg_message_id or key):
            yield _report(found, at, key)


def _report(found: _Event, at: datetime, key: str) -> port.Report:
    event, words = _EVENTS[found.event], [found.type, found.bounce_classification]
    if found.event == "dropped" and found.reason in _SUPPRESSED:
        event, words = "suppressed", [found.reason]
    return port.Report(
        provider="sendgrid",
        id=port.report_id("sendgrid", found.sg_event_id),
        event=event,
        detail=port.fixed_words(*(word.replace(" ", "-") for word in words if word)),
        at=at,
        provider_id=re.split(r"\.(?:filter|recv)", found.sg_message_id)[0],  # the value of the header X-Message-Id
        key=key,
        to=found.email,
        # "blocked" may pass; a "bounce" puts the mailbox on SendGrid's list, and it gets no more mail.
        ends=event in {"complained", "suppressed"} or (event == "bounced" and found.type == "bounce"),
    )


def _verification_key(text: str) -> "EllipticCurvePublicKey":
    """Return the P-256 key that SendGrid shows: base64 of its SubjectPublicKeyInfo, without the PEM header lines."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except UnsupportedAlgorithm as error:
        raise ValueError("not a key of a known kind") from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("not a P-256 key")  # noqa: TRY004 - the text is wrong, not its type
    return key


_KEYS, _SENDERS = "https://app.sendgrid.com/settings/api_keys", "https://app.sendgrid.com/settings/sender_auth"
_SEND, _SEE_DOMAINS = "mail.send", "whitelabel.read"


class _Scopes(msgspec.Struct):
    """What a key may do (https://www.twilio.com/docs/sendgrid/api-reference/api-key-permissions)."""

    scopes: list[str]


class _Domain(msgspec.Struct):
    """A domain of the account (https://www.twilio.com/docs/sendgrid/api-reference/domain-authentication)."""

    domain: str
    valid: bool


async def _check(settings: SendGridSettings, sender: port.CheckedSender) -> list[Finding]:
    """Ask with the sender's own client. A key that may only send cannot see the domains."""
    async with _open_api(settings, sender.timeout) as api:
        answer = await api.ask_for_doctor("/v3/scopes")
        if isinstance(answer, Finding):
            return [answer]
        found, scopes = _judge_key(answer, api)
        if found.verdict == "fail" or _SEE_DOMAINS not in scopes:
            return [found]
        domains = await api.ask_for_doctor(f"/v3/whitelabel/domains?domain={sender.domain}")
        return [found, domains if isinstance(domains, Finding) else _judge_domain(domains, api, sender.domain)]


def _judge_key(answer: "Answer", api: "ProviderApi") -> tuple[Finding, list[str]]:
    if answer.status in port.ACCOUNT_REFUSED:
        mend = f"Set SENDGRID_API_KEY to one from {_KEYS}."
        return fail(f"the key is refused ({answer.status})", mend), []
    found = answer.read(_Scopes) if answer.status == port.OK else None
    if not found:
        return api.odd_answer(answer), []
    if _SEND not in found.scopes:
        return fail("the key may not send", f'Give it full access to "Mail Send" at {_KEYS}.'), []
    if _SEE_DOMAINS not in found.scopes:
        message = "the key works; it may not list the account's domains, which is not needed"
        return ok(message), []
    return ok("the key works, and may send"), found.scopes


def _judge_domain(answer: "Answer", api: "ProviderApi", name: str) -> Finding:
    domains = answer.read(list[_Domain]) if answer.status == port.OK else None
    if domains is None:
        return api.odd_answer(answer)
    if any(one.domain == name and one.valid for one in domains):
        return ok(f"{name} is authenticated")
    # A verified single sender may send, too, but its mails fail DMARC.
    message = f"{name} is not authenticated" + (" yet" if any(one.domain == name for one in domains) else "")
    return warn(message, f"Authenticate the domain at {_SENDERS}.")


PROVIDER = port.Provider(
    name="sendgrid",
    label="SendGrid",
    place=3,
    settings=SendGridSettings,
    build=SendGridSender,
    check=_check,
    source="Create a key at https://app.sendgrid.com/settings/api_keys",
    needs=(port.Need("api_key", "SENDGRID_API_KEY", "SG...."),),
    reports=port.Reports(
        setting="webhook_verification_key",
        read=_verification_key,
        fault="not a SendGrid verification key, which begins with MFkw",
        where="at https://app.sendgrid.com/settings/mail_settings as a signed Event Webhook, and set "
        "sendgrid.webhook_verification_key to its verification key",
        build=SendGridWebhook,
    ),
)
