"""A captured mail as a row of the list, its envelope, and searches: words, "phrases", `to:ada` in
Mailpit's syntax.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.header import Header
from itertools import chain, islice

import msgspec

from keyturn.studio.inbox.decoding import Address
from keyturn.studio.inbox.mail import MailContent

# Characters that are searched, of the headers with the names of files and of the text each.
_SEARCHED = 16 * 1024

_SNIPPET = 160
_SHOWN_RECIPIENTS = 3
_LONGEST = 1_000  # characters of a header in a list, so that a page of a hundred mails stays small

# seconds since 1970: a time in the year 9987, since the clock of a file may be far off
_LATEST = 253_000_000_000

RETURN_PATH = "return-path"
DELIVERED_TO = "delivered-to"
USER = "x-authenticated-user"
ENVELOPE = (RETURN_PATH, DELIVERED_TO, USER)
"""Headers, in small letters, that hold the envelope of a mail."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope of a mail, kept as headers before its own, as mail servers do at delivery (RFC
    5321, 4.4).
    """

    sender: str = ""
    recipients: tuple[str, ...] = ()
    username: str = ""

    @property
    def headers(self) -> bytes:
        lines = [_header_line(RETURN_PATH, f"<{self.sender}>")]
        for recipient in self.recipients:
            lines.append(_header_line(DELIVERED_TO, recipient))
        if self.username:
            lines.append(_header_line(USER, self.username))
        return "".join(lines).encode()


def _header_line(name: str, value: str) -> str:
    words = " ".join(value.split())[:_LONGEST]
    if not words.isascii():
        words = Header(words, "utf-8", maxlinelen=10 * _LONGEST).encode()
    return f"{name.title()}: {words}\r\n"


class CapturedMail(msgspec.Struct, kw_only=True):
    """A captured mail as a row of the list.

    `id`: the name of its file. `number`: counts arrivals. `at`: in the zone of this machine.
    `delivered_to`: the recipients of the envelope. `bcc`: also the recipients of
    the envelope that no header names.
    `size`: bytes as received. `words`: the searched text, in small letters.
    """

    id: str
    number: int
    at: datetime
    read: bool = False
    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    subject: str
    message_id: str
    return_path: str
    delivered_to: tuple[str, ...]
    username: str
    snippet: str
    size: int
    attachments: int
    words: str

    @property
    def recipients(self) -> Iterator[str]:
        """The addresses of everyone who gets the mail."""
        for recipient in chain(self.to, self.cc, self.bcc):
            yield recipient.address

    @property
    def to_line(self) -> str:
        recipients = self.to or self.cc or self.bcc
        shown = ", ".join(recipient.address for recipient in recipients[:_SHOWN_RECIPIENTS])
        more = len(recipients) - _SHOWN_RECIPIENTS
        return f"{shown} and {more} more" if more > 0 else shown

    @property
    def from_line(self) -> str:
        return self.sender.name or self.sender.address

    @property
    def clock(self) -> str:
        return f"{self.at:%H:%M:%S}"

    @property
    def day(self) -> str:
        today = datetime.now(self.at.tzinfo).date()
        if self.at.date() == today:
            return "Today"
        return f"{self.at.day} {self.at:%B}"


def row_of(mail_id: str, number: int, at: float, mail: MailContent) -> CapturedMail:
    """Return the row of a mail that was received at `at`, in seconds since 1970."""
    to = mail.addresses("to")
    cc = mail.addresses("cc")
    bcc = mail.addresses("bcc")
    delivered_to = [
        value[:_LONGEST] for name, value in mail.headers if name.lower() == DELIVERED_TO
    ]
    named = {address.address.lower() for address in chain(to, cc, bcc)}
    hidden = [Address("", one) for one in delivered_to if one.lower() not in named]
    return_path = mail.header(RETURN_PATH)[:_LONGEST].strip("<> ")
    senders = mail.addresses("from")
    received = datetime.fromtimestamp(min(max(at, 0), _LATEST), UTC)
    return CapturedMail(
        id=mail_id,
        number=number,
        at=received.astimezone(),
        sender=senders[0] if senders else Address("", return_path),
        to=to,
        cc=cc,
        bcc=(*bcc, *hidden),
        reply_to=mail.addresses("reply-to"),
        subject=mail.header("subject")[:_LONGEST],
        message_id=mail.header("message-id")[:_LONGEST].strip("<> "),
        return_path=return_path,
        delivered_to=tuple(delivered_to),
        username=mail.header(USER)[:_LONGEST],
        snippet=" ".join(mail.readable[: 4 * _SNIPPET].split())[:_SNIPPET],
        size=len(mail.raw),
        attachments=len(mail.attachments),
        words=_searched_words(mail),
    )


def _searched_words(mail: MailContent) -> str:
    """Return the words that a search finds, in small letters, with one blank between them."""
    values = [value for _, value in mail.headers]
    names = [file.name for file in mail.attachments]
    head = "\n".join([*values, *names])
    searched = f"{head[:_SEARCHED]}\n{mail.readable[:_SEARCHED]}"
    return " ".join(searched.casefold().split())


Match = Callable[[CapturedMail], bool]

_TERM = re.compile(
    r'(?:(?P<field>(?a:subject|from|to)):)?(?:"(?P<quoted>[^"]*)"?|(?P<word>\S+))', re.IGNORECASE
)
_MOST_TERMS = 20
_LONGEST_SEARCH = 500


def everything(_: CapturedMail) -> bool:
    return True


def unread(mail: CapturedMail) -> bool:
    return not mail.read


def with_id(*mail_ids: str) -> Match:
    return lambda mail: mail.id in mail_ids


def all_of(*matches: Match) -> Match:
    """Return the predicate for mails that match all; `everything` itself without predicates."""
    if not matches:
        return everything
    return lambda mail: all(match(mail) for match in matches)


def search_for(search: str) -> Match:
    """Return the predicate for mails that have all terms of a search.

    Only the first 20 terms in the first 500 characters count. A term with an unknown field is a
    word.
    """
    terms = _TERM.finditer(search[:_LONGEST_SEARCH].replace("\0", ""))
    return all_of(*map(_of_term, islice(terms, _MOST_TERMS)))


def match_for(
    query: str = "", to: str = "", subject: str = "", since: datetime | None = None
) -> Match:
    """Return the predicate for what a program asks for; `everything` itself if it asks for nothing.

    `to`: a whole address. `subject`: a part of the subject. `since`: in UTC if it has no zone.
    """
    matches: list[Match] = []
    if query.strip():
        matches.append(search_for(query))
    if to:
        matches.append(lambda mail: to.lower() in map(str.lower, mail.recipients))
    if subject:
        matches.append(_part_of("subject", subject))
    if since:
        after = since.replace(tzinfo=since.tzinfo or UTC)
        matches.append(lambda mail: mail.at > after)
    return all_of(*matches)


def _of_term(term: re.Match[str]) -> Match:
    value = term["word"] if term["quoted"] is None else term["quoted"]
    if term["field"]:
        return _part_of(term["field"].lower(), value)
    wanted = " ".join(value.casefold().split())
    return lambda mail: wanted in mail.words


def _part_of(field: str, text: str) -> Match:
    wanted = text.casefold()
    return lambda mail: wanted in _field_of(mail, field).casefold()


def _field_of(mail: CapturedMail, field: str) -> str:
    """Return the text that a search in a field looks at."""
    if field == "subject":
        return mail.subject
    if field == "from":
        return str(mail.sender)
    return " ".join(map(str, chain(mail.to, mail.cc, mail.bcc)))
