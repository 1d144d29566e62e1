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
from keyturn.service.reset.proofs.codes import LIFE
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
        self._settings = settings
        self.close = self._api.close

    async def send(self, number: str, text: str) -> None:
        """Hand the message over, with the life of its code: Twilio's queue may be hours long.

        Raises SendRetryable, SendUnknown and SendRefused, with Twilio's code and never with the number or the text.
        """
        path = f"/2010-04-01/Accounts/{self._settings.account}/Messages.json"
        life = str(int(LIFE.total_seconds()))
        fields = {"To": number, "From": self._settings.from_, "Body": text, "ValidityPeriod": life}
        answer = await self._api.post(path, fields, form=True)
        said = answer.read(_Said) or _Said()
        if answer.status not in _ACCEPTED or not said.sid:
            refused = None if said.code is None else Refused(f"{answer.status} {said.code}")
            raise self._api.failure(answer, refused)


class CapturedSms:
    """Writes each message as a mail to the phone's number at sms.invalid."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = CaptureSender(folder)
        self._sender = local_sender(name, "")
        self.close = self._folder.close

    async def send(self, number: str, text: str) -> None:
        email = Email(
            sender=self._sender,
            to=f"{number}@sms.invalid",
            reply_to="",
            subject=f"SMS to {number}",
            html=f'<!doctype html><html><body><pre style="font: 16px monospace">{escape(text)}</pre></body></html>',
            text=text,
            headers={},
            tags={"template": "sms"},
        )
        await self._folder.send(email, new_key())
