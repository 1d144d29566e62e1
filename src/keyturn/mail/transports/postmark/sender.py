"""Sending through Postmark (https://postmarkapp.com/developer/api/email-api)."""

from collections.abc import Mapping
from typing import Any

import msgspec

from keyturn.errors import SendFailed, SendRefused, SendRetryable
from keyturn.mail.transports.email import Email
from keyturn.mail.transports.provider_api import OK, Answer, HeaderKey, ProviderApi
from keyturn.mail.transports.reports import KEY_TAG
from keyturn.settings import PostmarkSettings

TEST_TOKEN = "POSTMARK_API_TEST"  # noqa: S105 - everybody's: with it a mail is looked at, and not sent
"""https://postmarkapp.com/developer/user-guide/send-email-with-api: the token of those who only try."""

# https://postmarkapp.com/developer/api/overview#error-codes
_MAINTENANCE, _INACTIVE = 100, 406
_ACCOUNT = {10, 400, 401, 405, 412, 413}
"""The token is none, the sender is none of ours or not confirmed, the credits are used up, the account may not send."""

_DROPPED = "inactive addresses"
"""What an acceptance says, in prose alone, of addresses that get nothing all the same."""


class PostmarkSender:
    """Sends with Postmark, at least once: it knows no idempotency key. The key is in each mail's metadata."""

    name = "postmark"

    def __init__(self, settings: PostmarkSettings) -> None:
        self._stream = settings.message_stream
        self._api = open_api(settings)

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Hand the mail over; return Postmark's id."""
        answer = await self._api.ask("POST", "/email", json=_fields(email, idempotency_key, self._stream))
        said = answer.read(_Said) or _Said()
        if answer.status == OK and said.error_code == 0 and said.message_id and _DROPPED not in said.message:
            return said.message_id
        raise self._failure(answer, said)

    async def close(self) -> None:
        await self._api.close()

    def _failure(self, answer: Answer, said: "_Said") -> SendFailed:
        reason = f"{answer.status} ErrorCode {said.error_code}" if said.error_code else str(answer.status)
        if said.error_code in _ACCOUNT:
            return SendRefused(reason, account=True)
        if said.error_code == _INACTIVE or _DROPPED in said.message:
            return SendRefused(f"{answer.status} inactive recipient")
        if said.error_code == _MAINTENANCE:
            return SendRetryable(reason, not_accepted=True)
        return self._api.failure(answer, reason, known=said.error_code is not None)


class _Said(msgspec.Struct, rename="pascal"):
    """Holds the answer to a mail, or an error of the API's; None where there is neither."""

    error_code: int | None = None
    message: str = ""
    message_id: str = msgspec.field(name="MessageID", default="")


def open_api(settings: PostmarkSettings) -> ProviderApi:
    key = HeaderKey("x-postmark-server-token", settings.server_token)
    return ProviderApi(settings.api_url, key, settings.timeout, reports=bool(settings.webhook_secret))


def _fields(email: Email, key: str, stream: str) -> Mapping[str, Any]:
    fields: dict[str, Any] = {
        "From": email.sender,
        "To": email.to,
        "Subject": email.subject,
        "HtmlBody": email.html,
        "TextBody": email.text,
        "Headers": [{"Name": name, "Value": value} for name, value in email.headers.items()],
        "Metadata": {**email.tags, KEY_TAG: key},
        "MessageStream": stream,
        "TrackOpens": False,
        "TrackLinks": "None",  # a tracked link is told to Postmark whole, and its reports repeat it
    }
    return fields | ({"ReplyTo": email.reply_to} if email.reply_to else {})
