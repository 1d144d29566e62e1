"""Sending through SendGrid (https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send)."""

import re
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from keyturn.mail.transports.email import Email, name_and_address
from keyturn.mail.transports.provider_api import ACCEPTED, Answer, HeaderKey, ProviderApi
from keyturn.mail.transports.reports import KEY_TAG
from keyturn.settings import SendGridSettings

_OFF: Mapping[str, Any] = {
    "click_tracking": {"enable": False, "enable_text": False},  # a tracked link is told to SendGrid whole
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
    "ganalytics": {"enable": False},
}

_FIELD = re.compile(r"[a-z0-9_.\[\]-]{1,60}")
"""The path of a field, as SendGrid names the one that it refuses; its sentence may hold an address."""


class SendGridSender:
    """Sends with SendGrid, at least once: it knows no idempotency key. The key is in each mail's custom arguments."""

    name = "sendgrid"

    def __init__(self, settings: SendGridSettings) -> None:
        self._api = open_api(settings)

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Hand the mail over; return SendGrid's id."""
        answer = await self._api.ask("POST", "/v3/mail/send", json=_fields(email, idempotency_key))
        message_id: str = answer.headers.get("x-message-id", "")
        if answer.status == ACCEPTED and message_id:
            return message_id
        refusal = answer.read(_Refusal)
        raise self._api.failure(answer, _reason(answer, refusal), _pause(answer.headers), known=refusal is not None)

    async def close(self) -> None:
        await self._api.close()


def open_api(settings: SendGridSettings) -> ProviderApi:
    key = HeaderKey("authorization", f"Bearer {settings.api_key}")
    return ProviderApi(settings.api_url, key, settings.timeout, reports=bool(settings.webhook_verification_key))


class _Error(msgspec.Struct):
    message: str
    field: str | None = None


class _Refusal(msgspec.Struct):
    """Says what is wrong with a request, in sentences and by the names of fields."""

    errors: list[_Error]


def _reason(answer: Answer, refusal: _Refusal | None) -> str:
    errors = refusal.errors if refusal else ()
    fields = [error.field for error in errors if error.field and _FIELD.fullmatch(error.field)]
    return " ".join([str(answer.status), *fields[:1]])


def _pause(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until the limit is reset, which SendGrid tells as a time since 1970."""
    try:
        return float(headers.get("x-ratelimit-reset", "")) - time.time()
    except ValueError:
        return None


def _fields(email: Email, key: str) -> Mapping[str, Any]:
    fields: dict[str, Any] = {
        "personalizations": [{"to": [{"email": email.to}]}],
        "from": _mailbox(email.sender),
        "subject": email.subject,
        # The plain one first: SendGrid asks for that order.
        "content": [{"type": "text/plain", "value": email.text}, {"type": "text/html", "value": email.html}],
        "headers": email.headers,
        "custom_args": {**email.tags, KEY_TAG: key},
        "tracking_settings": _OFF,
    }
    return fields | ({"reply_to": _mailbox(email.reply_to)} if email.reply_to else {})


def _mailbox(header: str) -> Mapping[str, str]:
    name, address = name_and_address(header)
    return {"email": address} | ({"name": name} if name else {})
