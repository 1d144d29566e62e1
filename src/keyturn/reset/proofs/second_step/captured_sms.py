"""Messages to phones as .eml files beside the mails: for demonstrations and tests, nothing leaves the machine."""

from datetime import timedelta
from html import escape
from pathlib import Path

from keyturn.mail.port.email import Email, local_sender
from keyturn.mail.sending.capture import CaptureSender
from keyturn.outbox import new_key


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
