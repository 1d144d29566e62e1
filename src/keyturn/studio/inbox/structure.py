"""The heads and parts of a captured mail, found on its bytes (RFC 5322, RFC 2046), within bounds.

Python's parser makes an object of every line of a header, and reads every line of a mail again for
each level of nesting: a mail of 8 MB can hold it for minutes. So it gets only heads, which are cut
to the bounds before. Its older policy (`Compat32`) parses a header only when the header is asked
for, so a damaged header neither fails nor takes long.
"""

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from email.policy import Compat32
from functools import cached_property
from typing import NamedTuple

from msgspec import Struct

from keyturn.studio.inbox.decoding import utf8

MOST_OF_HEADS = 256 * 1024
"""Bytes of all heads of a mail together."""

MOST_HEADERS = 500
"""Headers of one head."""

MOST_PARTS = 200
MOST_LEVELS = 20

_LONGEST_PARAMETERS = 2_048
_MOST_PARAMETERS = 64
_WITH_PARAMETERS = {"content-type", "content-disposition", "content-id", "date"}
"""Headers that Python parses by their grammar, some in time that grows with the square of their
length.
"""

_EMPTY_LINE = re.compile(rb"\r?\n")
_BLANK_LINE = re.compile(rb"\n\r?\n")
_LINE = re.compile(rb"[^\n]*\n?")
_HEADER = re.compile(rb"[\x21-\x39\x3b-\x7e]+:")
_FOLDED = (b" ", b"\t")
_OF_MAILBOX = b"From "  # the line of a mailbox before a mail (RFC 4155)


class Leaf(Struct, frozen=True):
    """A part that holds no others.

    `head`: its headers, with its content as the payload.
    `is_alternative`: it is one of several forms of the same text (RFC 2046, 5.1.4).
    """

    head: Message
    is_alternative: bool


class MailStructure:
    """Finds the head and the parts of a mail.

    `source`, `head`: the bytes of the first head, and its headers.
    `parsed`: how many bytes Python's parser got. `cuts`: what is not read of the mail, as
    sentences.
    """

    def __init__(self, raw: bytes) -> None:
        self.parsed = 0
        self._raw = raw
        self._cuts: dict[str, None] = {}
        self.head, self._body = self._read_head(0, len(raw))
        self.source = raw[: self._body]

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """The parts that hold no others, in order. `parsed` and `cuts` count them from then on."""
        leaves: list[Leaf] = []
        for leaf in self._leaves(self.head, self._body, len(self._raw), level=0):
            if len(leaves) == MOST_PARTS:
                self._cut(f"It has more than {MOST_PARTS} parts. The others are not shown.")
                break
            leaves.append(leaf)
        return tuple(leaves)

    @property
    def cuts(self) -> tuple[str, ...]:
        return tuple(self._cuts)

    def _cut(self, says: str) -> None:
        self._cuts[says] = None

    def _leaves(
        self, head: Message, start: int, end: int, level: int, *, beside: bool = False
    ) -> Iterator[Leaf]:
        """Yield the leaves between two offsets, which are the content of a part with this head.

        A part without parts is a leaf, and so is one below the deepest level.
        """
        beside_parts = beside or head.get_content_subtype() == "alternative"
        is_digest = head.get_content_subtype() == "digest"
        is_leaf = True
        for part_start, part_end in self._parts(head, start, end):
            if level == MOST_LEVELS:
                self._cut(
                    f"Its parts are nested in more than {MOST_LEVELS} levels. Deeper ones are "
                    "shown as text."
                )
                break
            is_leaf = False
            inner, body = self._read_head(part_start, part_end)
            if is_digest:
                inner.set_default_type("message/rfc822")  # RFC 2046, 5.1.5
            yield from self._leaves(inner, body, part_end, level + 1, beside=beside_parts)
        if is_leaf:
            yield self._leaf(head, start, end, beside=beside)

    def _leaf(self, head: Message, start: int, end: int, *, beside: bool) -> Leaf:
        content = self._raw[start:end]
        if str(head.get("content-transfer-encoding", "")).lower() == "base64":
            content = content.translate(None, b"\r\n")  # Python would make an object of each line
        head.set_payload(content.decode("ascii", "surrogateescape"))
        return Leaf(head, beside)

    def _parts(self, head: Message, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield where each part between two offsets begins and ends, if the head is that of a
        multipart.

        Preamble and epilogue are left out.
        """
        if head.get_content_maintype() != "multipart":
            return
        boundary = head.get_boundary("").encode("utf-8", "replace")
        if not boundary:
            return
        delimiter = re.compile(rb"\n--" + re.escape(boundary) + rb"(?P<last>--)?[ \t]*\r?(?=\n|\Z)")
        part = None
        for line in delimiter.finditer(self._raw, max(start - 1, 0), end):
            if part is not None:
                yield part, max(part, self._without_return(line.start()))
            if line["last"]:
                return
            part = min(line.end() + 1, end)
        if part is not None:  # the last delimiter is missing
            yield part, end

    def _without_return(self, newline: int) -> int:
        """Return where a line ends that has its line feed here."""
        if self._raw[newline - 1 : newline] == b"\r":
            return newline - 1
        return newline

    def _read_head(self, start: int, end: int) -> tuple[Message, int]:
        """Return the headers of a part, and where its content begins.

        Lines between headers that are none are left out. Python would take the rest of the headers
        for the text. Such lines behind the last header belong to the content, whose blank line was
        forgotten.
        """
        if self._raw.startswith(_OF_MAILBOX, start):
            start = _line_at(self._raw, start, end).end()
        empty = _EMPTY_LINE.match(self._raw, start, end)
        if empty:
            return self._parse(b""), empty.end()
        if not _HEADER.match(self._raw, start, end):
            return self._parse(b""), start
        head_end = end
        content = end
        blank = _BLANK_LINE.search(self._raw, start, end)
        if blank:
            head_end = blank.start() + 1
            content = blank.end()
        lines = self._header_lines(start, head_end)
        if lines.is_whole and lines.end < head_end:
            content = lines.end
        return self._parse(lines.kept), content

    def _header_lines(self, start: int, end: int) -> "_HeaderLines":
        kept: list[bytes] = []
        headers = 0
        last_end = start
        position = start
        left = MOST_OF_HEADS - self.parsed
        is_whole = True
        while position < end:
            line = _line_at(self._raw, position, end)
            is_header = _HEADER.match(line[0]) is not None
            if is_header and headers == MOST_HEADERS:
                self._cut(
                    f"A part of it has more than {MOST_HEADERS} headers. The others are not shown."
                )
                is_whole = False
                break
            position = line.end()
            if is_header or line[0].startswith(_FOLDED):
                headers += is_header
                kept.append(line[0])
                last_end = position
            if position - start > left:
                self._cut(
                    f"Its headers have more than {MOST_OF_HEADS // 1024} kB. The others are not "
                    "shown."
                )
                is_whole = False
                break
        return _HeaderLines(b"".join(kept)[:left], last_end, is_whole)

    def _parse(self, head: bytes) -> Message:
        self.parsed += len(head)
        return message_from_bytes(head, policy=_Bounded())


class _HeaderLines(NamedTuple):
    """The lines of the headers of a part. `end`: where the last one ends. `is_whole`: no line was
    cut.
    """

    kept: bytes
    end: int
    is_whole: bool


def _line_at(raw: bytes, start: int, end: int) -> re.Match[bytes]:
    line = _LINE.match(raw, start, end)
    assert line  # any bytes begin with a line, perhaps an empty one
    return line


class _Bounded(Compat32):
    """Cuts headers with parameters before Python parses them, and reads all headers as UTF-8."""

    def header_fetch_parse(self, name: str, value: str) -> str:  # noqa: ARG002
        return utf8(value)

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        if name.lower() == "content-transfer-encoding":
            # Python compares the whole value.
            value = value[:_LONGEST_PARAMETERS].strip('"; \t')
        elif name.lower() in _WITH_PARAMETERS:
            value = _readable(value)
        return name, value


def _readable(value: str) -> str:
    """Return the value, cut, and without its parameters if Python fails to read them, as with
    "a*0=x; a*=y".
    """
    parts = value[:_LONGEST_PARAMETERS].split(";")
    few = ";".join(parts[: _MOST_PARAMETERS + 1])
    message = Message()
    message["value"] = few
    try:
        message.get_params(header="value")
    except Exception:  # noqa: BLE001 - the parser documents no errors
        return parts[0]
    return few
