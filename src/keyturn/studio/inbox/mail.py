"""A captured mail as it is read: addresses, headers, texts, links and attachments (RFC 5322, RFC 2045).

The mail may be damaged anywhere. Python's older header policy is used on purpose: it parses a header only when the
header is asked for, so a damaged header neither fails nor takes long.
"""

import mimetypes
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from email import message_from_bytes
from email.message import Message
from email.policy import Compat32
from functools import cached_property, lru_cache
from html import escape
from itertools import islice
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from keyturn.mail.rendering.compiling import preheader_of
from keyturn.mail.rendering.html_tree import parse_html
from keyturn.studio.inbox.decoding import Address, addresses_of, decode_text, decode_words, parameter, unfold, utf8

_LINK = re.compile(r"(?:https?://|mailto:)[^\s<>\"]+")
_MAIL_ADDRESS = re.compile(r"[^\s<>\"(),;:@]{1,64}@[^\s<>\"(),;:@]{1,255}\.\w{1,63}")  # RFC 5321, 4.5.3.1
_CLOSING = ".,;:!?)]»”"
_BREAKS_IN_A_URL = re.compile(r"[\t\r\n]+")  # what browsers drop from an address (URL standard, 4.4)


class MailLink(Struct, frozen=True):
    """A link of a captured mail. `label`: its text in the HTML, which holds it so many `times`."""

    address: str
    label: str
    times: int
    in_text: bool

    @property
    def in_both(self) -> bool:
        return self.times > 0 and self.in_text


@lru_cache(4)  # each save has three pages of the same mail
def links_of(html: str, text: str) -> tuple[MailLink, ...]:
    """Return every address once, in the order of the HTML. A mailto link is in a text that names its address."""
    in_text = dict.fromkeys(match.rstrip(_CLOSING) for match in _LINK.findall(text))
    named = {f"mailto:{address}" for address in _MAIL_ADDRESS.findall(text)}
    labels_of: dict[str, list[str]] = {}
    for link in (element for element in parse_html(html).walk() if element.tag == "a"):
        if address := _BREAKS_IN_A_URL.sub("", link.get("href")).strip():
            labels_of.setdefault(address, []).append(link.text())
    return tuple(
        MailLink(one, next(filter(None, labels), ""), len(labels), one in in_text or one.split("?")[0] in named)
        for one, labels in (labels_of | {one: [] for one in in_text if one not in labels_of}).items()
    )


_SECRET = re.compile(r"[\w-]{16,}|(?:token|code|key|otp|sig)=[^&#]{4,}", re.IGNORECASE)
_BESIDE_THE_POINT = re.compile(
    r"unsubscribe|preferences|privacy|terms|imprint|impressum|abmelden|desabonn|/help|/support|facebook\.|twitter\."
    r"|linkedin\.|instagram\.|youtube\.|//x\.com",
    re.IGNORECASE,
)


_LONGEST_ACTION = 2_000


def action_link(links: Sequence[MailLink]) -> MailLink | None:
    """Return the link that the mail is about: the only one with a secret, or the only one of these in both parts."""
    likely = [
        link
        for link in links
        if link.address.startswith(("https://", "http://"))
        and len(link.address) <= _LONGEST_ACTION
        and _SECRET.search(link.address.split("/", 3)[-1])
        and not _BESIDE_THE_POINT.search(f"{link.address} {link.label}")
    ]
    in_both = [link for link in likely if link.in_both] or likely
    return in_both[0] if len(in_both) == 1 else None


_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f"*/:<>?\\|\u200e\u200f\u202a-\u202e\u2066-\u2069]+')
_LONGEST = 120


def safe_file_name(name: str, number: int, content_type: str) -> str:
    """Return a name without folders, control characters and characters that change the reading direction.

    The last turn "jpg.exe" into "exe.gpj" on screen (OWASP File Upload Cheat Sheet, "Filename Sanitization").
    """
    plain = _UNSAFE.sub("-", re.split(r"[/\\]", name)[-1]).strip(" .-")
    if not plain:
        plain = f"part-{number}{mimetypes.guess_extension(content_type) or ''}"
    stem, dot, ending = plain.rpartition(".")
    if len(plain) <= _LONGEST:
        return plain
    return f"{stem[: _LONGEST - len(ending) - 1]}.{ending}" if dot and len(ending) < 10 else plain[:_LONGEST]


_MOST_PARTS = 200
"""Of a mail that may have more parts, only the headers are read: each level of nesting costs every line again."""

_MOST_HEADERS = 500
_LONGEST_PARAMETERS = 2_048
_WITH_PARAMETERS = {"content-type", "content-disposition", "content-id", "date"}
"""Headers that Python parses by their grammar, some in time that grows with the square of their length."""

_READ = 512 * 1024  # characters of each text that are searched for words, links and codes. All of it is shown.

_HEADER = re.compile(rb"[\x21-\x39\x3b-\x7e]+:")
_FOLDED = (b" ", b"\t")


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A part that is no text of the mail. `number`: counts all parts from 1. `inline`: the HTML names `content_id`."""

    number: int
    name: str
    content_type: str
    content_id: str
    inline: bool
    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)


class _Bounded(Compat32):
    """Cuts headers before Python parses them, those of parts as well, and reads them as UTF-8."""

    def header_fetch_parse(self, name: str, value: str) -> str:  # noqa: ARG002 - the policy's interface
        return utf8(value)

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        if name.lower() == "content-transfer-encoding":
            return name, value[:_LONGEST_PARAMETERS].strip('"; \t')  # Python compares the whole value
        return name, _readable(value[:_LONGEST_PARAMETERS]) if name.lower() in _WITH_PARAMETERS else value


def _readable(value: str) -> str:
    """Return the value, without its parameters if Python fails to read them, as it does with "a*0=x; a*=y"."""
    probe = Message()
    probe["value"] = value
    try:
        probe.get_params(header="value")
    except Exception:  # noqa: BLE001 - the parser documents no errors
        return value.partition(";")[0]
    return value


def _headers(head: bytes) -> bytes:
    """Return the headers without the lines between them that are none: Python would take the rest for the text."""
    lines = head.splitlines(keepends=True)
    if not _HEADER.match(head):
        return head
    last = max(number for number, line in enumerate(lines) if _HEADER.match(line))
    return b"".join(one for at, one in enumerate(lines) if at >= last or one.startswith(_FOLDED) or _HEADER.match(one))


class MailContent:
    """Parses a mail, each part when it is first needed. Unreadable parts are shown as they are."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        lower = raw.lower()
        whole = lower.count(b"boundary") + lower.count(b"message/rfc822") <= _MOST_PARTS
        self.head, *rest = re.split(rb"(\r?\n\r?\n)", raw, maxsplit=1)
        self._message = message_from_bytes(b"".join([_headers(self.head), *(rest if whole else ())]), policy=_Bounded())

    @cached_property
    def headers(self) -> tuple[tuple[str, str], ...]:
        return tuple(
            (name, decode_words(str(value))) for name, value in islice(self._message.raw_items(), _MOST_HEADERS)
        )

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    def addresses(self, name: str) -> tuple[Address, ...]:
        values = (unfold(str(value)) for key, value in self._message.raw_items() if key.lower() == name)
        return addresses_of(utf8(", ".join(islice(values, _MOST_HEADERS))))

    @cached_property
    def html(self) -> str:
        """The HTML of all parts in order. A text with no HTML of its own is in it, too."""
        if all(kind != "text/html" for kind, _, _ in self._texts):
            return ""
        return "".join(
            text if kind == "text/html" else f'<pre style="white-space: pre-wrap">{escape(text)}</pre>'
            for kind, text, beside in self._texts
            if kind == "text/html" or not beside
        )

    @cached_property
    def text(self) -> str:
        return "\n".join(text for kind, text, _ in self._texts if kind == "text/plain")

    @cached_property
    def readable(self) -> str:
        return self.text if self.text.strip() or not self.html else self._html_as_text

    @cached_property
    def attachments(self) -> tuple[Attachment, ...]:
        return tuple(_attachment(number, part) for number, part, _ in self._parts if not _is_text(part))

    def attachment(self, number: int) -> Attachment:
        """Return a file by its number. Raises LookupError."""
        if part := next((one for one in self.attachments if one.number == number), None):
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
        return codes_of(subject, self.readable) or (codes_of(subject, self._html_as_text) if self.html else [])

    @cached_property
    def _html_as_text(self) -> str:
        return parse_html(markup_to_read(self.html)).lines().strip()

    @cached_property
    def _parts(self) -> tuple[tuple[int, Message, bool], ...]:
        return tuple((number, part, beside) for number, (part, beside) in enumerate(_leaves(self._message), 1))

    @cached_property
    def _texts(self) -> list[tuple[str, str, bool]]:
        return [(_kind(part), _text(part), beside) for _, part, beside in self._parts if _is_text(part)]


def markup_to_read(html: str, most: int = _READ) -> str:
    """Return the beginning of HTML. An unclosed "<" becomes text: the parser would search for its end each time."""
    behind = html.rfind(">", 0, most) + 1
    return html[:behind] + html[behind:most].replace("<", "&lt;")


def _leaves(message: Message, beside: bool = False) -> Iterator[tuple[Message, bool]]:
    """Yield the parts that hold no others, and whether they are alternatives of each other (RFC 2046, 5.1.4)."""
    if message.is_multipart() and message.get_content_maintype() == "multipart":
        for part in message.get_payload():
            if isinstance(part, Message):
                yield from _leaves(part, beside or message.get_content_subtype() == "alternative")
    else:
        yield message, beside


def _is_text(part: Message) -> bool:
    """Tell whether a part is read with the mail. Some libraries name their texts, but in their type alone."""
    named = parameter(part.get_params([], "content-disposition"), "filename")
    return _kind(part) in {"text/html", "text/plain"} and part.get_content_disposition() != "attachment" and not named


def _kind(part: Message) -> str:
    """Return the type of a leaf. An empty multipart is text."""
    return "text/plain" if part.get_content_maintype() == "multipart" else part.get_content_type()


def _content(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    if isinstance(payload, bytes):
        return payload
    held = part.get_payload()  # a message, or the blocks of a delivery status (RFC 3464, 2.1)
    return b"\n".join(one.as_bytes() for one in held if isinstance(one, Message)) if isinstance(held, list) else b""


def _text(part: Message) -> str:
    return decode_text(_content(part), parameter(part.get_params([]), "charset")).replace("\r\n", "\n")


def _attachment(number: int, part: Message) -> Attachment:
    content_id = utf8(unfold(str(part.get("Content-ID", "")))).strip(" <>")
    name = parameter(part.get_params([], "content-disposition"), "filename") or parameter(part.get_params([]), "name")
    return Attachment(
        number=number,
        name=safe_file_name(name, number, part.get_content_type()),
        content_type=part.get_content_type(),
        content_id=content_id,
        inline=bool(content_id) and part.get_content_disposition() != "attachment",
        content=_content(part),
    )


OPENING = 64 * 1024  # characters of HTML that are searched for a preheader: lists show the beginning

_CID = re.compile(r"cid:([^\s\"'()<>]{1,250})", re.IGNORECASE)
_SHOWN = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBPVP", re.DOTALL),
}
"""Image types that hold neither scripts nor links, unlike SVG, by their first bytes (MIME Sniffing standard, 6.1)."""
_MOST_INLINE = 8 * 1024**2  # bytes of the images in a mail; each use counts


def with_inline_images(mail: MailContent, html: str) -> str:
    """Return the HTML with embedded images as data URLs (RFC 2392): its frame may load nothing from the studio."""
    if "cid:" not in html.lower():
        return html
    images = {part.content_id: part for part in mail.attachments if part.content_id}
    left = _MOST_INLINE

    def put(reference: re.Match[str]) -> str:
        nonlocal left
        image = images.get(unquote(reference[1]))
        kind = next((kind for kind, begin in _SHOWN.items() if image and begin.match(image.content)), None)
        if image is None or kind is None or image.size > left:
            return reference[0]
        left -= image.size
        return f"data:{kind};base64,{b64encode(image.content).decode()}"

    return _CID.sub(put, html)
