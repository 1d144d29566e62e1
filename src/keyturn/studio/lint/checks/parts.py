"""The size of a mail, its parts beside the HTML, and what got lost or hidden
between file and mail.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from msgspec import Struct

from keyturn.studio.lint.checks.addresses import UNFILLED, addresses_in, is_unfilled
from keyturn.studio.lint.checks.anchors import Anchor, anchors
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
    largest_style = 0
    for block in _STYLE.finditer(html):
        if block["end"]:
            largest_style = max(largest_style, len(block["css"].encode()))
    return Size(html=len(html.encode()), style=largest_style, text=len(text.encode()))


def check_sizes(document: Document) -> Iterator[Finding]:
    size = size_of(document.mail.html, document.text)
    if size.html > CLIPPED_AT:
        yield document.finding(_bulkiest_place(document), "sizes/clipped", most=CLIPPED_AT // 1024)
    if size.style > STYLE_DROPPED_AT:
        yield document.finding(
            _largest_style(document), "sizes/style-dropped", most=STYLE_DROPPED_AT
        )
    for image in document.html_elements("img"):
        if not image.get("width").strip():
            severity: Severity = "note" if _WIDTH.search(image.get("style")) else "warning"
            yield document.finding(image.offset, "sizes/image-without-width", severity=severity)


def _largest_style(document: Document) -> int:
    """Return where the author's longest stylesheet begins, 0 without one."""
    longest = (0, 0)
    for style in document.authored_styles():
        if not style.is_inlined:
            longest = max(longest, (len(style.css), style.offset))
    return longest[1]


def _bulkiest_place(document: Document) -> int:
    """Return where the output of the template line begins that writes most of the markup."""
    pieces = pieces_of(document.markup)
    starts_of_next = [*(piece.start for piece in pieces[1:]), len(document.markup)]
    written_by = Counter[tuple[str, int]]()
    first: dict[tuple[str, int], int] = {}
    for piece, end in zip(pieces, starts_of_next, strict=True):
        if piece.place:
            line = (piece.place.file, piece.place.line)
            written_by[line] += end - piece.start
            first.setdefault(line, piece.start)
    if not written_by:
        return document.body.offset
    bulkiest = max(written_by, key=written_by.__getitem__)
    output = document.markup[first[bulkiest] :]
    return len(document.markup) - len(output.lstrip())


# Characters: mail programs wrap lines, but more than five sentences in one paragraph are hard to
# read
_TOO_LONG = 500
_LONG_LINE = re.compile(rf"^.{{{_TOO_LONG + 1},}}", re.MULTILINE)

_HTML = re.compile(
    r"</?(?:a|abbr|b|body|br|center|code|div|em|font|h[1-6]|head|hr|html|i|img|li|ol|p|pre|small"
    r"|span|strong|style|table|tbody|td|th|tr|u|ul|mj-[a-z-]+|mjml)\b[^<>\n]*>"
    r"|&(?:[a-z]{2,8}|#\d+|#x[0-9a-f]+);",
    re.IGNORECASE,
)


def check_parity(document: Document) -> Iterator[Finding]:
    for part, match in _matches(document, UNFILLED):
        if not document.has_in_values(match[0]):
            place = document.place(match.start(), part)
            yield document.finding(place, "parity/unfilled", shown=match[0], engine=document.engine)
    if not document.text.strip():
        markup = Place(document.files.markup)
        yield document.finding(markup, "parity/no-text", template=document.template)
        return
    yield from _html_in_text(document)
    if not document.files.is_text:
        in_text = addresses_in(document.text)
        in_html = _addresses_in_html(document)
        yield from _links_not_in_text(document, in_text, in_html)
        yield from _links_not_in_html(document, in_text, in_html)
    for line in _LONG_LINE.finditer(document.text):
        if not addresses_in(line[0]):
            place = document.place(line.start(), "text")
            yield document.finding(place, "parity/long-line", most=_TOO_LONG)


def _html_in_text(document: Document) -> Iterator[Finding]:
    """Yield the first tag or reference of each line of the text."""
    reported: set[int] = set()
    for tag in _HTML.finditer(document.text):
        if document.has_in_values(tag[0]):
            continue
        place = document.place(tag.start(), "text")
        if place.line not in reported:
            reported.add(place.line)
            yield document.finding(place, "parity/html-in-text", shown=tag[0][:40])


def _links_not_in_text(
    document: Document, in_text: Mapping[str, int], in_html: Mapping[str, Anchor]
) -> Iterator[Finding]:
    known = {address.rstrip("/") for address in in_text}
    for address, anchor in in_html.items():
        if address.startswith("mailto:"):
            mailbox = address.removeprefix("mailto:").partition("?")[0]
            is_in_text = mailbox in document.text
        else:
            is_in_text = address.rstrip("/") in known
        if not is_in_text:
            yield document.finding(
                anchor.offset,
                "parity/link-not-in-text",
                severity=_severity_of_missing(document, anchor),
                label=anchor.label[:60],
            )


def _severity_of_missing(document: Document, anchor: Anchor) -> Severity:
    if anchor.secret and document.sample.is_complete:
        return "error"
    return "warning" if anchor.is_button else "note"


def _links_not_in_html(
    document: Document, in_text: Mapping[str, int], in_html: Mapping[str, Anchor]
) -> Iterator[Finding]:
    known = {address.rstrip("/") for address in in_html}
    for address, offset in in_text.items():
        if address.rstrip("/") not in known:
            yield document.finding(document.place(offset, "text"), "parity/link-not-in-html")


def _addresses_in_html(document: Document) -> dict[str, Anchor]:
    """Return the first link of each address that a text may have, too."""
    first: dict[str, Anchor] = {}
    for anchor in anchors(document):
        is_for_text = anchor.address.startswith(("http://", "https://", "mailto:"))
        if is_for_text and not is_unfilled(anchor.address):
            first.setdefault(anchor.address, anchor)
    return first


def check_subject(document: Document) -> Iterator[Finding]:
    text = document.subject
    place = partial(document.place, part="subject")
    if document.files.subject and not (text.strip() or document.mail.subject):
        yield document.finding(place(0), "subject/empty")
    markup = _MARKUP.search(text)
    if markup:
        yield document.finding(place(markup.start()), "subject/markup", shown=markup[0][:40])
    second_line = _SECOND_LINE.match(text)
    if second_line:
        yield document.finding(place(second_line.end()), "subject/several-lines")


def check_byte_order_marks(document: Document) -> Iterator[Finding]:
    for part, mark in _matches(document, _BYTE_ORDER_MARK):
        place = document.place(mark.start(), part)
        if place == Place(place.file):
            yield document.finding(place, "file/byte-order-mark")


def _matches(document: Document, pattern: re.Pattern[str]) -> Iterator[tuple[Part, re.Match[str]]]:
    """Yield where a pattern is found in the rendered files."""
    for part, of_part in document.files_by_part.items():
        for match in pattern.finditer(of_part.rendered):
            yield part, match


_ESCAPED_TWICE = re.compile(
    r"&amp;(?P<name>amp|lt|gt|quot|apos|nbsp|zwnj|[mn]dash|hellip|copy|#\d{2,6}|#x[0-9a-f]{2,5});"
)


def check_references(document: Document) -> Iterator[Finding]:
    """Yield character references that are escaped twice.

    Those in values of a sample are left out: the template escapes them.
    """
    for found in _ESCAPED_TWICE.finditer(document.markup):
        right = f"&{found['name']};"
        if not document.has_in_values(right):
            yield document.finding(found.start(), "html/escaped-twice", shown=right, right=right)


def check_undefined(document: Document) -> Iterator[Finding]:
    for name, place in document.undefined:
        above, dot, last = name.rpartition(".")
        question = f"Did you mean {above}{dot}{{}}?"
        fix = did_you_mean(last, _names_in(document, above), question=question)
        rule = f"{document.engine.lower()}/undefined"
        yield document.finding(place, rule, name=name, sample=document.sample.name, fix=fix)


def _names_in(document: Document, path: str) -> Iterable[str]:
    """Return the names that the sample has in a value, such as "user.address"; "" is the sample."""
    value: object = document.sample.values
    for name in path.split(".") if path else ():
        if not isinstance(value, dict):
            return ()
        value = value.get(name)
    return value if isinstance(value, dict) else ()


OF_ALL_PARTS = (check_byte_order_marks, check_subject, check_parity, check_undefined)
CHECKS = (check_sizes, check_references, *OF_ALL_PARTS)
