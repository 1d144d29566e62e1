"""Barriers for people who read with a screen reader, enlarged text, or tired eyes (WCAG 2.2)."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from keyturn.emails.lint.css.computed_style import Paint
from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding, RuleGroup
from keyturn.emails.lint.markup.structure import body_of
from keyturn.mail.rendering.html_tree import Element

RULES = RuleGroup(
    "accessibility",
    "alt-file-name",
    "alt-missing",
    "headers-of-layout",
    "heading-order",
    "justified",
    "lang",
    "no-heading",
    "small-text",
    "table-role",
    "tight-lines",
    "title",
)

_SMALLEST = 13
_TIGHTEST = 1.2
_SEVERAL_LINES = 120
_HEADING = re.compile(r"h([1-6])$")


def check_accessibility(document: Document) -> Iterator[Finding]:
    yield from _language_and_title(document)
    yield from _images(document)
    yield from _headings(document)
    yield from _tables(document)
    yield from _texts(document)


def _language_and_title(document: Document) -> Iterator[Finding]:
    top = document.root.find("mjml") or document.root.find("html")
    offset = top.offset if top else 0
    if top is None or not top.get("lang").strip():
        yield document.finding(
            offset,
            RULES["lang"],
            "warning",
            "The mail does not say its language, so it is read out in any voice.",
            f'Write lang="{{{{ lang }}}}" on the {top.tag if top else "outermost"} element (WCAG 3.1.1).',
        )
    if not document.subject.strip():
        title = document.root.find("mj-title") or document.root.find("title")
        yield document.finding(
            title.offset if title else offset,
            RULES["title"],
            "warning",
            "The mail has no title.",
            f"Write the subject into {'mj-title' if document.is_mjml else 'title'}: screen readers say it first "
            "(WCAG 2.4.2).",
        )


def _images(document: Document) -> Iterator[Finding]:
    for node in document.drawn.walk():
        if node.tag != "img":
            continue
        if "alt" not in node.attributes and not _is_silent_link(node):
            yield document.finding(
                document.lookup.offset_of(node),
                RULES["alt-missing"],
                "warning",
                "This image has no alt text.",
                'Say what it shows, or write alt="" if it shows nothing that the text does not (WCAG 1.1.1).',
            )
        elif _is_file_name(node.get("alt"), node.get("src")):
            yield document.finding(
                document.lookup.offset_of(node),
                RULES["alt-file-name"],
                "warning",
                f'"{node.get("alt")}" is a file\'s name.',
                "Say what the image shows (WCAG 1.1.1).",
            )


def _is_silent_link(image: Element) -> bool:
    """Tell whether the image is the only content of a link, which `links/no-text` reports."""
    link = next((above for above in image.ancestors() if above.tag == "a"), None)
    return link is not None and not link.text()


def _is_file_name(alt: str, source: str) -> bool:
    file = urlsplit(source).path.rpartition("/")[2].lower()
    alt = alt.strip().lower()
    return bool(alt) and (alt == file or bool(re.fullmatch(r"\S+\.(?:png|jpe?g|gif|webp|svg)", alt)))


def _headings(document: Document) -> Iterator[Finding]:
    before, found = 0, False
    for tag in document.html_elements():
        if not (heading := _HEADING.match(tag.tag)):
            continue
        level, found = int(heading[1]), True
        if level > before + 1 and before:
            yield document.finding(
                tag.offset,
                RULES["heading-order"],
                "warning",
                f"After h{before} comes h{level}.",
                f"Make it an h{before + 1}, and size it with CSS (WCAG 1.3.1).",
            )
        before = level
    if not found and (body := body_of(document.root) or document.root.find("body")):
        yield document.finding(
            body.offset,
            RULES["no-heading"],
            "note",
            "No text is marked as a heading, so nobody can jump to it.",
            "Write the first line as an h1 (WCAG 1.3.1).",
        )


def _tables(document: Document) -> Iterator[Finding]:
    """Yield tables that have neither header cells nor the role of layout, and tables that have both."""
    for element in document.elements("mj-table"):
        inside_attributes = any(above.tag == "mj-attributes" for above in element.ancestors())
        if not inside_attributes and not element.get("role") and "<th" not in document.source_inside(element):
            yield _table(document, element.offset, "mj-table")
    for table in document.html_elements("table"):
        headed = _has_header_cells(table)
        role = table.get("role")
        if not role and not headed:
            yield _table(document, table.offset, "table")
        if role in ("presentation", "none") and headed:
            yield document.finding(
                table.offset,
                RULES["headers-of-layout"],
                "warning",
                f'This table has header cells, and role="{role}" hides them: nobody hears what a cell belongs to.',
                "Leave the role out if it is data, or write td if it is layout (WCAG 1.3.1).",
            )


def _has_header_cells(table: Element) -> bool:
    """Tell whether a table has header cells of its own, not those of a nested table."""
    return any(isinstance(node, Element) and node.tag == "th" for node in table.below(frozenset(["table"])))


def _table(document: Document, offset: int, name: str) -> Finding:
    return document.finding(
        offset,
        RULES["table-role"],
        "note",
        f"This {name} is read out cell by cell, as data without headers.",
        'Give it role="presentation" if it is layout, or th cells if it is data (WCAG 1.3.1).',
    )


def _texts(document: Document) -> Iterator[Finding]:
    """Yield text that is hard to read, once for each place."""
    seen = set()
    for node, paint in document.texts_in_light:
        offset = document.lookup.offset_of(node)
        for finding in _of_text(document, offset, paint, len(node.text())):
            if (finding.rule, offset) not in seen:
                seen.add((finding.rule, offset))
                yield finding


def _of_text(document: Document, offset: int, paint: Paint, letters: int) -> Iterator[Finding]:
    if paint.size < _SMALLEST:
        yield document.finding(
            offset,
            RULES["small-text"],
            "warning",
            f"Text of {paint.size:g} px is hard to read on a phone.",
            f"Use at least {_SMALLEST} px.",
        )
    if letters > _SEVERAL_LINES and 0 < paint.line_height < paint.size * _TIGHTEST:
        yield document.finding(
            offset,
            RULES["tight-lines"],
            "note",
            f"Lines stand {paint.line_height:g} px apart at {paint.size:g} px of type.",
            "Give running text a line-height of about one and a half.",
        )
    if paint.align == "justify":
        yield document.finding(
            offset,
            RULES["justified"],
            "warning",
            "Justified text has gaps that make it hard to read.",
            "Align it with the start of the line (WCAG 1.4.8).",
        )
