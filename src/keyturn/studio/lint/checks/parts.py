"""The size of a mail, its parts beside the HTML, and characters that got lost between file and mail.

The text part exists, is plain text and has the same links. A subject in a file of its own is one line of plain text.
Jinja copies a byte order mark into the mail. Django prints nothing for a name that the sample lacks.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from msgspec import Struct

from keyturn.studio.lint.checks.links import UNFILLED, Anchor, addresses_in, anchors, is_sample_value, is_unfilled
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding, Place, Severity, did_you_mean
from keyturn.studio.lint.source.traced_text import pieces_of

# Gmail clips a message at about 102 KB of HTML and drops a style block over 16,384 bytes.
CLIPPED_AT = 102 * 1024
STYLE_DROPPED_AT = 16 * 1024

_STYLE = re.compile(r"<(/?)style\b", re.IGNORECASE)
_WIDTH = re.compile(r"(?:^|;)\s*(?:max-)?width\s*:\s*\d", re.IGNORECASE)


class Size(Struct, frozen=True):
    """The size of a mail in bytes of UTF-8, before transfer encoding. `style`: the largest style block."""

    html: int
    style: int
    text: int


def size_of(html: str, text: str) -> Size:
    return Size(
        html=len(html.encode()),
        style=max((len(block.encode()) for block in _style_blocks(html)), default=0),
        text=len(text.encode()),
    )


def _style_blocks(html: str) -> Iterator[str]:
    """Yield the style blocks in one pass: a mail may have thousands of unclosed tags."""
    start = None
    for tag in _STYLE.finditer(html):
        if tag[1] and start is not None:
            yield html[start : tag.start()]
            start = None
        elif not tag[1] and start is None:
            end = html.find(">", tag.end())
            if end < 0:
                return
            start = end + 1


def check_sizes(document: Document) -> Iterator[Finding]:
    size = size_of(document.mail.html, document.text)
    if size.html > CLIPPED_AT:
        yield document.finding(_bulkiest_place(document), "sizes/clipped", most=CLIPPED_AT // 1024)
    if size.style > STYLE_DROPPED_AT:
        blocks = (style for style in document.authored_styles() if not style.inlined)
        largest = max(blocks, key=lambda style: len(style.css), default=None)
        yield document.finding(largest.offset if largest else 0, "sizes/style-dropped", most=STYLE_DROPPED_AT)
    yield from _images_without_width(document)


def _bulkiest_place(document: Document) -> int:
    """Return where the line that writes most begins, in the file that writes most."""
    pieces = pieces_of(document.markup)
    ends = (*(piece.start for piece in pieces[1:]), len(document.markup))
    written: dict[str, Counter[int]] = defaultdict(Counter)
    first: dict[tuple[str, int], int] = {}
    for piece, end in zip(pieces, ends, strict=True):
        if piece.origin:
            place = piece.origin.place
            written[place.file][place.line] += end - piece.start
            first.setdefault((place.file, place.line), piece.start)
    if not written:
        return document.body.offset
    file = max(written, key=lambda name: written[name].total())
    start = first[file, written[file].most_common(1)[0][0]]
    return start + len(document.markup[start:]) - len(document.markup[start:].lstrip())


def _images_without_width(document: Document) -> Iterator[Finding]:
    for image in document.html_elements("img"):
        if not image.get("width").strip():
            styled = bool(_WIDTH.search(image.get("style")))
            yield document.finding(image.offset, "sizes/image-without-width", severity="note" if styled else "warning")


_TOO_LONG = 500
"""Characters: mail programs wrap lines, but more than five sentences in one paragraph are hard to read."""

_HTML = re.compile(
    r"</?(?:a|abbr|b|body|br|center|code|div|em|font|h[1-6]|head|hr|html|i|img|li|ol|p|pre|small|span|strong|style"
    r"|table|tbody|td|th|tr|u|ul|mj-[a-z-]+|mjml)\b[^<>\n]*>|&(?:[a-z]{2,8}|#\d+|#x[0-9a-f]+);",
    re.IGNORECASE,
)


def check_parity(document: Document) -> Iterator[Finding]:
    yield from _unfilled_places(document)
    if not document.text.strip():
        yield document.finding(Place(document.files.markup), "parity/no-text", template=document.template)
        return
    yield from _html_in_text(document)
    if not document.files.is_text:
        yield from _links_in_one_part(document)
    yield from _long_lines(document)


def _unfilled_places(document: Document) -> Iterator[Finding]:
    for text, place in document.written:
        for match in UNFILLED.finditer(text):
            if not is_sample_value(document.sample.values, match[0]):
                yield document.finding(place(match.start()), "parity/unfilled", shown=match[0], engine=document.engine)


def _html_in_text(document: Document) -> Iterator[Finding]:
    lines = set()
    for match in _HTML.finditer(document.text):
        place = document.text_place(match.start())
        if not is_sample_value(document.sample.values, match[0]) and place.line not in lines:
            lines.add(place.line)
            yield document.finding(place, "parity/html-in-text", shown=match[0][:40])


def _links_in_one_part(document: Document) -> Iterator[Finding]:
    in_text = addresses_in(document.text)
    in_html = [anchor for anchor in anchors(document) if _can_be_compared(anchor)]
    seen = set()
    for anchor in in_html:
        if not _is_in(anchor.address or "", document.text, in_text) and anchor.address not in seen:
            seen.add(anchor.address)
            severity: Severity = "warning" if anchor.is_button else "note"
            if anchor.secret and document.sample.is_complete:
                severity = "error"
            label = anchor.label[:60]
            yield document.finding(anchor.offset, "parity/link-not-in-text", severity=severity, label=label)
    targets = {(anchor.address or "").rstrip("/") for anchor in in_html}
    for address, offset in in_text.items():
        if address.rstrip("/") not in targets:
            yield document.finding(document.text_place(offset), "parity/link-not-in-html")


def _can_be_compared(anchor: Anchor) -> bool:
    address = anchor.address or ""
    return address.startswith(("http://", "https://", "mailto:")) and not is_unfilled(address)


def _is_in(address: str, text: str, in_text: dict[str, int]) -> bool:
    if address.startswith("mailto:"):
        return address.removeprefix("mailto:").partition("?")[0] in text
    return address in in_text or address.rstrip("/") in {other.rstrip("/") for other in in_text}


def _long_lines(document: Document) -> Iterator[Finding]:
    offset = 0
    for line in document.text.split("\n"):
        if len(line) > _TOO_LONG and not addresses_in(line):
            yield document.finding(document.text_place(offset), "parity/long-line", most=_TOO_LONG)
        offset += len(line) + 1


_MARKUP = re.compile(r"</?[a-z][a-z0-9-]*(?:\s[^<>]*)?/?>|&(?:[a-z]{2,8}|#\d+|#x[0-9a-f]+);", re.IGNORECASE)


def check_subject(document: Document) -> Iterator[Finding]:
    if not document.files.subject:
        return
    text = document.subject_file
    if not text.strip():
        if not document.mail.subject:
            yield document.finding(document.subject_place(0), "subject/empty")
        return
    if match := _MARKUP.search(text):
        yield document.finding(document.subject_place(match.start()), "subject/markup", shown=match[0][:40])
    first = len(text) - len(text.lstrip())
    if (end := text.find("\n", first)) >= 0 and (rest := text[end:]).strip():
        yield document.finding(document.subject_place(end + len(rest) - len(rest.lstrip())), "subject/several-lines")


_MARK = "\ufeff"


def check_byte_order_marks(document: Document) -> Iterator[Finding]:
    for text, place_of in document.written:
        places = (place_of(offset) for offset, letter in enumerate(text) if letter == _MARK) if _MARK in text else ()
        for place in places:
            if place == Place(place.file):
                yield document.finding(place, "file/byte-order-mark")


def check_undefined(document: Document) -> Iterator[Finding]:
    for name, place in document.undefined:
        fix = _closest_name(name, document.sample.values)
        rule = f"{document.engine.lower()}/undefined"
        yield document.finding(place, rule, name=name, sample=document.sample.name, fix=fix)


def _closest_name(name: str, values: object) -> str:
    above, dot, last = name.rpartition(".")
    for part in above.split(".") if above else ():
        values = values.get(part) if isinstance(values, dict) else None
    return did_you_mean(last, values if isinstance(values, dict) else (), question=f"Did you mean {above}{dot}{{}}?")
