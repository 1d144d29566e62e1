"""A captured mail as it is read: its addresses, its headers, its two texts and what is attached (RFC 5322, RFC 2045).

It comes from an app under development, so it may be damaged anywhere. Python's older header policy is read on purpose:
it parses nothing by itself, and so nothing fails or takes long before somebody asks.
"""

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses
from functools import cached_property
from hashlib import sha256

import msgspec

from keyturn.emails.inbox.codes import codes_of
from keyturn.emails.inbox.file_names import safe_file_name
from keyturn.emails.inbox.links import Link, links_of
from keyturn.mail.rendering.html_tree import Element, Text, parse_html

_MOST_PARTS = 200
"""A mail that may have more parts is read no further than its headers: each level of nesting costs every line again."""

_LONGEST_HEADER = 16_384
_READ = 512 * 1024
"""So many characters of each text are searched for words, links and codes; all of it is shown."""

_NOT_READ = frozenset(["head", "script", "style", "title"])
_IN_A_LINE = frozenset([
    "a", "abbr", "b", "bdi", "bdo", "big", "center", "cite", "code", "em", "font", "i", "img", "kbd", "mark", "q", "s",
    "samp", "small", "span", "strong", "sub", "sup", "u", "wbr",
])  # fmt: skip
_IN_A_CELL = frozenset(["td", "th"])
_WHITESPACE = re.compile(r"[ \t\r\n\f]+")
_LONGEST_ADDRESS_LIST = 500
_BREAKS = re.compile(r"[\r\n]+[ \t]*")


class Address(msgspec.Struct, frozen=True):
    """A mailbox with the name that stands before it; `name` is empty where none does."""

    name: str
    address: str

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A part that is no text of the mail. `number` counts all parts from 1; `name` is safe as that of a file.

    `inline`: it belongs into the HTML, which names it by `content_id`.
    """

    number: int
    name: str
    content_type: str
    content_id: str
    inline: bool
    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def checksum(self) -> str:
        return sha256(self.content).hexdigest()


class MailContent:
    """Reads a mail from its bytes, each piece when it is asked for. What cannot be read is shown as it stands."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        lower = raw.lower()
        whole = lower.count(b"boundary") + lower.count(b"message/rfc822") <= _MOST_PARTS
        self._message = message_from_bytes(raw if whole else _head(raw))

    @cached_property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The headers in their order, decoded."""
        return tuple((name, _decode(str(value))) for name, value in self._message.raw_items())

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    def addresses(self, name: str) -> tuple[Address, ...]:
        """Return who stands in a header, in all of that name."""
        values = [_unfold(str(value)) for key, value in self._message.raw_items() if key.lower() == name]
        try:
            pairs = getaddresses([_utf8(value[:_LONGEST_HEADER]) for value in values])
        except RecursionError:  # comments within comments
            return ()
        return tuple(Address(_decode(name), address) for name, address in pairs if address)[:_LONGEST_ADDRESS_LIST]

    @property
    def html(self) -> str:
        return self._bodies[0]

    @property
    def text(self) -> str:
        return self._bodies[1]

    @cached_property
    def readable(self) -> str:
        """The text part, else what the HTML says."""
        return self.text if self.text.strip() or not self.html else self._html_as_text

    @cached_property
    def attachments(self) -> tuple[Attachment, ...]:
        bodies = self._body_numbers
        return tuple(_attachment(number, part) for number, part in self._parts if number not in bodies)

    def attachment(self, number: int) -> Attachment:
        """Return a file by its number. Raises LookupError."""
        for part in self.attachments:
            if part.number == number:
                return part
        raise LookupError(f"The mail has no file {number}.")

    @cached_property
    def links(self) -> list[Link]:
        """The links of what is read of both texts."""
        return links_of(markup_to_read(self.html), self.text[:_READ])

    @cached_property
    def codes(self) -> list[str]:
        """The codes to be typed, the likeliest first: those of the text part, else those of the HTML."""
        subject = self.header("subject")
        return codes_of(subject, self.readable) or (codes_of(subject, self._html_as_text) if self.html else [])

    @cached_property
    def _html_as_text(self) -> str:
        return "".join(_lines(parse_html(markup_to_read(self.html)))).strip()

    @cached_property
    def _parts(self) -> tuple[tuple[int, Message], ...]:
        return tuple(enumerate(_leaves(self._message), 1))

    @cached_property
    def _body_numbers(self) -> dict[int, str]:
        """The numbers of the first HTML and the first plain text that are not attached."""
        found: dict[str, int] = {}
        for number, part in self._parts:
            if part.get_content_disposition() != "attachment" and not part.get_filename():
                found.setdefault(_kind(part), number)
        return {found[kind]: kind for kind in ("text/html", "text/plain") if kind in found}

    @cached_property
    def _bodies(self) -> tuple[str, str]:
        texts = {kind: _text(part) for number, part in self._parts if (kind := self._body_numbers.get(number))}
        return texts.get("text/html", ""), texts.get("text/plain", "")


def markup_to_read(html: str, most: int = _READ) -> str:
    """Return what HTML begins with. A "<" that no ">" follows is text: the parser would look for its end each time."""
    behind = html.rfind(">", 0, most) + 1
    return html[:behind] + html[behind:most].replace("<", "&lt;")


def _lines(root: Element) -> Iterator[str]:
    """Yield the texts of HTML with a line break where a block begins or ends, as a browser breaks lines."""
    ends: list[int] = []
    for node in root.below(_NOT_READ):
        while ends and ends[-1] <= node.offset:
            ends.pop()
            yield "\n"
        if isinstance(node, Text):
            yield _WHITESPACE.sub(" ", node.text)
        elif node.tag in _IN_A_CELL:
            yield "\t"
        elif node.tag not in _IN_A_LINE:
            yield "\n"
            ends.append(node.end)


def _head(raw: bytes) -> bytes:
    return re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]


def _leaves(message: Message) -> Iterator[Message]:
    """Yield the parts that hold no others; a message within the message is one of them."""
    if message.is_multipart() and message.get_content_maintype() == "multipart":
        for part in message.get_payload():
            if isinstance(part, Message):
                yield from _leaves(part)
    else:
        yield message


def _kind(part: Message) -> str:
    """Return the type of a leaf; what says that it holds parts and holds none is text."""
    return "text/plain" if part.get_content_maintype() == "multipart" else part.get_content_type()


def _content(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    if isinstance(payload, bytes):
        return payload
    held = part.get_payload()
    return held[0].as_bytes() if isinstance(held, list) and held and isinstance(held[0], Message) else b""


def _text(part: Message) -> str:
    content = _content(part)
    try:
        text = content.decode(part.get_content_charset("utf-8"), "replace")
    except (LookupError, ValueError):  # a charset that Python does not know
        text = content.decode("utf-8", "replace")
    return text.replace("\r\n", "\n")


def _attachment(number: int, part: Message) -> Attachment:
    content_id = _utf8(_unfold(str(part.get("Content-ID", "")))).strip(" <>")
    return Attachment(
        number=number,
        name=safe_file_name(_utf8(part.get_filename() or ""), number, part.get_content_type()),
        content_type=part.get_content_type(),
        content_id=content_id,
        inline=bool(content_id) and part.get_content_disposition() != "attachment",
        content=_content(part),
    )


def _decode(value: str) -> str:
    value = _utf8(_unfold(value))
    if "=?" not in value or len(value) > _LONGEST_HEADER:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (MessageError, LookupError, ValueError):
        return value


def _unfold(value: str) -> str:
    return _BREAKS.sub(" ", value).strip()


def _utf8(value: str) -> str:
    """Return what the bytes of a header say as UTF-8 (RFC 6532): the parser keeps those beyond ASCII as surrogates."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
