"""Receives the mails of an app under test over SMTP, in the process of the tests."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from typing import TypedDict, Unpack

from keyturn.studio.inbox.captured_mail import CapturedMail, Match, all_of, match_for, unread
from keyturn.studio.inbox.mail import Attachment, MailContent
from keyturn.studio.inbox.smtp_server import SmtpServer
from keyturn.studio.inbox.store import CapturedMails

_TIMEOUT = 10.0  # seconds to wait for a mail
_PAUSE = 0.02  # seconds between two looks
_MOST_LISTED = 5  # mails that an error lists


class ReceivedMail:
    """A mail as its reader gets it.

    `links`, `codes`: the links to follow and the codes to type, the likeliest first.
    """

    def __init__(self, mail: CapturedMail, raw: bytes) -> None:
        self._content = MailContent(raw)
        self.raw = raw
        self.subject = mail.subject
        self.sender = mail.sender.address
        self.to = list(mail.recipients)
        self.text = self._content.text
        self.html = self._content.html
        self.links = [link.address for link in self._content.links]
        self.codes = self._content.codes
        self.attachments: tuple[Attachment, ...] = self._content.attachments

    def __repr__(self) -> str:
        return f"<{self.subject!r} to {', '.join(self.to)}>"

    def header(self, name: str) -> str:
        """Return the first header of that name; "" if it is missing."""
        return self._content.header(name.lower())

    def link(self, part: str = "") -> str:
        """Return the only link that contains `part`. Raises AssertionError for none or several."""
        links = [link for link in self.links if part in link]
        if len(links) != 1:
            raise AssertionError(f"{self!r} has {len(links)} links with {part!r}, of {self.links}")
        return links[0]

    @property
    def code(self) -> str:
        """The likeliest code. Raises AssertionError if there is none."""
        if not self.codes:
            raise AssertionError(f"{self!r} has no code: {self.text or self.html!r}")
        return self.codes[0]


class Wanted(TypedDict, total=False):
    """A mail to wait for.

    `to`: the whole address of a recipient.
    `subject`: a part of the subject.
    `query`: a search as in the studio.
    """

    to: str
    subject: str
    query: str


class Mailbox:
    """Receives mails at `host` and `port`, without TLS and with any password.

    `wait_for` returns each mail once.
    """

    def __init__(self, host: str, port: int, mails: CapturedMails) -> None:
        self.host = host
        self.port = port
        self._mails = mails

    def wait_for(self, *, timeout: float = _TIMEOUT, **wanted: Unpack[Wanted]) -> ReceivedMail:
        """Wait in this thread for a mail; return the oldest one that was not returned yet.

        `timeout`: seconds. Raises AssertionError if no such mail arrives.
        """
        match = all_of(match_for(**wanted), unread)
        ends = time.monotonic() + timeout
        while True:
            mail = self._take_oldest(match)
            if mail:
                return ReceivedMail(mail, self._mails.raw(mail))
            left = ends - time.monotonic()
            if left <= 0:
                raise self._missing(wanted, timeout)
            time.sleep(min(left, _PAUSE))

    def _take_oldest(self, match: Match) -> CapturedMail | None:
        for mail in reversed(self._mails.newest(match, limit=None)):
            # Of two threads that wait, only one marks the mail.
            if self._mails.mark_read(mail.id):
                return mail
        return None

    async def wait_for_async(
        self,
        *,
        timeout: float = _TIMEOUT,  # noqa: ASYNC109 - as `wait_for`
        **wanted: Unpack[Wanted],
    ) -> ReceivedMail:
        """Wait as `wait_for` does, without blocking the event loop, which may be the app's own."""
        return await asyncio.to_thread(self.wait_for, timeout=timeout, **wanted)

    def expect_none(self, *, seconds: float = 1.0, **wanted: Unpack[Wanted]) -> None:
        """Wait, and raise AssertionError if such a mail arrives, or was not returned yet.

        `seconds`: how long to wait.
        """
        try:
            mail = self.wait_for(timeout=seconds, **wanted)
        except MailMissing:
            return
        raise AssertionError(f"No mail was expected, but this one came: {mail!r}.")

    def all(self, **wanted: Unpack[Wanted]) -> list[ReceivedMail]:
        """Return all received mails, the newest first, including those returned before."""
        mails = self._mails.newest(match_for(**wanted), limit=None)
        return [ReceivedMail(mail, self._mails.raw(mail)) for mail in mails]

    def clear(self) -> None:
        self._mails.delete()

    def _missing(self, wanted: Wanted, seconds: float) -> "MailMissing":
        conditions = ", ".join(f"{name} {value!r}" for name, value in wanted.items() if value)
        which = f" with {conditions}" if conditions else ""
        newest = self._mails.newest(limit=_MOST_LISTED)
        came = "; ".join(map(_line_of, newest)) or "none at all"
        return MailMissing(f"No mail{which} came in {seconds:g} s. There are: {came}.")


def _line_of(mail: CapturedMail) -> str:
    line = f"{mail.subject!r} to {mail.to_line}"
    return f"{line}, returned before" if mail.read else line


class MailMissing(AssertionError):
    """The expected mail did not arrive. The text lists the mails that did."""


@contextlib.contextmanager
def running_mailbox(port: int = 0) -> Iterator[Mailbox]:
    """Listen on this machine during the block, by default on a free port. Raises OSError."""
    mails = CapturedMails()
    with contextlib.closing(mails):
        taken = socket.create_server(("127.0.0.1", port))
        # The socket names its protocol: otherwise asyncio sets no TCP_NODELAY, and each mail waits
        # 40 ms (RFC 896).
        bound = socket.socket(taken.family, taken.type, socket.IPPROTO_TCP, taken.detach())
        server = SmtpServer(bound, mails)
        with server.running():
            yield Mailbox(*server.address, mails)
