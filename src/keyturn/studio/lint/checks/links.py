"""Links of a mail: addresses, texts and secrets.

An address is never fetched: a GET may consume a reset link.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from urllib.parse import parse_qsl, unquote

from msgspec import Struct
from msgspec.structs import replace

from keyturn.hosts import host_in, site_of, split_address
from keyturn.mail.rendering.html_tree import Attribute, Element, attribute_value
from keyturn.studio.gallery.variables.plausible_texts import Named
from keyturn.studio.gallery.variables.slots import fit, mark_for, slots_in
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding, Severity, did_you_mean
from keyturn.studio.lint.markup.structure import default_rules, inherited_attribute
from keyturn.studio.lint.rules import RULES
from keyturn.studio.lint.source.traced_text import made_up_in

_KNOWN = {  # the schemes of links, images and bases
    "": ("https", "http", "mailto", "tel", "sms"),
    "image": ("https", "http", "cid", "data"),
    "base": ("https", "http"),
}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
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
    r"https?:/*(?:https?(?::|/|%3a)|[^/?#]*(?:https?:|[a-z]:/|mailto:|(?:tel|sms):[+\d])|[^/?#]+/+[a-z][a-z0-9+.-]*:/"
    r"|[^/?#]+/+(?:mailto|tel|sms):)",
    re.IGNORECASE,
)


class Anchor(Struct, frozen=True):
    """A link of a mail.

    `address`: empty without an href. `label`: its text, also that of its images.

    `offset` counts characters of the markup. `begins_at`: where its address does, perhaps the
    base-url of its navbar.
    `written`: the ranges of the address in the markup.
    """

    address: str
    offset: int
    begins_at: int
    label: str = ""
    has_href: bool = True
    has_image: bool = False
    is_button: bool = False
    written: tuple[range, ...] = ()

    @property
    def secret(self) -> str:
        return secret_in(self.address)


def check_links(document: Document) -> Iterator[Finding]:
    targets: dict[str, str] = {}
    for anchor in anchors(document):
        find = partial(document.finding, anchor.offset)
        if not anchor.has_href:
            yield find("links/no-href")
        elif anchor.address in ("", "#"):
            # what the mail is for, or one link of several
            yield find("links/empty", severity="error" if anchor.is_button else "warning")
        elif not anchor.address.startswith(
            "#"
        ):  # a place in this mail: compatibility says who follows it
            yield from _check_address(document, anchor)
        yield from _check_label(anchor, targets, find)
    images = (*document.elements("mj-image", "mj-carousel-image"), *document.html_elements("img"))
    sources = [("image", one.attributes.get("src")) for one in images]
    sources += (("base", one.attributes.get("href")) for one in document.html_elements("base"))
    for kind, written in sources:
        if written and (address := written.value.strip()):
            source = Anchor(
                address, written.offset, written.offset, written=(_range_of(document, written),)
            )
            yield from _check_address(document, source, kind)


def check_links_in_text(document: Document) -> Iterator[Finding]:
    """Check the addresses in a mail that consists of text alone."""
    for match in _ANY_ADDRESS.finditer(document.text):
        start = match.start()
        find = partial(document.finding, document.place(start, "text"))
        yield from _judge_address(document, Anchor(match[0].rstrip(_CLOSING), start, start), find)


def _check_address(document: Document, anchor: Anchor, kind: str = "") -> Iterator[Finding]:
    """Check an address.

    If a fitting value would end an error, the made-up value is at fault: a warning names it.

    `kind`: "image" (an app may complete or attach a relative one), "base", or "" for a link.
    """
    find = partial(document.finding, anchor.begins_at, rests_on=())
    made_up = next((name for one in anchor.written for name in document.made_up(one)), "")
    left: set[str] = set()
    if made_up and not document.sample.is_complete:
        fitting = replace(anchor, address=_with_fitting_values(document, anchor))
        left = {one.rule for one in _judge_address(document, fitting, find, kind)}
    for one in _judge_address(document, anchor, find, kind):
        is_made_up = made_up and one.severity == "error" and one.rule not in left
        yield document.made_up_finding(one.place, made_up) if is_made_up else one


def _with_fitting_values(document: Document, anchor: Anchor) -> str:
    """Return the address with other values for its made-up parts, which fit their places."""
    parts: list[str] = []
    values: list[tuple[str, str]] = []
    for one in anchor.written:
        at = one.start
        for start, stop, name in made_up_in(document.markup, one.start, one.stop):
            parts += [attribute_value(document.markup[at:start]), mark_for(len(values))]
            values.append((name, attribute_value(document.markup[start:stop])))
            at = stop
        parts.append(attribute_value(document.markup[at : one.stop]))
    slots = dict(slots_in(f'<a href="{"".join(parts)}">'))
    address = "".join(parts)
    for nth, (name, value) in enumerate(values):
        fitting = fit(slots[nth], value, Named(name)) if nth in slots else value
        address = address.replace(mark_for(nth), fitting)
    return address.strip()


def _judge_address(
    document: Document, anchor: Anchor, find: "partial[Finding]", kind: str = ""
) -> Iterator[Finding]:
    address, host, scheme = anchor.address, host_in(anchor.address), _SCHEME.match(anchor.address)
    name = scheme[1].lower() if scheme else ""
    if is_unfilled(address) or (kind == "image" and not scheme and document.template):
        return
    if _TWICE.match(address):
        yield find("links/doubled-scheme")
    elif not scheme:
        yield find("links/relative", kind)
    elif not kind and name in ("javascript", "data", "vbscript", "file"):
        yield find("links/forbidden-scheme", scheme=name)
    elif name not in _KNOWN[kind]:
        meant = did_you_mean(name, _KNOWN[kind], question="Did you mean {}:?")
        severity: Severity = "error" if meant or kind else "warning"
        yield find("links/unknown-scheme", kind, severity=severity, scheme=name, fix=meant)
    elif name == "mailto" and not _MAILTO.fullmatch(address):
        yield find("links/malformed-mailto")
    elif _INSIDE.fullmatch(host):
        if not is_sample_value(document.sample.values, host):
            yield find(
                "links/this-machine", severity="error" if document.template else "note", host=host
            )
    elif not kind and name in ("http", "https"):
        yield from _check_web_link(document, anchor, host, find)


def _check_web_link(
    document: Document, anchor: Anchor, host: str, find: "partial[Finding]"
) -> Iterator[Finding]:
    secret, address = bool(anchor.secret), anchor.address.lower()
    severity: Severity = "error" if secret and document.sample.is_complete else "warning"
    if not address.startswith(("http://", "https://")) or not host or " " in address:
        yield find("links/no-host")
    elif address.startswith("http:"):
        yield find(
            "links/http",
            severity=severity,
            host=host,
            seen="read its token" if secret else "see it",
        )
    if is_between(host):
        seen = "sees the token in this link" if secret else "sees who clicks this link"
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


def is_between(host: str) -> bool:
    """Tell whether a host shortens or tracks links for others. It sees every token that passes."""
    return not RULES["links/third-party"].words["hosts"].isdisjoint((host, site_of(host)))


_BUTTON_STYLE = re.compile(r"(?=.*background)(?=.*padding)", re.DOTALL)
_BUTTON_CLASS = re.compile(r"(?:^|[\s_-])(?:btn|button|cta)(?:$|[\s_-])", re.IGNORECASE)
_SECRET_NAME = re.compile(r"token|code|key|otp|ticket|secret|signature|hash", re.IGNORECASE)
_RANDOM = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_.~-]{20,}|[0-9a-fA-F]{32,}")
_MIXED = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])|[0-9a-f-]+$")
_SECRET_AT_LEAST = 6
_TOKEN_NAME = re.compile(r"token|secret|otp$", re.IGNORECASE)
_CHOOSES_PASSWORD = re.compile(
    r"reset|forgot|recover|passwor[dt]|choose|activat|invit", re.IGNORECASE
)
_ADDRESS = re.compile(r"https?://[^\s<>\"]+")
_ANY_ADDRESS = re.compile(r"(?<![\w+.-])[A-Za-z][A-Za-z0-9+.-]*+://[^\s<>\"]+")
_CLOSING = ".,;:!?)]»”"
_LINKING = ("mj-button", "mj-image", "mj-social-element", "mj-navbar-link", "mj-carousel-image")


def anchors(document: Document) -> list[Anchor]:
    """Return the links in the order of the markup, without the defaults in mj-attributes."""
    rules, elements = default_rules(document.root), document.elements(*_LINKING)
    used = (
        one
        for one in elements
        if not any(above.tag == "mj-attributes" for above in one.ancestors())
    )
    linking = (
        one
        for one in (_of_element(document, rules, one) for one in used)
        if one.has_href or one.is_button
    )
    # Without an address, an anchor with a name is only a target.
    links = (
        one
        for one in document.html_elements("a")
        if "href" in one.attributes or "name" not in one.attributes
    )
    return sorted(
        (*linking, *(_of_html(document, link) for link in links)), key=lambda anchor: anchor.offset
    )


def secret_in(address: str) -> str:
    """Return the secret part of a web address, which grants access; empty if there is none."""
    named, path = _parameters_and_path(address)
    for name, value in named:
        if (_SECRET_NAME.search(name) and len(value) >= _SECRET_AT_LEAST) or _looks_random(value):
            return value
        if inner := secret_in(value):  # an address in a parameter of another one
            return inner
    return next((segment for segment in path if _looks_random(segment)), "")


def has_token(address: str) -> bool:
    """Tell whether a web address has a random part: in a parameter that is named as a token, or
    behind a path segment on passwords or accounts.
    """
    named, path = _parameters_and_path(address)
    if any(_TOKEN_NAME.search(name) and _looks_random(value) for name, value in named):
        return True
    return any(
        _CHOOSES_PASSWORD.search(before) and _looks_random(after)
        for before, after in pairwise(path)
    )


def _parameters_and_path(address: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the parameters and the segments of the path of a web address.

    Other texts have neither.
    """
    parts = split_address(address)
    if parts.scheme not in ("http", "https"):
        return [], []
    return parse_qsl(f"{parts.query}&{parts.fragment}"), unquote(parts.path).split("/")


def addresses_in(text: str) -> dict[str, int]:
    """Return the web addresses in a plain text, each with its offset."""
    return {
        match[0].rstrip(_CLOSING): match.start()
        for match in reversed(list(_ADDRESS.finditer(text)))
    }


def _range_of(document: Document, attribute: Attribute) -> range:
    is_quoted = document.markup[attribute.end - 1] in "\"'"
    return range(attribute.value_offset, attribute.end - is_quoted)


def _of_element(document: Document, rules: Sequence[Element], element: Element) -> Anchor:
    href = inherited_attribute(rules, element, "href")
    bar = element.parent if element.parent and element.parent.tag == "mj-navbar" else None
    base = inherited_attribute(rules, bar, "base-url") if bar else None
    before, address = (attribute.value.strip() if attribute else "" for attribute in (base, href))
    is_relative = href and before and not _SCHEME.match(address) and " " not in address
    written = tuple(
        _range_of(document, one) for one in ((base if is_relative else None), href) if one
    )
    is_image, text = (
        element.tag in ("mj-image", "mj-carousel-image", "mj-social-element"),
        element.text(),
    )
    return Anchor(
        address=before + address if href else "",
        has_href=bool(href),
        offset=(href or element).offset,
        begins_at=(base if base and is_relative else href or element).offset,
        label=text or (element.get("alt").strip() if is_image else ""),
        has_image=is_image and not text,
        is_button=element.tag == "mj-button",
        written=written,
    )


def _of_html(document: Document, link: Element) -> Anchor:
    href = link.attributes.get("href")
    at = (href or link).offset
    return Anchor(
        address=href.value.strip() if href else "",
        offset=at,
        begins_at=at,
        label=link.text(),
        has_href=bool(href),
        has_image=bool(link.find("img")),
        is_button=_is_button(link),
        written=(_range_of(document, href),) if href else (),
    )


def _is_button(link: Element) -> bool:
    """Tell whether a link looks like a button: by its own style, or by the cell around it, as
    Outlook needs it.
    """
    style = link.get("style")
    if (
        _BUTTON_STYLE.match(style)
        or link.get("role") == "button"
        or _BUTTON_CLASS.search(link.get("class"))
    ):
        return True
    cell = next((above for above in link.ancestors() if above.tag in ("td", "th")), None)
    around = cell.get("style") if cell else ""
    filled = "background" in around or bool(cell and cell.get("bgcolor"))
    return filled and ("padding" in style or ("padding" in around and "border-radius" in around))


def _looks_random(text: str) -> bool:
    return bool(_RANDOM.fullmatch(text) and _MIXED.match(text))


# Placeholders of Jinja and gettext. In an address also those of MJML and of sending services.
UNFILLED = re.compile(r"\{\{|\{%|\{#|%\(\w+\)[sd]")
_UNFILLED_ADDRESS = re.compile(rf"{UNFILLED.pattern}|\[\[|\*\||<%|\$\{{|%%")
_IN_BRACKETS = re.compile(
    r"""(?!%[0-9A-Fa-f]{2})[^\w\s/.?&+"'-]+\s*[A-Za-z_$][\w .:$|-]*[^\w\s/.?&+"'-]+"""
)
"""A name between signs of any kind with which an address begins: "[unsubscribe]", "{url}", "%url%",
"~url~".
"""


def is_unfilled(address: str) -> bool:
    """Tell whether a service that sends the mail fills in the address, or a part of it."""
    return bool(_IN_BRACKETS.match(address) or _UNFILLED_ADDRESS.search(address))


def is_sample_value(values: Mapping[str, object], text: str) -> bool:
    return any(text in value for value in texts_in(values))


def texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from texts_in(one)
