"""The size of a mail, its parts beside the HTML, and what got lost or hidden
between file and mail.
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import get_args

from msgspec import Struct

from keyturn.studio.lint.checks.links import (
    UNFILLED,
    Anchor,
    addresses_in,
    anchors,
    is_sample_value,
    is_unfilled,
)
from keyturn.studio.lint.document import Document, Part
from keyturn.studio.lint.finding import Finding, Place, Severity, did_you_mean
from keyturn.studio.lint.source.traced_text import pieces_of

# Gmail clips a message at about 102 KB of HTML and drops a style block over 16,384 bytes.
CLIPPED_AT = 102 * 1024
STYLE_DROPPED_AT = 16 * 1024

# It matches up to the end where no tag ends a block: a mail may have thousands of unclosed tags.
_STYLE = re.compile(
    r"<style\b[^>]*+(?:>|\Z)(?P<css>(?:[^<]++|<(?!/style\b))*+)(?P<end></style\b)?", re.IGNORECASE
)
_WIDTH = re.compile(r"(?:^|;)\s*(?:max-)?width\s*:\s*\d", re.IGNORECASE)
_BYTE_ORDER_MARK = re.compile("\ufeff")
_MARKUP = re.compile(
    r"</?[a-z][a-z0-9-]*(?:\s[^<>]*)?/?>|&(?:[a-z]{2,8}|#\d+|#x[0-9a-f]+);", re.IGNORECASE
)
_SECOND_LINE = re.compile(r"\s*\S.*\n\s*(?=\S)")


class Size(Struct, frozen=True):
    """The size of a mail in bytes of UTF-8, before transfer encoding.

    `style`: the largest style block.
    """

    html: int
    style: int
    text: int


def size_of(html: str, text: str) -> Size:
    styles = (len(block["css"].encode()) for block in _STYLE.finditer(html) if block["end"])
    return Size(html=len(html.encode()), style=max(styles, default=0), text=len(text.encode()))


def check_sizes(document: Document) -> Iterator[Finding]:
    size = size_of(document.mail.html, document.text)
    if size.html > CLIPPED_AT:
        yield document.finding(_bulkiest_place(document), "sizes/clipped", most=CLIPPED_AT // 1024)
    if size.style > STYLE_DROPPED_AT:
        blocks = (
            (len(css), start)
            for css, start, is_inlined in document.authored_styles()
            if not is_inlined
        )
        _, largest = max(blocks, default=(0, 0))
        yield document.finding(largest, "sizes/style-dropped", most=STYLE_DROPPED_AT)
    for image in document.html_elements("img"):
        if not image.get("width").strip():
            severity: Severity = "note" if _WIDTH.search(image.get("style")) else "warning"
            yield document.finding(image.offset, "sizes/image-without-width", severity=severity)


def _bulkiest_place(document: Document) -> int:
    """Return where the output of the template line begins that writes most of the markup."""
    pieces = pieces_of(document.markup)
    lines, first = Counter[tuple[str, int]](), dict[tuple[str, int], int]()
    for piece, end in zip(
        pieces, (*(piece.start for piece in pieces[1:]), len(document.markup)), strict=True
    ):
        if piece.place:
            line = (piece.place.file, piece.place.line)
            lines[line] += end - piece.start
            first.setdefault(line, piece.start)
    if not lines:
        return document.body.offset
    written = document.markup[first[max(lines, key=lines.__getitem__)] :]
    return len(document.markup) - len(written.lstrip())


# Characters: mail programs wrap lines, but more than five sentences in one paragraph are hard to
# read
_TOO_LONG = 500
_LONG_LINE = re.compile(rf"^.{{{_TOO_LONG + 1},}}", re.MULTILINE)

_HTML = re.compile(
    r"</?(?:a|abbr|b|body|br|center|code|div|em|font|h[1-6]|head|hr|html|i|img|li|ol|p|pre|small|span|strong|style"
    r"|table|tbody|td|th|tr|u|ul|mj-[a-z-]+|mjml)\b[^<>\n]*>|&(?:[a-z]{2,8}|#\d+|#x[0-9a-f]+);",
    re.IGNORECASE,
)


def check_parity(document: Document) -> Iterator[Finding]:
    for part, match in _matches(document, UNFILLED):
        if not is_sample_value(document.sample.values, match[0]):
            place = document.place(match.start(), part)
            yield document.finding(place, "parity/unfilled", shown=match[0], engine=document.engine)
    if not document.text.strip():
        yield document.finding(
            Place(document.files.markup), "parity/no-text", template=document.template
        )
        return
    tags = (
        one
        for one in _HTML.finditer(document.text)
        if not is_sample_value(document.sample.values, one[0])
    )
    in_lines = {
        (at := document.place(one.start(), "text")).line: (at, one[0][:40])
        for one in reversed([*tags])
    }
    yield from (
        document.finding(at, "parity/html-in-text", shown=shown) for at, shown in in_lines.values()
    )
    if not document.files.is_text:
        yield from _links_in_one_part(document)
    for line in _LONG_LINE.finditer(document.text):
        if not addresses_in(line[0]):
            yield document.finding(
                document.place(line.start(), "text"), "parity/long-line", most=_TOO_LONG
            )


def _links_in_one_part(document: Document) -> Iterator[Finding]:
    in_text, in_html = addresses_in(document.text), dict[str, Anchor]()
    for anchor in anchors(document):
        if anchor.address.startswith(("http://", "https://", "mailto:")) and not is_unfilled(
            anchor.address
        ):
            in_html.setdefault(anchor.address, anchor)
    known = {address.rstrip("/") for address in in_text}
    for address, anchor in in_html.items():
        mailbox = address.removeprefix("mailto:").partition("?")[0]
        if not (
            mailbox in document.text
            if address.startswith("mailto:")
            else address.rstrip("/") in known
        ):
            severity: Severity = "warning" if anchor.is_button else "note"
            if anchor.secret and document.sample.is_complete:
                severity = "error"
            label = anchor.label[:60]
            yield document.finding(
                anchor.offset, "parity/link-not-in-text", severity=severity, label=label
            )
    targets = {address.rstrip("/") for address in in_html}
    for address, offset in in_text.items():
        if address.rstrip("/") not in targets:
            yield document.finding(document.place(offset, "text"), "parity/link-not-in-html")


def check_subject(document: Document) -> Iterator[Finding]:
    text, place = document.subject, partial(document.place, part="subject")
    if document.files.subject and not text.strip() and not document.mail.subject:
        yield document.finding(place(0), "subject/empty")
    if match := _MARKUP.search(text):
        yield document.finding(place(match.start()), "subject/markup", shown=match[0][:40])
    if second := _SECOND_LINE.match(text):
        yield document.finding(place(second.end()), "subject/several-lines")


def check_byte_order_marks(document: Document) -> Iterator[Finding]:
    for part, mark in _matches(document, _BYTE_ORDER_MARK):
        place = document.place(mark.start(), part)
        if place == Place(place.file):
            yield document.finding(place, "file/byte-order-mark")


def _matches(document: Document, pattern: re.Pattern[str]) -> Iterator[tuple[Part, re.Match[str]]]:
    """Yield where a pattern is found in the rendered files."""
    for part in get_args(Part):
        yield from ((part, match) for match in pattern.finditer(getattr(document, part)))


_ESCAPED_TWICE = re.compile(
    r"&amp;(?P<name>amp|lt|gt|quot|apos|nbsp|zwnj|[mn]dash|hellip|copy|#\d{2,6}|#x[0-9a-f]{2,5});"
)


def check_references(document: Document) -> Iterator[Finding]:
    """Yield character references that are escaped twice.

    Those in values of a sample are left out: the template escapes them.
    """
    for found in _ESCAPED_TWICE.finditer(document.markup):
        right = f"&{found['name']};"
        if not is_sample_value(document.sample.values, right):
            yield document.finding(found.start(), "html/escaped-twice", shown=right, right=right)


def check_undefined(document: Document) -> Iterator[Finding]:
    for name, place in document.undefined:
        above, dot, last = name.rpartition(".")
        values: object = document.sample.values
        for part in above.split(".") if above else ():
            values = values.get(part) if isinstance(values, dict) else None
        known = values if isinstance(values, dict) else ()
        fix = did_you_mean(last, known, question=f"Did you mean {above}{dot}{{}}?")
        rule = f"{document.engine.lower()}/undefined"
        yield document.finding(place, rule, name=name, sample=document.sample.name, fix=fix)


OF_ALL_PARTS = (check_byte_order_marks, check_subject, check_parity, check_undefined)
CHECKS = (check_sizes, check_references, *OF_ALL_PARTS)
