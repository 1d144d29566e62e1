"""Sends SMS through Twilio or a compatible API (https://www.twilio.com/docs/messaging/api/message-resource).

The API has no idempotency key, so a message is handed over only once. A user who gets no message requests another code.
"""

from datetime import timedelta
from html import escape
from pathlib import Path

import msgspec

from keyturn.mail.port.email import Email, local_sender
from keyturn.mail.port.http_provider import ProviderApi, Refused, basic
from keyturn.service.outbox import new_key
from keyturn.service.sending.senders import CaptureSender
from keyturn.service.settings import SmsSettings

_ACCEPTED = {200, 201, 202}
_TIMEOUT = timedelta(seconds=10)


class _Said(msgspec.Struct):
    """Reads an answer: a message has a SID, an error has a code."""

    sid: str = ""
    code: int | None = None


class TwilioSms:
    """Sends a text through Twilio, in one call within the time-out."""

    def __init__(self, settings: SmsSettings, timeout: timedelta = _TIMEOUT) -> None:
        proof = basic(settings.account, settings.password)
        self._api = ProviderApi(settings.api_url, lambda _: proof, timeout)
        self._path = f"/2010-04-01/Accounts/{settings.account}/Messages.json"
        self._origin = {"From": settings.from_}

    async def send(self, number: str, text: str, validity: timedelta) -> None:
        """Hand the message over, with a validity period: Twilio's queue may be hours long.

        Raises SendRetryable, SendUnknown and SendRefused, with Twilio's code and never with the number or the text.
        """
        fields = {"To": number, "Body": text, "ValidityPeriod": str(int(validity.total_seconds()))}
        answer = await self._api.post(self._path, fields | self._origin, form=True)
        said = answer.read(_Said) or _Said()
        if answer.status in _ACCEPTED and said.sid:
            return
        refused = None if said.code is None else Refused(f"{answer.status} {said.code}")
        raise self._api.failure(answer, refused)

    async def close(self) -> None:
        await self._api.close()


class CapturedSms:
    """Writes each message as a mail to the phone's number at sms.invalid."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = CaptureSender(folder)
        self._sender = local_sender(name, "")

    async def send(self, number: str, text: str, validity: timedelta) -> None:
        del validity
        page = f'<!doctype html><html><body><pre style="font: 16px/25px monospace">{escape(text)}</pre></body></html>'
        email = Email(
            sender=self._sender,
            to=f"{number}@sms.invalid",
            reply_to="",
            subject=f"SMS to {number}",
            html=page,
            text=text,
            headers={},
            tags={"template": "sms"},
        )
        await self._folder.send(email, new_key())

    async def close(self) -> None:
        await self._folder.close()
