"""A captured mail as a row of the list, its envelope, and searches: words, "phrases", `to:ada` in
Mailpit's syntax.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.header import Header
from itertools import chain, islice

import msgspec

from keyturn.studio.inbox.decoding import Address
from keyturn.studio.inbox.mail import MailContent

# Characters that are searched, of the headers with the names of files and of the text each.
_SEARCHED = 16 * 1024

_SNIPPET = 160
_LONGEST = 1_000  # characters of a header in a list, so that a page of a hundred mails stays small

# seconds since 1970: a time in the year 9987, since the clock of a file may be far off
_LATEST = 253_000_000_000

ENVELOPE = RETURN_PATH, DELIVERED_TO, USER = "return-path", "delivered-to", "x-authenticated-user"
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
        lines = [
            (RETURN_PATH.title(), f"<{self.sender}>"),
            *((DELIVERED_TO.title(), to) for to in self.recipients),
        ]
        if self.username:
            lines.append((USER.title(), self.username))
        return "".join(f"{name}: {_in_one_line(value)}\r\n" for name, value in lines).encode()


def _in_one_line(value: str) -> str:
    words = " ".join(value.split())[:_LONGEST]
    return words if words.isascii() else Header(words, "utf-8", maxlinelen=10 * _LONGEST).encode()


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
        return (each.address for each in chain(self.to, self.cc, self.bcc))

    @property
    def to_line(self) -> str:
        everybody = self.to or self.cc or self.bcc
        shown = ", ".join(each.address for each in everybody[:3])
        return f"{shown} and {len(everybody) - 3} more" if len(everybody) > 3 else shown

    @property
    def from_line(self) -> str:
        return self.sender.name or self.sender.address

    @property
    def clock(self) -> str:
        return f"{self.at:%H:%M:%S}"

    @property
    def day(self) -> str:
        return (
            f"{self.at.day} {self.at:%B}"
            if self.at.date() != datetime.now(self.at.tzinfo).date()
            else "Today"
        )


def row_of(mail_id: str, number: int, at: float, mail: MailContent) -> CapturedMail:
    """Return the row of a mail that was received at `at`, in seconds since 1970."""
    to, cc, bcc = (mail.addresses(name) for name in ("to", "cc", "bcc"))
    named = {each.address.lower() for each in chain(to, cc, bcc)}
    delivered_to = tuple(
        value[:_LONGEST] for name, value in mail.headers if name.lower() == DELIVERED_TO
    )
    hidden = tuple(Address("", each) for each in delivered_to if each.lower() not in named)
    return_path = mail.header(RETURN_PATH)[:_LONGEST].strip("<> ")
    head = "\n".join(
        [*(value for _, value in mail.headers), *(file.name for file in mail.attachments)]
    )
    return CapturedMail(
        id=mail_id,
        number=number,
        at=datetime.fromtimestamp(min(max(at, 0), _LATEST), UTC).astimezone(),
        sender=next(iter(mail.addresses("from")), Address("", return_path)),
        to=to,
        cc=cc,
        bcc=bcc + hidden,
        reply_to=mail.addresses("reply-to"),
        subject=mail.header("subject")[:_LONGEST],
        message_id=mail.header("message-id")[:_LONGEST].strip("<> "),
        return_path=return_path,
        delivered_to=delivered_to,
        username=mail.header(USER)[:_LONGEST],
        snippet=" ".join(mail.readable[: 4 * _SNIPPET].split())[:_SNIPPET],
        size=len(mail.raw),
        attachments=len(mail.attachments),
        words=" ".join(f"{head[:_SEARCHED]}\n{mail.readable[:_SEARCHED]}".casefold().split()),
    )


Match = Callable[[CapturedMail], bool]

_TEXTS: Mapping[str, Callable[[CapturedMail], str]] = {
    "subject": lambda mail: mail.subject,
    "from": lambda mail: str(mail.sender),
    "to": lambda mail: " ".join(map(str, (*mail.to, *mail.cc, *mail.bcc))),
}
_TERM = re.compile(
    rf'(?:(?P<field>(?a:{"|".join(_TEXTS)})):)?(?:"(?P<quoted>[^"]*)"?|(?P<word>\S+))',
    re.IGNORECASE,
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
    return (lambda mail: all(match(mail) for match in matches)) if matches else everything


def search_for(search: str) -> Match:
    """Return the predicate for mails that have all terms of a search.

    Only the first 20 terms in the first 500 characters count. A term with an unknown field is a
    word.
    """
    return all_of(
        *map(
            _of_term,
            islice(_TERM.finditer(search[:_LONGEST_SEARCH].replace("\0", "")), _MOST_TERMS),
        )
    )


def match_for(
    query: str = "", to: str = "", subject: str = "", since: datetime | None = None
) -> Match:
    """Return the predicate for what a program asks for; `everything` itself if it asks for nothing.

    `to`: a whole address. `subject`: a part of the subject. `since`: in UTC if it has no zone.
    """
    matches = [search_for(query)] if query.strip() else []
    if to:
        matches.append(lambda mail: to.lower() in (each.lower() for each in mail.recipients))
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
    wanted, read = text.casefold(), _TEXTS[field]
    return lambda mail: wanted in read(mail).casefold()
