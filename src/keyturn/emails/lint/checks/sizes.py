"""The size of a mail compared with Gmail's limits, and images without a width."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding
from keyturn.emails.lint.source.traced_text import pieces_of

# Gmail clips a message at about 102 KB of HTML and drops a style block over 16,384 bytes.
CLIPPED_AT = 102 * 1024
STYLE_DROPPED_AT = 16 * 1024

_STYLE = re.compile(r"<(/?)style\b", re.IGNORECASE)
_WIDTH = re.compile(r"(?:^|;)\s*(?:max-)?width\s*:\s*\d", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Size:
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
    size = size_of(document.html, document.text)
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
