"""Postmark, over its HTTP API (https://postmarkapp.com/developer)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from keyturn.errors import SendRefused, SendRetryable
from keyturn.http_client import Answer
from keyturn.mail.port.email import Email
from keyturn.mail.port.fields import Fields
from keyturn.mail.port.finding import Finding, ok, warn
from keyturn.mail.port.http_provider import Examination, HttpProvider, Refused
from keyturn.mail.port.reports import (
    DeliveryReport,
    Reports,
    fixed_words,
    key_in,
    require_password,
    secret_text,
)
from keyturn.values import SecretStr

# https://postmarkapp.com/developer/api/overview#error-codes: the token is invalid, the sender is
# foreign or not confirmed, the credits are used up, or the account is blocked.
_ACCOUNT = {10, 400, 401, 405, 412, 413}
_MAINTENANCE, _INACTIVE = 100, 406
_DROPPED = "inactive addresses"  # in the prose of an acceptance: these still get nothing

_FOR_GOOD = {"HardBounce", "BadEmailAddress", "ManuallyDeactivated"}
_EVENTS = {
    "Delivery": "delivered",
    "ManuallyDeactivated": "suppressed",
    **dict.fromkeys(("Transient", "DnsError", "OpenRelayTest"), "delivery_delayed"),
    **dict.fromkeys(("SpamComplaint", "SpamNotification"), "complained"),
    **dict.fromkeys(("DMARCPolicy", "SMTPApiError", "TemplateRenderingFailed"), "failed"),
    **dict.fromkeys(
        ("AddressChange", "AutoResponder", "ChallengeVerification", "Subscribe", "Unsubscribe"), ""
    ),
}
"""Records, and https://postmarkapp.com/developer/api/bounce-api#bounce-types: the types that are
not bounces.
"""


async def _read(_: bytes, __: Sequence[str], body: bytes) -> AsyncIterator[DeliveryReport]:
    fields = Fields.read(body)
    record, kind, mail, reason = map(
        fields.text, ("RecordType", "Type", "MessageID", "SuppressionReason")
    )
    event = _EVENTS.get(kind, "bounced") if record == "Bounce" else _EVENTS.get(record, "")
    if (
        record == "SubscriptionChange"
        and fields.flag("SuppressSending")
        and reason == "ManualSuppression"
        and mail
    ):
        event = "suppressed"  # a suppressing bounce or complaint has a report of its own
    if fields.required("RecordType") and not event:
        return
    to, at = (
        fields.text("Recipient", "Email"),
        fields.time("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt"),
    )
    yield DeliveryReport(
        id=f"{record} {kind} {mail} {to} {at.isoformat()}",
        event=event,
        detail=fixed_words(kind, reason),
        at=at,
        provider_id=fields.required("MessageID"),
        key=key_in(fields, "Metadata"),
        to=to,
        ends=fields.flag("Inactive")
        or kind in _FOR_GOOD,  # `Inactive`: Postmark no longer sends to this mailbox
    )


class Postmark(HttpProvider, frozen=True):
    """Postmark's settings.

    `webhook_secret`: 32 or more letters, digits, `-` and `_`
    """

    server_token: SecretStr = SecretStr("")
    api_url: str = "https://api.postmarkapp.com"
    webhook_secret: SecretStr = SecretStr("")

    name = "postmark"
    place = 2
    needs: ClassVar = {"server_token": "POSTMARK_SERVER_TOKEN"}
    rate: ClassVar[float] = 50  # calls a second; no limit is published
    key_header = ("x-postmark-server-token", "{0.server_token}")
    path = "/email"
    reports = Reports(
        setting="webhook_secret",
        # A URL can hold it unescaped; 32 random characters have 128 bits (NIST SP 800-131A).
        proof=secret_text(r"[A-Za-z0-9_-]{32,}"),
        fault="must be 32 or more letters, digits, - and _",
        where="to the stream's webhooks, with keyturn as its user and postmark.webhook_secret "
        "as its password",
        longest=65_536,
        # Postmark signs nothing, but sends the password of its webhook's URL
        require_headers=require_password,
        read=_read,
    )

    def fields(self, email: Email, tags: Mapping[str, str]) -> Mapping[str, Any]:
        return {
            "From": email.sender,
            "To": email.to,
            **({"ReplyTo": email.reply_to} if email.reply_to else {}),
            "Subject": email.subject,
            "HtmlBody": email.html,
            "TextBody": email.text,
            "Headers": [{"Name": name, "Value": value} for name, value in email.headers.items()],
            "Metadata": tags,
            "MessageStream": "outbound",  # the transactional stream that each server has
            "TrackOpens": False,
            # a tracked link passes through Postmark whole, and its reports repeat it
            "TrackLinks": "None",
        }

    def judge(self, answer: Answer, _: Email) -> str | Refused:
        fields = Fields.read(answer.body)
        code, message = int(fields.number("ErrorCode")), fields.text("Message")
        reason = f"{answer.status} ErrorCode {code}" if code else str(answer.status)
        if code in _ACCOUNT:
            raise SendRefused(reason, account=True)
        if code == _INACTIVE or _DROPPED in message:
            raise SendRefused(f"{answer.status} inactive recipient")
        if code == _MAINTENANCE:
            raise SendRetryable(reason, not_accepted=True)
        return (
            fields.text("MessageID")
            if answer.status == HTTPStatus.OK and not code
            else Refused(reason)
        )

    async def examine(self, api: Examination, _: str) -> AsyncIterator[Finding]:
        """Yield a finding on the token. It cannot see which domains may send."""
        fix = "Set POSTMARK_SERVER_TOKEN to that of a live server, from its tab API Tokens."
        server = api.read(await api.ask("/server", key="token", fix=fix))
        if server.text("DeliveryType") == "Sandbox":
            yield warn(
                f"the server {server.text('Name')} is a sandbox: it accepts mails, but delivers "
                "none",
                fix,
            )
        else:
            yield ok(f"the token works for the server {server.required('Name')}")
