"""Postmark, over its HTTP API (https://postmarkapp.com/developer)."""

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from keyturn.errors import SendFailed, SendRefused, SendRetryable
from keyturn.mail.port import provider as port
from keyturn.mail.port.email import Email
from keyturn.mail.port.finding import Finding, fail, ok, warn
from keyturn.mail.port.provider import ReportRefused
from keyturn.values import Secret

if TYPE_CHECKING:
    from keyturn.http_client import Answer
    from keyturn.mail.port.provider_api import ProviderApi


_STREAM = "outbound"
"""The transactional stream that each server has."""


class PostmarkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How Postmark is asked. `webhook_secret` is the password in the address to which it reports."""

    server_token: Secret = Secret("")
    api_url: str = "https://api.postmarkapp.com"
    rate: ClassVar[float] = 50  # calls a second, of all workers together; no limit is published
    webhook_secret: Secret = Secret("")


TEST_TOKEN = "POSTMARK_API_TEST"
"""https://postmarkapp.com/developer/user-guide/send-email-with-api: Postmark's public token for trials."""

# https://postmarkapp.com/developer/api/overview#error-codes
_MAINTENANCE, _INACTIVE = 100, 406
_ACCOUNT = {10, 400, 401, 405, 412, 413}
"""The token is invalid, the sender is foreign or not confirmed, the credits are used up, or the account is blocked."""

_DROPPED = "inactive addresses"
"""Part of the prose in an acceptance for addresses that still get nothing."""


class PostmarkSender:
    """Sends with Postmark, at least once: it knows no idempotency key. The key is in each mail's metadata."""

    name = "postmark"

    def __init__(self, settings: PostmarkSettings, timeout: timedelta = port.TIMEOUT) -> None:
        self._api = _open_api(settings, timeout)

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Hand the mail over; return Postmark's id."""
        answer = await self._api.ask("POST", "/email", json=_fields(email, idempotency_key))
        said = answer.read(_Said) or _Said()
        if answer.status == port.OK and said.error_code == 0 and said.message_id and _DROPPED not in said.message:
            return said.message_id
        raise self._failure(answer, said)

    async def close(self) -> None:
        await self._api.close()

    def _failure(self, answer: "Answer", said: "_Said") -> SendFailed:
        reason = f"{answer.status} ErrorCode {said.error_code}" if said.error_code else str(answer.status)
        if said.error_code in _ACCOUNT:
            return SendRefused(reason, account=True)
        if said.error_code == _INACTIVE or _DROPPED in said.message:
            return SendRefused(f"{answer.status} inactive recipient")
        if said.error_code == _MAINTENANCE:
            return SendRetryable(reason, not_accepted=True)
        return self._api.failure(answer, reason, known=said.error_code is not None)


class _Said(msgspec.Struct, rename="pascal"):
    """The answer to a mail, or an error of the API; its fields are None in any other body."""

    error_code: int | None = None
    message: str = ""
    message_id: str = msgspec.field(name="MessageID", default="")


def _open_api(settings: PostmarkSettings, timeout: timedelta) -> "ProviderApi":
    from keyturn.mail.port.provider_api import HeaderKey, ProviderApi

    key = HeaderKey("x-postmark-server-token", settings.server_token)
    return ProviderApi("postmark", settings.api_url, key, timeout, reports=bool(settings.webhook_secret))


def _fields(email: Email, key: str) -> Mapping[str, Any]:
    fields: dict[str, Any] = {
        "From": email.sender,
        "To": email.to,
        "Subject": email.subject,
        "HtmlBody": email.html,
        "TextBody": email.text,
        "Headers": [{"Name": name, "Value": value} for name, value in email.headers.items()],
        "Metadata": {**email.tags, port.KEY_TAG: key},
        "MessageStream": _STREAM,
        "TrackOpens": False,
        "TrackLinks": "None",  # a tracked link passes through Postmark whole, and its reports repeat it
    }
    return fields | ({"ReplyTo": email.reply_to} if email.reply_to else {})


_RECORDS = {"Delivery": "delivered", "SpamComplaint": "complained", "Open": "opened", "Click": "clicked"}
_BOUNCES = {
    "Transient": "delivery_delayed",
    "DnsError": "delivery_delayed",
    "OpenRelayTest": "delivery_delayed",
    "SpamComplaint": "complained",
    "SpamNotification": "complained",
    "ManuallyDeactivated": "suppressed",
    "DMARCPolicy": "failed",
    "SMTPApiError": "failed",
    "TemplateRenderingFailed": "failed",
    "AddressChange": "autoresponded",
    "AutoResponder": "autoresponded",
    "ChallengeVerification": "autoresponded",
    "Subscribe": "subscribed",
    "Unsubscribe": "unsubscribed",
}
"""https://postmarkapp.com/developer/api/bounce-api#bounce-types: the types that are not bounces."""

_FOR_GOOD = {"HardBounce", "BadEmailAddress", "ManuallyDeactivated"}


class PostmarkWebhook:
    """Reads reports that come with a password. Postmark signs nothing: it sends its webhook URL's password (Basic).

    Declined: a secret path, because proxies and servers log paths.
    """

    longest = 65_536

    def __init__(self, password: str) -> None:
        self._password = password.encode()

    def require_headers(self, headers: Mapping[str, str]) -> None:
        sent = _password(headers.get("authorization", ""))
        if not hmac.compare_digest(sent, self._password):
            raise ReportRefused("the password does not match" if sent else "the password is missing")

    async def read(self, headers: Mapping[str, str], body: bytes) -> Sequence[port.Report]:
        """Return the reports. Raises ReportRefused."""
        self.require_headers(headers)
        try:
            return _reports(msgspec.json.decode(body, type=_Event))
        except (msgspec.MsgspecError, ValueError) as error:
            raise ReportRefused(str(error)) from None


def _password(authorization: str) -> bytes:
    """Return the password of Basic authentication (RFC 7617), for any user name; b"" if there is none."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except ValueError:
        return b""


class _Event(msgspec.Struct, rename="pascal"):
    """What happened to a mail, and when; each kind names the time and the mailbox differently."""

    record_type: str
    message_id: str = msgspec.field(name="MessageID", default="")
    type: str = ""
    email: str = ""
    recipient: str = ""
    inactive: bool = False
    suppress_sending: bool = False
    suppression_reason: str | None = None
    metadata: object = None
    delivered_at: port.Time | None = None
    bounced_at: port.Time | None = None
    received_at: port.Time | None = None
    changed_at: port.Time | None = None


def _reports(found: _Event) -> Sequence[port.Report]:
    """Return the reports; none for an event without a mail. Raises ValueError for an undocumented form."""
    event = _event(found)
    if not event:
        return []
    at = found.delivered_at or found.bounced_at or found.received_at or found.changed_at
    to = found.recipient or found.email
    if at is None or not to or not found.message_id:
        raise ValueError("the mail, the address or the time is missing")
    report = port.Report(
        provider="postmark",
        id=port.report_id("postmark", found.record_type, found.type, found.message_id, to, at.isoformat()),
        event=event,
        detail=port.fixed_words(found.type, found.suppression_reason or ""),
        at=at,
        provider_id=found.message_id,
        key=port.key_in(found.metadata),
        to=to,
        # `Inactive`: Postmark no longer sends to this mailbox.
        ends=event in {"complained", "suppressed"} or found.inactive or found.type in _FOR_GOOD,
    )
    return [report]


def _event(found: _Event) -> str:
    if found.record_type == "Bounce":
        return _BOUNCES.get(found.type, "bounced")
    if found.record_type == "SubscriptionChange":
        # A suppressing bounce or complaint has a report of its own; a change without a mail has no recipient of ours.
        manual = found.suppress_sending and found.suppression_reason == "ManualSuppression"
        return "suppressed" if manual and found.message_id else ""
    return _RECORDS.get(found.record_type, "")


_NEW_TOKEN = "Set POSTMARK_SERVER_TOKEN to that of a server, from its tab API Tokens."


class _Server(msgspec.Struct, rename="pascal"):
    """The server that a token is for (https://postmarkapp.com/developer/api/server-api)."""

    name: str
    delivery_type: str = "Live"


async def _check(settings: PostmarkSettings, sender: port.CheckedSender) -> list[Finding]:
    """Ask with the sender's own client. A server's token cannot see which domains may send."""
    if settings.server_token == TEST_TOKEN:
        message = f"the token is {TEST_TOKEN}: Postmark checks mails, but sends none"
        if sender.is_production:
            return [warn(message, _NEW_TOKEN)]
        return [ok(message)]
    async with _open_api(settings, sender.timeout) as api:
        server = await api.ask_for_doctor("/server")
        if isinstance(server, Finding):
            return [server]
        return [_judge_server(server, api)]


def _judge_server(answer: "Answer", api: "ProviderApi") -> Finding:
    if answer.status in port.ACCOUNT_REFUSED:
        return fail(f"the token is refused ({answer.status})", _NEW_TOKEN)
    server = answer.read(_Server) if answer.status == port.OK else None
    if not server:
        return api.odd_answer(answer)
    if server.delivery_type == "Sandbox":
        message = f"the server {server.name} is a sandbox: it accepts mails, but delivers none"
        return warn(message, "Set POSTMARK_SERVER_TOKEN to the token of a live server.")
    return ok(f"the token works for the server {server.name}")


_SHORTEST_PASSWORD = 32
"""Characters: random ones hold the 128 bits that NIST SP 800-131A asks of a key."""


def _report_password(text: str) -> bytes:
    """Return the password if a URL can hold it unescaped."""
    if not re.fullmatch(rf"[A-Za-z0-9_-]{{{_SHORTEST_PASSWORD},}}", text):
        raise ValueError("not a password")
    return text.encode()


PROVIDER = port.Provider(
    name="postmark",
    label="Postmark",
    place=2,
    settings=PostmarkSettings,
    build=PostmarkSender,
    check=_check,
    source="Copy the token of a server from https://account.postmarkapp.com/servers",
    needs=(port.Need("server_token", "POSTMARK_SERVER_TOKEN"),),
    reports=port.Reports(
        setting="webhook_secret",
        read=_report_password,
        fault=f"must be {_SHORTEST_PASSWORD} or more letters, digits, - and _",
        where="to the stream's webhooks, with keyturn as its user and postmark.webhook_secret as its password",
        build=PostmarkWebhook,
    ),
)
