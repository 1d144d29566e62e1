"""A captured mail as it is read: addresses, headers, texts, links and attachments (RFC 5322, RFC
2045).

The mail may be damaged anywhere. `structure.py` bounds what is read of it.
"""

import mimetypes
import re
from base64 import b64encode
from collections.abc import Sequence
from email.message import Message
from functools import cached_property, lru_cache
from html import escape
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from keyturn.mail.rendering.compiling import preheader_of
from keyturn.mail.rendering.html_tree import parse_html
from keyturn.studio.inbox.decoding import (
    Address,
    addresses_of,
    decode_text,
    decode_words,
    parameter,
    unfold,
    utf8,
)
from keyturn.studio.inbox.structure import Leaf, MailStructure

_LINK = re.compile(r"(?:https?://|mailto:)[^\s<>\"]+")

# RFC 5321, 4.5.3.1.
_MAIL_ADDRESS = re.compile(r"[^\s<>\"(),;:@]{1,64}@[^\s<>\"(),;:@]{1,255}\.\w{1,63}")

_CLOSING = ".,;:!?)]»”"

# What browsers drop from an address (URL standard, 4.4).
_BREAKS_IN_A_URL = re.compile(r"[\t\r\n]+")


class MailLink(Struct, frozen=True):
    """A link of a captured mail. `label`: its text in the HTML. `times`: its number there."""

    address: str
    label: str
    times: int
    in_text: bool

    @property
    def in_both(self) -> bool:
        return self.times > 0 and self.in_text


@lru_cache(4)  # each save has three pages of the same mail
def links_of(html: str, text: str) -> tuple[MailLink, ...]:
    """Return every address once, in the order of the HTML.

    A mailto link counts as in the text if the text names its address.
    """
    in_text = dict.fromkeys(link.rstrip(_CLOSING) for link in _LINK.findall(text))
    named_in_text = set(_MAIL_ADDRESS.findall(text))
    labels_of: dict[str, list[str]] = {}
    for element in parse_html(html).walk():
        if element.tag == "a":
            address = _BREAKS_IN_A_URL.sub("", element.get("href")).strip()
            if address:
                labels_of.setdefault(address, []).append(element.text())
    for address in in_text:
        labels_of.setdefault(address, [])
    links = []
    for address, labels in labels_of.items():
        label = next(filter(None, labels), "")
        is_in_text = address in in_text
        if address.startswith("mailto:"):
            mailbox, _, _ = address.removeprefix("mailto:").partition("?")
            is_in_text = is_in_text or mailbox in named_in_text
        links.append(MailLink(address, label, len(labels), is_in_text))
    return tuple(links)


_SECRET = re.compile(r"[\w-]{16,}|(?:token|code|key|otp|sig)=[^&#]{4,}", re.IGNORECASE)
_BESIDE_THE_POINT = re.compile(
    r"unsubscribe|preferences|privacy|terms|imprint|impressum|abmelden|desabonn|/help|/support"
    r"|facebook\.|twitter\.|linkedin\.|instagram\.|youtube\.|//x\.com",
    re.IGNORECASE,
)

_LONGEST_ACTION = 2_000


def action_link(links: Sequence[MailLink]) -> MailLink | None:
    """Return the link that the mail is about: the only one with a secret, or the only one of these
    in both parts.
    """
    likely = [link for link in links if _may_be_action(link)]
    in_both = [link for link in likely if link.in_both]
    choices = in_both or likely
    return choices[0] if len(choices) == 1 else None


def _may_be_action(link: MailLink) -> bool:
    address = link.address
    if not address.startswith(("https://", "http://")) or len(address) > _LONGEST_ACTION:
        return False
    if not _SECRET.search(address.split("/", 3)[-1]):
        return False
    return not _BESIDE_THE_POINT.search(f"{address} {link.label}")


_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f"*/:<>?\\|\u200e\u200f\u202a-\u202e\u2066-\u2069]+')
_LONGEST = 120


def safe_file_name(name: str, number: int, content_type: str) -> str:
    """Return a name without folders, control characters and characters that change the reading
    direction.

    These turn "jpg.exe" into "exe.gpj" on screen (OWASP File Upload Cheat Sheet, "Filename
    Sanitization").
    """
    plain = _UNSAFE.sub("-", re.split(r"[/\\]", name)[-1]).strip(" .-")
    if not plain:
        plain = f"part-{number}{mimetypes.guess_extension(content_type) or ''}"
    if len(plain) <= _LONGEST:
        return plain
    stem, dot, ending = plain.rpartition(".")
    if dot and len(ending) < 10:
        return f"{stem[: _LONGEST - len(ending) - 1]}.{ending}"
    return plain[:_LONGEST]


_READ = 512 * 1024
"""Characters of each text that are searched for words, links and codes. All of it is shown."""


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A part that is no text of the mail.

    `number`: counts all parts from 1. `inline`: it has a `content_id`, so the HTML can show it, and
    is not declared an attachment.
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


class MailContent:
    """Parses a mail, each part when it is first needed. Unreadable parts are shown as they are."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._structure = MailStructure(raw)
        self.head = self._structure.source

    @property
    def cuts(self) -> tuple[str, ...]:
        """What is not read of the mail, as sentences: it has more headers or parts than a mail may
        have.
        """
        _ = self._structure.leaves  # they are found when they are first needed
        return self._structure.cuts

    @property
    def parsed(self) -> int:
        """The bytes of the mail that Python's parser got."""
        _ = self._structure.leaves
        return self._structure.parsed

    @cached_property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The names and the decoded values, in order."""
        written = self._structure.head.raw_items()
        return tuple((name, decode_words(str(value))) for name, value in written)

    def header(self, name: str) -> str:
        """Return the first value of a header by its name in small letters; empty without one."""
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return ""

    def addresses(self, name: str) -> tuple[Address, ...]:
        """Return the addresses in all headers of a name, which is in small letters."""
        values = []
        for key, value in self._structure.head.raw_items():
            if key.lower() == name:
                values.append(unfold(str(value)))
        return addresses_of(utf8(", ".join(values)))

    @cached_property
    def html(self) -> str:
        """The HTML of all parts in order. A text with no HTML of its own is in it, too."""
        if not any(text.is_html for text in self._texts):
            return ""
        pieces = []
        for text in self._texts:
            if text.is_html:
                pieces.append(text.content)
            elif not text.is_alternative:
                pieces.append(f'<pre style="white-space: pre-wrap">{escape(text.content)}</pre>')
        return "".join(pieces)

    @cached_property
    def text(self) -> str:
        """The text parts, one below the other."""
        return "\n".join(text.content for text in self._texts if not text.is_html)

    @cached_property
    def readable(self) -> str:
        """The text, or the words of the HTML without one."""
        if self.html and not self.text.strip():
            return self._html_as_text
        return self.text

    @cached_property
    def attachments(self) -> tuple[Attachment, ...]:
        files = []
        for number, leaf in enumerate(self._structure.leaves, 1):
            if not _is_text(leaf.head):
                files.append(_attachment(number, leaf.head))
        return tuple(files)

    def attachment(self, number: int) -> Attachment:
        """Return a file by its number. Raises LookupError."""
        for part in self.attachments:
            if part.number == number:
                return part
        raise LookupError(f"The mail has no file {number}.")

    @cached_property
    def links(self) -> tuple[MailLink, ...]:
        return links_of(markup_to_read(self.html), self.text[:_READ])

    @property
    def preheader(self) -> str:
        return preheader_of(parse_html(markup_to_read(self.html, OPENING)))

    @cached_property
    def codes(self) -> list[str]:
        from keyturn.studio.inbox.codes import codes_of

        subject = self.header("subject")
        codes = codes_of(subject, self.readable)
        if not codes and self.html:
            codes = codes_of(subject, self._html_as_text)
        return codes

    @cached_property
    def _html_as_text(self) -> str:
        return parse_html(markup_to_read(self.html)).lines().strip()

    @cached_property
    def _texts(self) -> tuple["_Text", ...]:
        return tuple(_Text.of(leaf) for leaf in self._structure.leaves if _is_text(leaf.head))


class _Text(Struct, frozen=True):
    """A text of a mail, in HTML or plain. `is_alternative`: it is one of several forms."""

    content: str
    is_html: bool
    is_alternative: bool

    @classmethod
    def of(cls, leaf: Leaf) -> "_Text":
        charset = parameter(leaf.head.get_params([]), "charset")
        content = decode_text(_content(leaf.head), charset).replace("\r\n", "\n")
        return cls(content, _kind(leaf.head) == "text/html", leaf.is_alternative)


def markup_to_read(html: str, most: int = _READ) -> str:
    """Return the beginning of HTML.

    An unclosed "<" becomes text: the parser would search for its end each time.
    """
    behind = html.rfind(">", 0, most) + 1
    return html[:behind] + html[behind:most].replace("<", "&lt;")


def _is_text(part: Message) -> bool:
    """Tell whether a part is read with the mail.

    Only a file name in Content-Disposition makes a text a file: some libraries write a name into
    the Content-Type of all texts.
    """
    if _kind(part) not in {"text/html", "text/plain"}:
        return False
    if part.get_content_disposition() == "attachment":
        return False
    return not parameter(part.get_params([], "content-disposition"), "filename")


def _kind(part: Message) -> str:
    """Return the type of a part that holds no others.

    A multipart without parts is text, and so is a part with a malformed type (RFC 2045, 5.2). But a
    malformed type with a name, such as "pdf; name=a.pdf", is that of a file.
    """
    if part.get_content_maintype() == "multipart":
        return "text/plain"
    written = str(part.get("content-type", "")).partition(";")[0].strip().lower()
    is_odd = bool(written) and written.count("/") != 1 and written != "text"
    if is_odd and parameter(part.get_params([]), "name"):
        return _UNKNOWN
    return part.get_content_type()


_UNKNOWN = "application/octet-stream"


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _attachment(number: int, part: Message) -> Attachment:
    content_id = utf8(unfold(str(part.get("Content-ID", "")))).strip(" <>")
    name = parameter(part.get_params([], "content-disposition"), "filename")
    if not name:
        name = parameter(part.get_params([]), "name")
    return Attachment(
        number=number,
        name=safe_file_name(name, number, _kind(part)),
        content_type=_kind(part),
        content_id=content_id,
        inline=bool(content_id) and part.get_content_disposition() != "attachment",
        content=_content(part),
    )


OPENING = 64 * 1024
"""Characters of HTML that are searched for a preheader: lists show the beginning."""

_CID = re.compile(r"cid:([^\s\"'()<>]{1,250})", re.IGNORECASE)
_SHOWN = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBPVP", re.DOTALL),
}
"""Image types that hold neither scripts nor links, unlike SVG, by their first bytes (MIME Sniffing
standard, 6.1).
"""

_MOST_INLINE = 8 * 1024**2
"""Bytes of the images in a mail. Each use counts."""


def with_inline_images(mail: MailContent, html: str) -> str:
    """Return the HTML with embedded images as data URLs (RFC 2392): its frame may load nothing from
    the studio.
    """
    if "cid:" not in html.lower():
        return html
    images = {part.content_id: part for part in mail.attachments if part.content_id}
    left = _MOST_INLINE

    def put(reference: re.Match[str]) -> str:
        nonlocal left
        image = images.get(unquote(reference[1]))
        kind = _image_type(image.content) if image else None
        if image is None or kind is None or image.size > left:
            return reference[0]
        left -= image.size
        return f"data:{kind};base64,{b64encode(image.content).decode()}"

    return _CID.sub(put, html)


def _image_type(content: bytes) -> str | None:
    for kind, beginning in _SHOWN.items():
        if beginning.match(content):
            return kind
    return None
