"""Sending through Mailgun (https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages)."""

from collections.abc import Mapping

import httpx
import msgspec

from keyturn.errors import SendFailed, SendRefused
from keyturn.mail.transports.email import Email
from keyturn.mail.transports.provider_api import NOT_FOUND, OK, Answer, ProviderApi
from keyturn.mail.transports.reports import KEY_TAG
from keyturn.settings import MailgunSettings

_GREETING = b"Mailgun Magnificent API"
"""What Mailgun answers with 200 at an address that is none of its API's."""

_FORBIDDEN = b"Forbidden"
"""The whole body where Mailgun refuses a key."""


class MailgunSender:
    """Sends with Mailgun, at least once: it knows no idempotency key. The key is in each mail's user variables."""

    name = "mailgun"

    def __init__(self, settings: MailgunSettings) -> None:
        self._path = messages_path(settings)
        self._api = open_api(settings)

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Hand the mail over; return Mailgun's id, which is the Message-ID without its brackets."""
        answer = await self._api.ask("POST", self._path, data=_fields(email, idempotency_key))
        accepted = answer.read(_Accepted) if answer.status == OK else None
        if accepted and accepted.id:
            return accepted.id.strip("<>")
        raise self._failure(answer)

    async def close(self) -> None:
        await self._api.close()

    def _failure(self, answer: Answer) -> SendFailed:
        if answer.status == OK and _GREETING in answer.body:
            return SendRefused("200 not the API", account=True)
        refusal = answer.read(_Refusal)
        known = refusal is not None or answer.body.strip() == _FORBIDDEN
        if answer.status == NOT_FOUND and known:  # the domain is none of the account's, or of the other region's
            if refusal and refusal.message.startswith("Domain not found"):
                return SendRefused("404 domain not found", account=True)
            known = False  # a gateway words "no such route" in the same form
        return self._api.failure(answer, str(answer.status), known=known)


class _Accepted(msgspec.Struct):
    id: str


class _Refusal(msgspec.Struct):
    message: str


def open_api(settings: MailgunSettings) -> ProviderApi:
    auth = httpx.BasicAuth("api", settings.api_key)
    return ProviderApi(settings.api_url, auth, settings.timeout, reports=bool(settings.webhook_signing_key))


def messages_path(settings: MailgunSettings) -> str:
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
        "o:tracking-clicks": "no",  # a tracked link is told to Mailgun whole, and its reports repeat it
        "o:tracking-opens": "no",
        **{f"h:{name}": value for name, value in headers.items()},
        **{f"v:{name}": value for name, value in {**email.tags, KEY_TAG: key}.items()},
    }
