"""Sending through Amazon SES (https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import formataddr
from typing import Any

import msgspec

from keyturn.errors import QuotaExhausted, SendFailed, SendRefused
from keyturn.mail.transports.email import Email, name_and_address
from keyturn.mail.transports.provider_api import BAD_REQUEST, OK, TOO_MANY, Answer, ProviderApi, too_many
from keyturn.mail.transports.reports import KEY_TAG
from keyturn.mail.transports.ses.signature import Credentials, SignatureV4
from keyturn.settings import SesSettings

# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors
_ACCOUNT = {
    "AccountSuspendedException", "LimitExceededException", "MailFromDomainNotVerifiedException", "NotFoundException",
    "SendingPausedException",
}  # fmt: skip
_REJECTED, _NOT_VERIFIED = "MessageRejected", "is not verified"
_THROTTLED = re.compile(r"TooManyRequests|Throttling")
_TOO_FAST, _QUOTA = "Maximum sending rate exceeded", "Daily message quota exceeded"
"""What tells one from the other are SES's sentences
(https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html)."""

_QUOTA_PAUSE = timedelta(minutes=10)
"""The quota is of any 24 hours, so some of it is free again all the time; AWS asks for a wait of up to ten minutes."""


class SesSender:
    """Sends with Amazon SES, at least once: it knows no idempotency key. The key is in each mail's tags."""

    name = "ses"

    def __init__(self, settings: SesSettings) -> None:
        self._configuration_set = settings.configuration_set
        self._api = open_api(settings)

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Hand the mail over; return SES's id."""
        fields = _fields(email, idempotency_key)
        if self._configuration_set:
            fields["ConfigurationSetName"] = self._configuration_set
        answer = await self._api.ask("POST", "/v2/email/outbound-emails", json=fields)
        accepted = answer.read(_Accepted) if answer.status == OK else None
        if accepted and accepted.message_id:
            return accepted.message_id
        raise self._failure(answer, email.to)

    async def close(self) -> None:
        await self._api.close()

    def _failure(self, answer: Answer, to: str) -> SendFailed:
        kind, text = error_type(answer), (answer.read(_Error) or _Error()).text
        reason = f"{answer.status} {kind}".strip()
        if answer.status in {BAD_REQUEST, TOO_MANY}:
            if _QUOTA in text:
                return QuotaExhausted(reason, datetime.now(UTC) + _QUOTA_PAUSE)
            if _THROTTLED.search(kind) or _TOO_FAST in text:
                return too_many(answer, reason)
        if kind in _ACCOUNT or (kind == _REJECTED and _NOT_VERIFIED in text and to.lower() not in text.lower()):
            return SendRefused(reason, account=True)
        return self._api.failure(answer, reason, known=bool(kind))


class _Accepted(msgspec.Struct, rename="pascal"):
    message_id: str


class _Error(msgspec.Struct):
    """Says what is wrong in a sentence; services of AWS differ in how they call it."""

    message: str = ""
    other: str = msgspec.field(name="Message", default="")

    @property
    def text(self) -> str:
        return self.message or self.other


def error_type(answer: Answer) -> str:
    """Return AWS's name of an error, which stands before a colon; nothing where there is none."""
    name: str = answer.headers.get("x-amzn-errortype", "").partition(":")[0]
    return name if re.fullmatch(r"[A-Za-z]{1,60}", name) else ""


def open_api(settings: SesSettings) -> ProviderApi:
    credentials = Credentials(
        key_id=settings.access_key_id, secret_key=settings.secret_access_key, region=settings.region, service="ses"
    )
    url = settings.api_url or f"https://email.{settings.region}.amazonaws.com"
    return ProviderApi(url, SignatureV4(credentials), settings.timeout, reports=bool(settings.topic_arn))


def _fields(email: Email, key: str) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "FromEmailAddress": formataddr(name_and_address(email.sender)),  # a name beyond ASCII is encoded (RFC 2047)
        "Destination": {"ToAddresses": [email.to]},
        "Content": {
            "Simple": {
                "Subject": _text(email.subject),
                "Body": {"Text": _text(email.text), "Html": _text(email.html)},
                "Headers": [{"Name": name, "Value": value} for name, value in email.headers.items()],
            }
        },
        "EmailTags": [{"Name": name, "Value": value} for name, value in {**email.tags, KEY_TAG: key}.items()],
        # A tracked link is told to SES whole, and its reports repeat it.
        "ConfigurationOverrides": {"Tracking": {"ClickTrackingEnabled": "DISABLED", "OpenTrackingEnabled": "DISABLED"}},
    }
    return fields | ({"ReplyToAddresses": [email.reply_to]} if email.reply_to else {})


def _text(text: str) -> Mapping[str, str]:
    return {"Data": text, "Charset": "UTF-8"}
