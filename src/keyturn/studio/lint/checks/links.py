"""Links of a mail: their addresses and their texts.

An address is never fetched: a GET may consume a reset link.
"""

import re
from collections.abc import Iterator
from functools import partial

from msgspec.structs import replace

from keyturn.hosts import host_in
from keyturn.mail.rendering.html_tree import Element, attribute_value
from keyturn.studio.gallery.variables.plausible_texts import Named
from keyturn.studio.gallery.variables.slots import fit, mark_for, slots_in
from keyturn.studio.lint.checks.addresses import is_between, is_unfilled, scheme_of, urls_in
from keyturn.studio.lint.checks.anchors import Anchor, anchors, range_of
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding, Severity, did_you_mean
from keyturn.studio.lint.rules import RULES
from keyturn.studio.lint.source.traced_text import made_up_in

_KNOWN = {  # the schemes of links, images and bases
    "": ("https", "http", "mailto", "tel", "sms"),
    "image": ("https", "http", "cid", "data"),
    "base": ("https", "http"),
}
_MAILBOX = r"\s*[^\s@,<>?]+@[^\s@,<>?]+\.[^\s@,<>?.]+\s*"
_MAILTO = re.compile(
    rf"mailto:(?!//){_MAILBOX}(?:,{_MAILBOX})*(?:\?.*)?", re.IGNORECASE | re.DOTALL
)
_INSIDE = re.compile(
    r"localhost|.+\.localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|::1|host\.docker\.internal"
    r"|10\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+|172\.(?:1[6-9]|2\d|3[01])\.\d+\.\d+"
)
"""This machine and private networks, which readers cannot reach (RFC 6761, 6.3; RFC 1122, 3.2.1.3;
RFC 1918).
"""

# "https://https://a.example", "https:https//a.example", and an address of its own behind a base:
# "https://a/https://b", "https://a/htps://b", "https://a/mailto:b", "https://atel:b".
_TWICE = re.compile(
    r"https?:/*(?:https?(?::|/|%3a)|[^/?#]*(?:https?:|[a-z]:/|mailto:|(?:tel|sms):[+\d])"
    r"|[^/?#]+/+[a-z][a-z0-9+.-]*:/|[^/?#]+/+(?:mailto|tel|sms):)",
    re.IGNORECASE,
)


def check_links(document: Document) -> Iterator[Finding]:
    targets: dict[str, str] = {}
    for anchor in anchors(document):
        find = partial(document.finding, anchor.offset)
        if not anchor.has_href:
            yield find("links/no-href")
        elif anchor.address in ("", "#"):
            # A button is what the mail is for; another link is one of several.
            severity: Severity = "error" if anchor.is_button else "warning"
            yield find("links/empty", severity=severity)
        elif not anchor.address.startswith("#"):
            # Of a place in this mail, the check of compatibility says who follows it.
            yield from _check_address(document, anchor)
        yield from _check_label(anchor, targets, find)
    for image in document.elements("mj-image", "mj-carousel-image"):
        yield from _check_source(document, image, "src", "image")
    for image in document.html_elements("img"):
        yield from _check_source(document, image, "src", "image")
    for base in document.html_elements("base"):
        yield from _check_source(document, base, "href", "base")


def check_links_in_text(document: Document) -> Iterator[Finding]:
    """Check the addresses in a mail that consists of text alone."""
    for url in urls_in(document.text):
        find = partial(document.finding, document.place(url.offset, "text"))
        yield from _judge_address(document, Anchor(url.address, url.offset, url.offset), find)


def _check_source(
    document: Document, element: Element, attribute: str, kind: str
) -> Iterator[Finding]:
    written = element.attributes.get(attribute)
    if written and written.value.strip():
        source = Anchor(
            address=written.value.strip(),
            offset=written.offset,
            begins_at=written.offset,
            written=(range_of(document, written),),
        )
        yield from _check_address(document, source, kind)


def _check_address(document: Document, anchor: Anchor, kind: str = "") -> Iterator[Finding]:
    """Check an address.

    If a fitting value would end an error, the made-up value is at fault: a warning names it.

    `kind`: "image" (an app may complete or attach a relative one), "base", or "" for a link.
    """
    find = partial(document.finding, anchor.begins_at, rests_on=())
    made_up = _made_up_name(document, anchor)
    if not made_up:
        yield from _judge_address(document, anchor, find, kind)
        return
    errors_with_fitting_values = set[str]()
    if not document.sample.is_complete:
        fitting = replace(anchor, address=_with_fitting_values(document, anchor))
        for one in _judge_address(document, fitting, find, kind):
            errors_with_fitting_values.add(one.rule)
    for one in _judge_address(document, anchor, find, kind):
        if one.severity == "error" and one.rule not in errors_with_fitting_values:
            yield document.made_up_finding(one.place, made_up)
        else:
            yield one


def _made_up_name(document: Document, anchor: Anchor) -> str:
    """Return the first variable of an address whose value is made up, empty without one."""
    for written in anchor.written:
        for name in document.made_up(written):
            return name
    return ""


def _with_fitting_values(document: Document, anchor: Anchor) -> str:
    """Return the address with other values for its made-up parts, which fit their places."""
    parts: list[str] = []
    names: list[str] = []
    values: list[str] = []
    for written in anchor.written:
        at = written.start
        for start, stop, name in made_up_in(document.markup, written.start, written.stop):
            parts.append(attribute_value(document.markup[at:start]))
            parts.append(mark_for(len(values)))
            names.append(name)
            values.append(attribute_value(document.markup[start:stop]))
            at = stop
        parts.append(attribute_value(document.markup[at : written.stop]))
    address = "".join(parts)
    slots = dict(slots_in(f'<a href="{address}">'))
    for nth, value in enumerate(values):
        fitting = value
        if nth in slots:
            fitting = fit(slots[nth], value, Named(names[nth]))
        address = address.replace(mark_for(nth), fitting)
    return address.strip()


def _judge_address(
    document: Document, anchor: Anchor, find: "partial[Finding]", kind: str = ""
) -> Iterator[Finding]:
    scheme = scheme_of(anchor.address)
    if is_unfilled(anchor.address):
        return
    if kind == "image" and not scheme and document.template:
        return  # the app may complete it
    fault = _fault_of_scheme(anchor.address, scheme, kind, find)
    if fault:
        yield fault
        return
    host = host_in(anchor.address)
    if _INSIDE.fullmatch(host):
        severity: Severity = "error" if document.template else "note"
        if not document.has_in_values(host):
            yield find("links/this-machine", severity=severity, host=host)
    elif not kind and scheme in ("http", "https"):
        yield from _check_receiver(document, anchor, host, find)


def _fault_of_scheme(
    address: str, scheme: str, kind: str, find: "partial[Finding]"
) -> Finding | None:
    """Return what is wrong with the beginning of an address."""
    if _TWICE.match(address):
        return find("links/doubled-scheme")
    if not scheme:
        return find("links/relative", kind)
    if not kind and scheme in ("javascript", "data", "vbscript", "file"):
        return find("links/forbidden-scheme", scheme=scheme)
    if scheme not in _KNOWN[kind]:
        meant = did_you_mean(scheme, _KNOWN[kind], question="Did you mean {}:?")
        severity: Severity = "error" if meant or kind else "warning"
        return find("links/unknown-scheme", kind, severity=severity, scheme=scheme, fix=meant)
    if scheme == "mailto" and not _MAILTO.fullmatch(address):
        return find("links/malformed-mailto")
    return None


def _check_receiver(
    document: Document, anchor: Anchor, host: str, find: "partial[Finding]"
) -> Iterator[Finding]:
    """Check who gets the request of a web link, and its secret."""
    address = anchor.address.lower()
    has_secret = anchor.secret != ""
    severity: Severity = "warning"
    if has_secret and document.sample.is_complete:
        severity = "error"
    has_slashes = address.startswith(("http://", "https://"))
    if not (has_slashes and host) or " " in address:
        yield find("links/no-host")
    elif address.startswith("http:"):
        seen = "read its token" if has_secret else "see it"
        yield find("links/http", severity=severity, host=host, seen=seen)
    if is_between(host):
        seen = "sees the token in this link" if has_secret else "sees who clicks this link"
        yield find("links/third-party", severity=severity, host=host, seen=seen)


def _check_label(
    anchor: Anchor, targets: dict[str, str], find: "partial[Finding]"
) -> Iterator[Finding]:
    label = " ".join(anchor.label.casefold().split()).rstrip(".!… »>→")
    if not label:
        yield find("links/no-text", "image" if anchor.has_image else "")
        return
    if label in RULES["links/vague-text"].words["texts"]:
        yield find("links/vague-text", label=anchor.label)
    address = anchor.address.rstrip("/")
    if targets.setdefault(label, address) != address:
        yield find("links/same-text", label=anchor.label)
