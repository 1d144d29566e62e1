"""The mails that the application sends, and the links and codes in them."""

import asyncio
import re
import time
from collections.abc import Callable
from functools import cached_property
from urllib.parse import parse_qsl, unquote, urlsplit

from msgspec import Struct

from keyturn.studio.inbox.captured_mail import CapturedMail
from keyturn.studio.inbox.mail import MailContent, action_link
from keyturn.studio.inbox.store import CapturedMails

_BETWEEN_LOOKS = 0.02
_TOKEN = re.compile(r"tok|code|key|otp|sig|secret|hash|ticket", re.IGNORECASE)
_ABOUT_A_RESET = re.compile(r"reset|passwor|recover|forgot|token", re.IGNORECASE)
_WORD = re.compile(r"[a-z_-]{3,}")


class Link(Struct, frozen=True):
    """What a mail gives its reader: an address with a token, or a code. `address` is empty for a code."""

    address: str
    token: str

    @property
    def parameters(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.address).query))

    @property
    def shape(self) -> tuple[str, ...]:
        """What the links of all resets have in common: words of the path, and names of the parameters."""
        parts = unquote(urlsplit(self.address).path).split("/")
        words = [part if _WORD.fullmatch(part) and part != self.token else "*" for part in parts]
        return (*words, *sorted(self.parameters))


class Mail:
    """A received mail. `to`: the recipients of its envelope, and those of a header Bcc."""

    def __init__(self, row: CapturedMail, raw: bytes) -> None:
        self.number = row.number
        self.to = {*(row.delivered_to or row.recipients), *(hidden.address for hidden in row.bcc)}
        self.content = MailContent(raw)
        self.subject = row.subject
        self.text = f"{row.subject}\n{self.content.text}\n{self.content.html}"

    @cached_property
    def link(self) -> Link | None:
        """The link with a token, else a code."""
        links = self.content.links
        likely = [link for link in links if _ABOUT_A_RESET.search(link.address)]
        if link := action_link(likely) or action_link(links) or next(iter(likely), None):
            return Link(link.address, _token_of(link.address))
        return Link("", self.content.codes[0]) if self.content.codes else None


def _token_of(address: str) -> str:
    """Return the parameter that its name calls a token, else the longest part that a person would not write."""
    parts = urlsplit(address)
    parameters = parse_qsl(f"{parts.query}&{parts.fragment.rpartition('?')[2]}")
    if named := [value for name, value in parameters if _TOKEN.search(name)]:
        return max(named, key=len)
    values = [*(value for _, value in parameters), *unquote(f"{parts.path}/{parts.fragment}").split("/")]
    strange = [value for value in values if "@" not in value and not _WORD.fullmatch(value)]
    return max(strange or values, key=len)


class Mailbox:
    """Waits for mails in the inbox. `slowest`: seconds that the slowest mail took so far."""

    def __init__(self, inbox: CapturedMails) -> None:
        self.slowest = 0.0
        self._read: dict[int, Mail] = {}  # each mail is parsed once, although `wait` looks for it again and again
        self._inbox = inbox

    def now(self) -> int:
        """Return the number of the newest mail. Later ones have higher numbers."""
        newest = self._inbox.newest(limit=1)
        return newest[0].number if newest else 0

    def since(self, number: int) -> list[Mail]:
        """Return the mails after a number, the oldest first."""
        rows = self._inbox.newest(lambda row: row.number > number, limit=None)
        self._read |= {row.number: Mail(row, self._inbox.raw(row)) for row in rows if row.number not in self._read}
        return [self._read[row.number] for row in reversed(rows)]

    async def wait(self, number: int, seconds: float, enough: Callable[[list[Mail]], bool] = bool) -> list[Mail]:
        """Return the mails after a number as soon as they are enough, or once no more came for some seconds."""
        began = newest = time.monotonic()
        count = 0
        while not enough(mails := self.since(number)):
            now = time.monotonic()
            count, newest = (len(mails), now) if len(mails) > count else (count, newest)
            if now - newest > seconds:
                return mails
            await asyncio.sleep(_BETWEEN_LOOKS)
        self.slowest = max(self.slowest, time.monotonic() - began)
        return mails

    async def all(self, number: int, silence: float) -> list[Mail]:
        """Return the mails after a number, once no more came for some seconds."""
        return await self.wait(number, silence, lambda _: False)
