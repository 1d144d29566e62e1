"""Real mails: a preview or a captured mail, sent through the team's mail provider or server."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, make_msgid, parseaddr
from fnmatch import fnmatchcase
from uuid import uuid4

from msgspec import Struct

from keyturn.addresses import parse
from keyturn.emails.inbox.store import CapturedMails
from keyturn.errors import QuotaExhausted, SendFailed, SendRefused
from keyturn.mail.port.email import Email, Sender
from keyturn.mail.port.mime import to_mime
from keyturn.mail.rendering.compiling import Rendered
from keyturn.problems.requests import InputInvalid


class MailProvider(Struct, frozen=True):
    """A way to send mails. `open` makes the sender when the first mail is sent: an SDK loads slowly."""

    name: str
    open: Callable[[], Sender]


class InboxSender:
    """Puts mails into the studio's own inbox: a way for teams without a mail provider."""

    name = "inbox"

    def __init__(self, mails: CapturedMails) -> None:
        self._mails = mails

    async def send(self, email: Email, idempotency_key: str) -> str:
        raw = to_mime(email, key=idempotency_key, date=datetime.now(UTC))
        return await asyncio.to_thread(self._mails.add, raw)

    async def close(self) -> None:
        """Do nothing: the studio closes its inbox."""


class Outcome(Struct, frozen=True):
    """The outcome of one mail: the provider's `id`, or `fault`: why it was not sent, and what to do."""

    to: str
    id: str = ""
    fault: str = ""


class Sending(Struct, frozen=True):
    """Sends single mails to the reader's own mailbox, so there is no list and no queue."""

    provider: MailProvider
    sender: str

    async def send(self, mail: Rendered, to: str) -> Outcome:
        """Send a mail as it is seen; the subject says that it is a preview."""
        if fault := _fault_of(to):
            return Outcome(to, fault=fault)
        address, subject = parse(to), f"[Preview] {mail.subject}"
        email = Email(sender=self.sender, to=address, subject=subject, html=mail.html, text=mail.text)
        sender = self.provider.open()
        try:
            return Outcome(address, id=await sender.send(email, uuid4().hex))
        except SendFailed as error:
            return Outcome(address, fault=way_out(error, self.provider.name))
        finally:
            await sender.close()


def _fault_of(to: str) -> str:
    """Return why mails cannot be sent to this text; empty for an address."""
    try:
        parse(to)
    except InputInvalid:
        return f"{to} is not an email address." if to else "Enter an email address, such as name@example.org."
    return ""


def way_out(error: SendFailed, provider: str) -> str:
    match error:
        case QuotaExhausted(until=until):
            return f"{provider} accepts no more mails until {until:%H:%M} UTC: {error.reason}."
        case SendRefused(account=True):
            return f"{provider} refused the key or login: {error.reason}. Check the provider's settings."
        case SendRefused():
            return f"{provider} refused the mail: {error.reason}. Check the sender and the recipient."
        case _:
            return f"{provider} could not be reached: {error.reason}. Try again."


HandOver = Callable[[bytes, str, Sequence[str]], Awaitable[None]]
"""Gives a message to a mail server, with the sender and the recipients of its envelope. Raises SendFailed."""

_BCC = re.compile(rb"^bcc:.*(?:\r?\n[ \t].*)*\r?\n?", re.IGNORECASE | re.MULTILINE)


class Release(Struct, frozen=True):
    """Sends captured mails on to addresses that match a pattern in `allowed` ("*@northwind.example").

    The mails hold working links, and the API asks for no password on this machine. So all other addresses are refused.
    """

    allowed: tuple[str, ...]
    sender: str
    hand_over: HandOver

    def refuses(self, to: str) -> str:
        if fault := _fault_of(to):
            return fault
        if any(fnmatchcase(parse(to).lower(), pattern.lower()) for pattern in self.allowed):
            return ""
        return f"Mails can be released only to {', '.join(self.allowed)} (release_to)."

    async def release(self, raw: bytes, to: str) -> Outcome:
        if fault := self.refuses(to):
            return Outcome(to, fault=fault)
        address, sender = parse(to), parseaddr(self.sender)[1]
        message_id = make_msgid(domain=sender.rpartition("@")[2])
        try:
            await self.hand_over(_with_resent_headers(raw, self.sender, address, message_id), sender, [address])
        except SendFailed as error:
            return Outcome(address, fault=way_out(error, "smtp"))
        return Outcome(address, id=message_id)


def _with_resent_headers(raw: bytes, sender: str, to: str, message_id: str) -> bytes:
    """Return the mail with Resent- headers above it (RFC 5322, 3.6.6) and without Bcc. A signature stays valid."""
    fields = {"From": sender, "To": to, "Date": format_datetime(datetime.now(UTC)), "Message-ID": message_id}
    resent = "".join(f"Resent-{name}: {value}\r\n" for name, value in fields.items()).encode()
    end = re.search(rb"\r?\n\r?\n", raw)
    head, body = (raw[: end.start() + 2], raw[end.start() + 2 :]) if end else (raw, b"")
    return resent + _BCC.sub(b"", head) + body
