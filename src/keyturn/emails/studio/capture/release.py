"""A captured mail on to somebody real, as it is, through the team's own mail server."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, make_msgid, parseaddr
from fnmatch import fnmatchcase

from keyturn.addresses import parse
from keyturn.emails.studio.capture.sending import Outcome, way_out
from keyturn.errors import SendFailed
from keyturn.problems.requests import InputInvalid

HandOver = Callable[[bytes, str, Sequence[str]], Awaitable[None]]
"""Gives a message to a mail server, with the sender and the recipients of its envelope. Raises SendFailed."""

_BCC = re.compile(rb"^bcc:.*(?:\r?\n[ \t].*)*\r?\n?", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Release:
    """Sends captured mails on, to the addresses that `allowed` has patterns of ("*@northwind.example").

    They hold links that work, and the API takes no password on this machine: nobody else is ever sent to.
    """

    allowed: tuple[str, ...]
    sender: str
    hand_over: HandOver

    def refuses(self, to: str) -> str:
        """Say why nothing is sent to that address; nothing where it is."""
        try:
            address = parse(to)
        except InputInvalid:
            return f"{to or 'That'} is not an email address."
        if any(fnmatchcase(address.lower(), pattern.lower()) for pattern in self.allowed):
            return ""
        return f"Mails may be released to {', '.join(self.allowed)} alone (release_to)."

    async def release(self, raw: bytes, to: str) -> Outcome:
        if fault := self.refuses(to):
            return Outcome(to, fault=fault)
        address, sender = parse(to), parseaddr(self.sender)[1]
        message_id = make_msgid(domain=sender.rpartition("@")[2])
        try:
            await self.hand_over(_resent(raw, self.sender, address, message_id), sender, [address])
        except SendFailed as error:
            return Outcome(address, fault=way_out(error, "smtp"))
        return Outcome(address, id=message_id)


def _resent(raw: bytes, sender: str, to: str, message_id: str) -> bytes:
    """Return the mail with who sends it on above it (RFC 5322, 3.6.6), and without Bcc: what is signed stays signed."""
    fields = {"From": sender, "To": to, "Date": format_datetime(datetime.now(UTC)), "Message-ID": message_id}
    resent = "".join(f"Resent-{name}: {value}\r\n" for name, value in fields.items()).encode()
    end = re.search(rb"\r?\n\r?\n", raw)
    head, body = (raw[: end.start() + 2], raw[end.start() + 2 :]) if end else (raw, b"")
    return resent + _BCC.sub(b"", head) + body
