"""The text part beside the HTML: that it is there, that it is text, and that it leads to the same places."""

import re
from collections.abc import Iterator

from keyturn.emails.lint.checks.anchors import Anchor, addresses_in, anchors
from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding, Place, RuleGroup
from keyturn.emails.lint.source.sample_values import UNFILLED, is_sample_value, is_unfilled

RULES = RuleGroup("parity", "html-in-text", "link-not-in-html", "link-not-in-text", "long-line", "no-text", "unfilled")

_TOO_LONG = 200

_HTML = re.compile(
    r"</?(?:a|abbr|b|body|br|center|code|div|em|font|h[1-6]|head|hr|html|i|img|li|ol|p|pre|small|span|strong|style"
    r"|table|tbody|td|th|tr|u|ul|mj-[a-z-]+|mjml)\b[^<>\n]*>|&(?:[a-z]{2,8}|#\d+|#x[0-9a-f]+);",
    re.IGNORECASE,
)


def check_parity(document: Document) -> Iterator[Finding]:
    yield from _unfilled_places(document)
    if not document.text.strip():
        yield document.finding(
            Place(document.files.markup),  # also where a layout wrote all of it
            RULES["no-text"],
            "warning",
            "There is no text part, or nothing in it: who reads plain text gets an empty mail.",
            f"Write {document.template}.txt beside the template, with the same links.",
        )
        return
    yield from _html_in_text(document)
    yield from _links_in_one_part(document)
    yield from _long_lines(document)


def _unfilled_places(document: Document) -> Iterator[Finding]:
    for text, place in (
        (document.markup, document.place),
        (document.text, document.text_place),
        (document.subject_file, document.subject_place),
    ):
        for found in UNFILLED.finditer(text):
            if not is_sample_value(document.values, found[0]):
                yield document.finding(
                    place(found.start()),
                    RULES["unfilled"],
                    "warning",
                    f"Readers see {found[0]}: this place was never filled in.",
                    f"Write the value as {document.engine} has it; where the sending service fills it in, all is well.",
                )


def _html_in_text(document: Document) -> Iterator[Finding]:
    lines = set()
    for found in _HTML.finditer(document.text):
        place = document.text_place(found.start())
        if not is_sample_value(document.values, found[0]) and place.line not in lines:
            lines.add(place.line)
            yield document.finding(
                place,
                RULES["html-in-text"],
                "warning",
                f"The text part shows {found[0][:40]} as it is written: it is no HTML.",
                "Write plain text, and do not escape in it.",
            )


def _links_in_one_part(document: Document) -> Iterator[Finding]:
    in_text = addresses_in(document.text)
    in_html = [anchor for anchor in anchors(document) if _can_be_compared(anchor)]
    seen = set()
    for anchor in in_html:
        if not _is_in(anchor.address or "", document.text, in_text) and anchor.address not in seen:
            seen.add(anchor.address)
            yield document.finding(
                anchor.offset,
                RULES["link-not-in-text"],
                "error" if anchor.secret and not document.guessed else "warning" if anchor.is_button else "note",
                f'The text part does not have the link "{anchor.label[:60]}".',
                "Write the address on a line of its own in the text part.",
            )
    targets = {(anchor.address or "").rstrip("/") for anchor in in_html}
    for address, offset in in_text.items():
        if address.rstrip("/") not in targets:
            yield document.finding(
                document.text_place(offset),
                RULES["link-not-in-html"],
                "warning",
                "The text part has a link that the HTML does not have.",
                "Give both parts the same links.",
            )


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
            yield document.finding(
                document.text_place(offset),
                RULES["long-line"],
                "note",
                f"A line of the text part is over {_TOO_LONG} characters long, and not every client wraps.",
                "Break lines at about 72 characters; the filter short_lines does it.",
            )
        offset += len(line) + 1
