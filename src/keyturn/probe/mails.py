"""The mails that the application sends, and the links and codes in them."""

import asyncio
import re
import time
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote, urlsplit

from msgspec import Struct

from keyturn.hosts import host_of
from keyturn.studio.inbox.captured_mail import CapturedMail
from keyturn.studio.inbox.mail import MailContent, action_link
from keyturn.studio.inbox.store import CapturedMails

_BETWEEN_LOOKS = 0.02
_TOKEN = re.compile(r"tok|code|key|otp|sig|secret|hash|ticket", re.IGNORECASE)
_ABOUT_A_RESET = re.compile(r"reset|passwor|recover|forgot|token", re.IGNORECASE)
_WORD = re.compile(r"[a-z_-]{3,}")
_LONGEST_WAIT = 120.0  # seconds, even if mails keep coming

_LONGEST_TOKEN = 1_000
"""Characters: a signed token (JWT) has some 600.

A longer one counts as none, since searching for it takes long.
"""

_LONGEST_TEXT = 200_000
_LONGEST_SUBJECT = 200
"""Characters of a mail that are kept."""

MOST_MAILS = 1_000
"""Mails of a run that are read.

A run needs fewer than a hundred, and up to four for each sample of times.
"""

MOST_BYTES = 100_000_000
"""Bytes of the mails that are kept."""


class Mail(Struct, frozen=True):
    """A mail with what it gives its reader: a link with a token, a code, or neither.

    `to`: the recipients of the envelope, and of a header Bcc. `link`: its address, else empty.
    `token`: the one in the link, or the code, else empty.
    """

    subject: str
    to: frozenset[str]
    text: str
    link: str
    token: str

    def is_for(self, address: str) -> bool:
        return address.lower() in {to.lower() for to in self.to}

    @property
    def path(self) -> str:
        """The link without its host, which may be a public one, behind one slash: two would name
        another host.
        """
        without_host = urlsplit(self.link)._replace(scheme="", netloc="", fragment="").geturl()
        return "/" + without_host.lstrip("/")

    @property
    def parameters(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.link).query))

    @property
    def shape(self) -> tuple[str, ...]:
        """What the links of all resets have in common: words of the path, and names of the
        parameters.
        """
        own = {self.token, *(to.split("@")[0] for to in self.to)}
        shape = []
        for part in unquote(urlsplit(self.link).path).split("/"):
            is_same_for_all = _WORD.fullmatch(part) and part not in own
            shape.append(part if is_same_for_all else "*")
        return (*shape, *sorted(self.parameters))


def _read(row: CapturedMail, raw: bytes) -> Mail:
    content = MailContent(raw)
    link, token = _link_and_token(content)
    if len(token) > _LONGEST_TOKEN:
        link = ""
        token = ""
    to = {*(row.delivered_to or row.recipients), *(hidden.address for hidden in row.bcc)}
    text = f"{row.subject}\n{content.text}\n{content.html}"[:_LONGEST_TEXT]
    return Mail(row.subject[:_LONGEST_SUBJECT], frozenset(to), text, link, token)


def _link_and_token(content: MailContent) -> tuple[str, str]:
    """Return the address of a mail's link and its token, or "" and the mail's code."""
    links = [link for link in content.links if host_of(link.address)]
    likely = [link for link in links if _ABOUT_A_RESET.search(link.address)]
    action = action_link(likely) or action_link(links) or next(iter(likely), None)
    if action:
        token = _token_of(action.address)
        if token:
            return action.address, token
    return "", next(iter(content.codes), "")  # a link may lead to the form for the code


def _token_of(address: str) -> str:
    """Return the parameter that its name calls a token, else the longest part that a person would
    not write.
    """
    parts = urlsplit(address)
    parameters = parse_qsl(f"{parts.query}&{parts.fragment.rpartition('?')[2]}")
    named = [value for name, value in parameters if _TOKEN.search(name)]
    if named:
        return max(named, key=len)
    values = [value for _, value in parameters]
    values += unquote(f"{parts.path}/{parts.fragment}").split("/")
    strange = [value for value in values if "@" not in value and not _WORD.fullmatch(value)]
    return max(strange, key=len)  # what stands before the path's first slash is one: empty


class ReceivedMails:
    """Waits for mails in the inbox. `slowest`: seconds that the slowest mail took so far."""

    def __init__(self, inbox: CapturedMails) -> None:
        self.slowest = 0.0
        self._inbox = inbox
        self._mails: list[Mail] = []
        self._last_number = 0

    @property
    def mails(self) -> list[Mail]:
        """All mails that came, the oldest first."""
        rows = self._inbox.newest(lambda row: row.number > self._last_number, limit=None)
        for row in reversed(rows):
            self._last_number = row.number
            if len(self._mails) < MOST_MAILS:
                self._mails.append(_read(row, self._inbox.raw(row)))
        return self._mails

    async def wait(self, before: int, seconds: float, match: Callable[[Mail], bool]) -> list[Mail]:
        """Return matching mails after the first `before` ones: once there are any, or no mail came
        for some seconds.
        """
        began = time.monotonic()
        last_arrival = began
        count = before
        while True:
            matching = [mail for mail in self.mails[before:] if match(mail)]
            now = time.monotonic()
            if matching:
                self.slowest = max(self.slowest, now - began)
                return matching
            if len(self._mails) > count:
                count = len(self._mails)
                last_arrival = now
            if now - last_arrival > seconds or now - began > _LONGEST_WAIT:
                return []
            await asyncio.sleep(_BETWEEN_LOOKS)

    async def all(self, before: int, silence: float) -> list[Mail]:
        """Return the mails after the first `before` ones, once no more came for some seconds."""
        await self.wait(before, silence, lambda _: False)
        return self.mails[before:]
