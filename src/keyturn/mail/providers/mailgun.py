"""Mailgun, over its HTTP API (https://documentation.mailgun.com/docs/mailgun/api-reference)."""

import hashlib
import hmac
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from typing import TYPE_CHECKING, ClassVar

import msgspec

from keyturn.errors import SendFailed, SendRefused
from keyturn.hosts import is_host
from keyturn.mail.port import provider as port
from keyturn.mail.port.email import Email
from keyturn.mail.port.finding import Finding, fail, ok
from keyturn.mail.port.provider import ReportRefused
from keyturn.values import Secret

if TYPE_CHECKING:
    from keyturn.http_client import Answer
    from keyturn.mail.port.provider_api import ProviderApi


class MailgunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How Mailgun is asked. `domain` is the account's that sends; `webhook_signing_key` proves its reports."""

    api_key: Secret = Secret("")
    domain: str = ""
    api_url: str = "https://api.mailgun.net"
    rate: ClassVar[float] = 50  # calls a second, of all workers together; no limit is published
    webhook_signing_key: Secret = Secret("")


_GREETING = b"Mailgun Magnificent API"
"""Mailgun's answer, with status 200, at a URL outside of its API."""

_FORBIDDEN = b"Forbidden"
"""The whole body of the answer to a refused key."""


class MailgunSender:
    """Sends with Mailgun, at least once: it knows no idempotency key. The key is in each mail's user variables."""

    name = "mailgun"

    def __init__(self, settings: MailgunSettings, timeout: timedelta = port.TIMEOUT) -> None:
        self._path = _messages_path(settings)
        self._api = _open_api(settings, timeout)

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Hand the mail over; return Mailgun's id, which is the Message-ID without its brackets."""
        answer = await self._api.ask("POST", self._path, data=_fields(email, idempotency_key))
        accepted = answer.read(_Accepted) if answer.status == port.OK else None
        if accepted and accepted.id:
            return accepted.id.strip("<>")
        raise self._failure(answer)

    async def close(self) -> None:
        await self._api.close()

    def _failure(self, answer: "Answer") -> SendFailed:
        if answer.status == port.OK and _GREETING in answer.body:
            return SendRefused("200 not the API", account=True)
        refusal = answer.read(_Refusal)
        known = refusal is not None or answer.body.strip() == _FORBIDDEN
        if answer.status == port.NOT_FOUND and known:  # a foreign domain, or one of the other region
            if refusal and refusal.message.startswith("Domain not found"):
                return SendRefused("404 domain not found", account=True)
            known = False  # a gateway words "no such route" in the same form
        return self._api.failure(answer, str(answer.status), known=known)


class _Accepted(msgspec.Struct):
    id: str


class _Refusal(msgspec.Struct):
    message: str


def _open_api(settings: MailgunSettings, timeout: timedelta) -> "ProviderApi":
    from keyturn.mail.port.provider_api import ProviderApi

    return ProviderApi(
        "mailgun",
        settings.api_url,
        ("api", settings.api_key),
        timeout,
        reports=bool(settings.webhook_signing_key),
    )


def _messages_path(settings: MailgunSettings) -> str:
    return f"/v3/{settings.domain}/messages"


def _fields(email: Email, key: str) -> Mapping[str, str]:
    headers = email.headers | ({"Reply-To": email.reply_to} if email.reply_to else {})
    return {
        "from": email.sender,
        "to": email.to,
        "subject": email.subject,
        "text": email.text,
        "html": email.html,
        "o:tracking": "no",
        "o:tracking-clicks": "no",  # a tracked link passes through Mailgun whole, and its reports repeat it
        "o:tracking-opens": "no",
        **{f"h:{name}": value for name, value in headers.items()},
        **{f"v:{name}": value for name, value in {**email.tags, port.KEY_TAG: key}.items()},
    }


_EVENTS = {
    "accepted": "queued",
    "delivered": "delivered",
    "failed": "bounced",
    "rejected": "failed",
    "complained": "complained",
    "unsubscribed": "unsubscribed",
    "opened": "opened",
    "clicked": "clicked",
}

_LONGEST_AGE = 24 * 3600
"""Seconds: Mailgun repeats a report for eight hours, and does not document whether it signs each repeat again."""

_BOUNCE, _SUPPRESSED = "bounce", "suppress-"
"""Reasons of a permanent failure: the mailbox does not exist, which puts it on Mailgun's list, or is on that list."""


class MailgunWebhook:
    """Reads reports with an HMAC-SHA256 of a time and a token.

    Mailgun signs only these two, not the event. So a token counts once: it is the id of its report.
    https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
    """

    longest = 262_144

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def require_headers(self, _: Mapping[str, str]) -> None:
        """Do nothing: Mailgun's proof is in the body."""

    async def read(self, _: Mapping[str, str], body: bytes) -> Sequence[port.Report]:
        """Return the reports. Raises ReportRefused."""
        try:
            delivery = msgspec.json.decode(body, type=_Delivery)
            self._require_proof(delivery.signature)
            return _reports(delivery.signature.token, msgspec.json.decode(delivery.event_data, type=_Event))
        except (msgspec.MsgspecError, ValueError, OverflowError, OSError) as error:
            raise ReportRefused(str(error)) from None

    def _require_proof(self, proof: "_Signature") -> None:
        """Raise ValueError if the signature does not match or is too old."""
        signed, signature = f"{proof.timestamp}{proof.token}".encode(), proof.signature.encode()
        made = hmac.new(self._key, signed, hashlib.sha256).hexdigest().encode()
        if not proof.token or not hmac.compare_digest(made, signature):
            raise ValueError("the signature does not match")
        if abs(time.time() - int(proof.timestamp)) > _LONGEST_AGE:
            raise ValueError("the signature is too old")


class _Signature(msgspec.Struct):
    """The signature of a report; the time is in seconds since 1970."""

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
    """What happened to a mail, and when, in seconds since 1970."""

    event: str
    timestamp: float = 0
    recipient: str = ""
    severity: str | None = None
    reason: str | None = None
    message: _Message = _Message()
    user_variables: object = None


def _reports(token: str, found: _Event) -> Sequence[port.Report]:
    """Return the reports; none for an event without a mail. Raises ValueError for an undocumented form."""
    event = _event(found)
    if not event:
        return []
    key = port.key_in(found.user_variables)
    message_id = found.message.headers.message_id
    to = found.recipient or parseaddr(found.message.headers.to)[1]  # a rejected mail has no recipient yet
    if not to or not found.timestamp or not (message_id or key):
        raise ValueError("the mail, the address or the time is missing")
    report = port.Report(
        provider="mailgun",
        id=port.report_id("mailgun", token),
        event=event,
        detail=port.fixed_words(found.reason or ""),
        at=datetime.fromtimestamp(found.timestamp, UTC),
        provider_id=message_id,
        key=key,
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


_DOMAINS, _KEYS = "https://app.mailgun.com/mg/sending/domains", "https://app.mailgun.com/settings/api_security"


class _Domain(msgspec.Struct):
    """Describes a domain (https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/domains)."""

    state: str


class _Found(msgspec.Struct):
    domain: _Domain


async def _check(settings: MailgunSettings, sender: port.CheckedSender) -> list[Finding]:
    """Ask with the sender's own client for the domain, and send a mail without a recipient, which Mailgun refuses.

    A key that may only send cannot see the domain.
    """
    name = settings.domain
    async with _open_api(settings, sender.timeout) as api:
        refused = await api.ask_for_doctor(_messages_path(settings), "POST")
        found = refused if isinstance(refused, Finding) else _judge_key(refused, api, name)
        if found.verdict != "ok":
            return [found]
        domain = await api.ask_for_doctor(f"/v4/domains/{name}")
        return [found, *([domain] if isinstance(domain, Finding) else _judge_domain(domain, name))]


def _judge_key(answer: "Answer", api: "ProviderApi", name: str) -> Finding:
    if answer.status in port.ACCOUNT_REFUSED:
        return fail(f"the key is refused ({answer.status})", f"Set MAILGUN_API_KEY to one from {_KEYS}.")
    if answer.status == port.NOT_FOUND:
        mend = 'Correct mailgun.domain, or set mailgun.api_url to the other region\'s: "https://api.eu.mailgun.net".'
        return fail(f"the domain {name} is unknown at {api.url}", mend)
    if answer.status != port.BAD_REQUEST:
        return api.odd_answer(answer)
    return ok(f"the key works for the domain {name}")


def _judge_domain(answer: "Answer", name: str) -> list[Finding]:
    found = answer.read(_Found) if answer.status == port.OK else None
    if found and found.domain.state != "active":
        mend = f"Add the records that {_DOMAINS} shows to your DNS, and press Verify there."
        return [fail(f"the domain {name} is {found.domain.state}", mend)]
    return []


def _faults(settings: MailgunSettings) -> Iterator[tuple[str, str]]:
    if settings.domain and not is_host(settings.domain):
        yield "domain", "not a domain, such as mg.northwind.example"


def _signing_key(text: str) -> bytes:
    """Return the key that Mailgun signs with; Mailgun shows it as text."""
    if not re.fullmatch(r"[!-~]{16,}", text):
        raise ValueError("not a signing key")
    return text.encode()


PROVIDER = port.Provider(
    name="mailgun",
    label="Mailgun",
    place=4,
    settings=MailgunSettings,
    build=MailgunSender,
    check=_check,
    source="Create a sending key for your domain at https://app.mailgun.com",
    needs=(
        port.Need("api_key", "MAILGUN_API_KEY"),
        port.Need("domain", "MAILGUN_DOMAIN", "mg.example.org", known_as="mailgun.domain"),
    ),
    faults=_faults,
    reports=port.Reports(
        setting="webhook_signing_key",
        read=_signing_key,
        fault="not a Mailgun signing key: use the HTTP webhook signing key",
        where="to the domain's webhooks, and set mailgun.webhook_signing_key to the HTTP webhook signing key",
        build=MailgunWebhook,
    ),
)
