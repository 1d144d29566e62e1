"""Catches the mails of an app under test over SMTP, in the process of the tests."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator

from keyturn.studio.inbox.captured_mail import CapturedMail
from keyturn.studio.inbox.mail import Attachment, MailContent
from keyturn.studio.inbox.search import Match, all_of, match_for, unread
from keyturn.studio.inbox.smtp_server import SmtpServer
from keyturn.studio.inbox.store import CapturedMails

_TIMEOUT = 10.0
_TOLD = 5
_MOST = 1_000
_LOOK_UP = 0.02
"""Seconds between two looks into the inbox."""


class ReceivedMail:
    """A mail as its reader gets it. `links` and `codes`: the links to follow and codes to type, the likeliest first."""

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
        """Return the only link that holds `part`. Raises AssertionError for none or several."""
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


class Mailbox:
    """Takes mails for any address: let the app send to `host` and `port`, without TLS and with any password.

    Each mail is returned once: a second wait returns the next one. `to`: a whole address. `subject`: a part of a
    subject. `query`: a search as in the studio's outbox.
    """

    def __init__(self, host: str, port: int, mails: CapturedMails) -> None:
        self.host = host
        self.port = port
        self._mails = mails

    def wait_for(self, *, to: str = "", subject: str = "", query: str = "", timeout: float = _TIMEOUT) -> ReceivedMail:
        """Wait in this thread for a mail, so many seconds; return the oldest. Raises AssertionError if none comes."""
        match, ends = match_for(query=query, to=to, subject=subject), time.monotonic() + timeout
        while True:
            if mail := self._take(match):
                return mail
            left = ends - time.monotonic()
            if left <= 0:
                raise self._missing(to, subject, query, timeout)
            time.sleep(min(left, _LOOK_UP))

    async def wait_for_async(
        self,
        *,
        to: str = "",
        subject: str = "",
        query: str = "",
        timeout: float = _TIMEOUT,  # noqa: ASYNC109 - as `wait_for`
    ) -> ReceivedMail:
        """Wait as `wait_for` does, beside an event loop, which may be the app's own."""
        return await asyncio.to_thread(self.wait_for, to=to, subject=subject, query=query, timeout=timeout)

    def expect_none(self, *, to: str = "", subject: str = "", query: str = "", seconds: float = 1.0) -> None:
        """Wait so many seconds. Raises AssertionError if such a mail arrives, or is still waiting to be returned."""
        try:
            mail = self.wait_for(to=to, subject=subject, query=query, timeout=seconds)
        except MailMissing:
            return
        raise AssertionError(f"No mail was expected, but this one came: {mail!r}.")

    def all(self, *, to: str = "", subject: str = "", query: str = "") -> list[ReceivedMail]:
        """Return all received mails, the newest first, including those returned before."""
        mails = self._mails.newest(match_for(query=query, to=to, subject=subject), limit=_MOST)
        return [ReceivedMail(mail, self._mails.raw(mail)) for mail in mails]

    def clear(self) -> None:
        self._mails.delete()

    def _take(self, match: Match) -> ReceivedMail | None:
        waiting = self._mails.newest(all_of(match, unread), limit=None)
        if not waiting:
            return None
        self._mails.mark_read(waiting[-1].id)
        return ReceivedMail(waiting[-1], self._mails.raw(waiting[-1]))

    def _missing(self, to: str, subject: str, query: str, seconds: float) -> "MailMissing":
        conditions = {"to": to, "subject": subject, "query": query}
        wanted = ", ".join(f"{name} {value!r}" for name, value in conditions.items() if value)
        newest = self._mails.newest(limit=_TOLD)
        came = [f"{mail.subject!r} to {mail.to_line}{', returned before' * mail.read}" for mail in newest]
        others = "; ".join(came) or "none at all"
        return MailMissing(f"No mail{f' with {wanted}' * bool(wanted)} came in {seconds:g} s. There are: {others}.")


class MailMissing(AssertionError):
    """The expected mail did not arrive; the text lists the mails that did."""


@contextlib.contextmanager
def running_mailbox(port: int = 0) -> Iterator[Mailbox]:
    """Listen on this machine during the block, by default on a free port. Raises OSError."""
    mails = CapturedMails()
    with contextlib.closing(mails):
        taken = socket.create_server(("127.0.0.1", port))
        # With its protocol named, or asyncio sets no TCP_NODELAY, and each mail waits 40 ms (RFC 896).
        bound = socket.socket(taken.family, taken.type, socket.IPPROTO_TCP, taken.detach())
        server = SmtpServer(bound, mails)
        with server.running():
            yield Mailbox(*server.address, mails)
