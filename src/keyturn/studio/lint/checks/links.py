"""Links of a mail: their addresses, their texts, and the secrets in them.

Addresses are never fetched: a GET may consume a reset link.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import cast
from urllib.parse import parse_qsl, unquote

from msgspec import Struct

from keyturn.mail.rendering.html_tree import Element
from keyturn.studio.lint.addresses import host_of, site_of, split_address
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding, Severity, did_you_mean
from keyturn.studio.lint.markup.structure import default_rules, inherited_attribute
from keyturn.studio.lint.rules import RULES

_SCHEMES = ("https", "http", "mailto", "tel", "sms")
_OF_SOURCES = {"image": ("https", "http", "cid", "data"), "base": ("https", "http")}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_MAILBOX = re.compile(r"[^\s@,<>]+@[^\s@,<>]+\.[^\s@,<>.]+")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_INSIDE = re.compile(
    r"localhost|.+\.localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|::1|host\.docker\.internal"
    r"|10\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+|172\.(?:1[6-9]|2\d|3[01])\.\d+\.\d+"
)
"""This machine and private networks, which readers cannot reach (RFC 6761, 6.3; RFC 1122, 3.2.1.3; RFC 1918)."""

# "https://https://a.example", "https:https//a.example", and an address of its own behind a base: "https://a/https://b",
# "https://a/htps://b", "https://a/mailto:b", "https://atel:b".
_TWICE = re.compile(
    r"https?:/*(?:https?(?::|/|%3a)|[^/?#]*(?:https?:|[a-z]:/|mailto:|(?:tel|sms):[+\d])|[^/?#]+/+[a-z][a-z0-9+.-]*:/"
    r"|[^/?#]+/+(?:mailto|tel|sms):)",
    re.IGNORECASE,
)


class Anchor(Struct, frozen=True):
    """A link of a mail.

    `address` is None without an href. `label` is its text, with the alternative texts of images. `offset` counts
    characters of the markup. `begins_at`: where its address begins, which may be the base-url of its navbar.
    `has_image`: it contains an image.
    """

    address: str | None
    label: str
    offset: int
    begins_at: int
    has_image: bool
    is_button: bool

    @property
    def secret(self) -> str:
        return secret_in(self.address or "")


def check_links(document: Document) -> Iterator[Finding]:
    targets: dict[str, str] = {}
    for anchor in anchors(document):
        find = partial(document.finding, anchor.offset)
        if anchor.address is None:
            yield find("links/no-href")
        elif not is_unfilled(anchor.address):
            yield from _check_address(document, anchor.address, anchor, partial(document.finding, anchor.begins_at))
        yield from _of_label(anchor, targets, find)
    images = (*document.elements("mj-image", "mj-carousel-image"), *document.html_elements("img"))
    for address, offset in _addresses(images, "src"):
        yield from _of_source(document, address, "image", partial(document.finding, offset))
    for address, offset in _addresses(document.html_elements("base"), "href"):
        yield from _of_source(document, address, "base", partial(document.finding, offset))


def _addresses(elements: Iterable[Element], name: str) -> Iterator[tuple[str, int]]:
    for element in elements:
        if written := element.attributes.get(name):
            yield written.value.strip(), written.offset


def _of_source(document: Document, address: str, case: str, find: "partial[Finding]") -> Iterator[Finding]:
    """Check the address of an image or a base. An app may complete or attach a relative image of a template."""
    known, scheme = _OF_SOURCES[case], _SCHEME.match(address)
    if address and not (scheme or is_unfilled(address) or (case == "image" and document.template)):
        yield find("links/relative", case)
    if _TWICE.match(address):
        yield find("links/doubled-scheme")
    elif scheme and "{" not in address and scheme[1].lower() not in known:
        meant = did_you_mean(scheme[1].lower(), known, question="Did you mean {}:?")
        yield find("links/unknown-scheme", case, severity="error", scheme=scheme[1], fix=meant)
    elif _INSIDE.fullmatch(host := host_of(address)):
        yield from _of_this_machine(document, host, find)


def check_links_in_text(document: Document) -> Iterator[Finding]:
    """Check the addresses in a mail that consists of text alone."""
    for match in _ANY_ADDRESS.finditer(document.text):
        address = match[0].rstrip(_CLOSING)
        if not is_unfilled(address):
            anchor = Anchor(address, "", match.start(), match.start(), has_image=False, is_button=False)
            place = document.text_place(match.start())
            yield from _check_address(document, address, anchor, partial(document.finding, place))


def _check_address(document: Document, address: str, anchor: Anchor, find: "partial[Finding]") -> Iterator[Finding]:
    scheme = _SCHEME.match(address)
    if address in ("", "#"):
        # what the mail is for, or one link of several
        yield find("links/empty", severity="error" if anchor.is_button else "warning")
    elif address.startswith("#"):
        return  # a place in this mail: compatibility says who follows it
    elif not scheme:
        yield find("links/relative")
    elif (name := scheme[1].lower()) in ("javascript", "data", "vbscript", "file"):
        yield find("links/forbidden-scheme", scheme=name)
    elif name not in _SCHEMES:
        meant = did_you_mean(name, _SCHEMES, question="Did you mean {}:?")
        yield find("links/unknown-scheme", severity="error" if meant else "warning", scheme=name, fix=meant)
    elif name == "mailto":
        yield from _of_mailto(address, find)
    elif name in ("http", "https"):
        yield from _of_web_address(document, address, anchor, find)


def _of_mailto(address: str, find: "partial[Finding]") -> Iterator[Finding]:
    named = address.partition(":")[2].partition("?")[0]
    if named.startswith("//") or not all(_MAILBOX.fullmatch(mailbox.strip()) for mailbox in named.split(",")):
        yield find("links/malformed-mailto")


def _of_web_address(document: Document, address: str, anchor: Anchor, find: "partial[Finding]") -> Iterator[Finding]:
    host, secret = host_of(address), bool(anchor.secret)
    severity: Severity = "error" if secret and document.sample.is_complete else "warning"
    if _TWICE.match(address):
        yield find("links/doubled-scheme")
        return
    if not address.lower().startswith(("http://", "https://")) or not host or " " in address:
        yield find("links/no-host")
    elif _INSIDE.fullmatch(host):
        yield from _of_this_machine(document, host, find)
    elif address.lower().startswith("http:"):
        yield find("links/http", severity=severity, host=host, seen="read its token" if secret else "see it")
    if is_between(host):
        seen = "sees the token in this link" if secret else "sees who clicks this link"
        yield find("links/third-party", severity=severity, host=host, seen=seen)


def _of_this_machine(document: Document, host: str, find: "partial[Finding]") -> Iterator[Finding]:
    if not is_sample_value(document.sample.values, host):
        yield find("links/this-machine", severity="error" if document.template else "note", host=host)


def _of_label(anchor: Anchor, targets: dict[str, str], find: "partial[Finding]") -> Iterator[Finding]:
    label = " ".join(anchor.label.casefold().split()).rstrip(".!… »>→")
    if not label and anchor.has_image:
        yield find("links/no-text", "image")
        return
    if not label:
        yield find("links/no-text")
        return
    if label in RULES["links/vague-text"].words["texts"]:
        yield find("links/vague-text", label=anchor.label)
    address = (anchor.address or "").rstrip("/")
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
_CHOOSES_PASSWORD = re.compile(r"reset|forgot|recover|passwor[dt]|choose|activat|invit", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s<>\"]+")
_ANY_ADDRESS = re.compile(r"(?<![\w+.-])[A-Za-z][A-Za-z0-9+.-]*+://[^\s<>\"]+")
_CLOSING = ".,;:!?)]»”"


_LINKING = ("mj-button", "mj-image", "mj-social-element", "mj-navbar-link", "mj-carousel-image")


def anchors(document: Document) -> Iterator[Anchor]:
    rules = default_rules(document.root)
    elements = (
        _of_element(rules, element)
        for element in document.elements(*_LINKING)
        if not any(above.tag == "mj-attributes" for above in element.ancestors())
    )
    all_anchors = [one for one in elements if one.address is not None or one.is_button]
    # Without an address, an anchor with a name is only a target.
    links = (one for one in document.html_elements("a") if "href" in one.attributes or "name" not in one.attributes)
    all_anchors += map(_of_html, links)
    yield from sorted(all_anchors, key=lambda anchor: anchor.offset)


def secret_in(address: str) -> str:
    """Return the secret part of a web address, which grants access; empty if there is none."""
    named, path = _parameters_and_path(address)
    for name, value in named:
        if (_SECRET_NAME.search(name) and len(value) >= _SECRET_AT_LEAST) or _looks_random(value):
            return value
        if inner := secret_in(value):  # an address in a parameter of another one
            return inner
    return next((segment for segment in path if _looks_random(segment)), "")


def has_certain_token(address: str) -> bool:
    """Tell whether a web address has a random part in a parameter or behind a path segment that names its purpose."""
    named, path = _parameters_and_path(address)
    if any(_TOKEN_NAME.search(name) and _looks_random(value) for name, value in named):
        return True
    return any(_CHOOSES_PASSWORD.search(before) and _looks_random(after) for before, after in pairwise(path))


def _parameters_and_path(address: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the parameters and the segments of the path of a web address. Other texts have neither."""
    parts = split_address(address)
    if parts.scheme not in ("http", "https"):
        return [], []
    return parse_qsl(f"{parts.query}&{parts.fragment}"), unquote(parts.path).split("/")


def addresses_in(text: str) -> dict[str, int]:
    """Return the web addresses in a plain text, each with its offset."""
    return {match[0].rstrip(_CLOSING): match.start() for match in reversed(list(_ADDRESS.finditer(text)))}


def _of_element(rules: Sequence[Element], element: Element) -> Anchor:
    href = inherited_attribute(rules, element, "href")
    bar = element.parent if element.parent and element.parent.tag == "mj-navbar" else None
    begins = inherited_attribute(rules, bar, "base-url") if bar else None
    base = begins.value.strip() if begins else ""
    offset = href.offset if href else element.offset
    in_base = begins and base and href and not _SCHEME.match(href.value.strip()) and " " not in href.value.strip()
    text = element.text()
    image = element.tag in ("mj-image", "mj-carousel-image", "mj-social-element")
    return Anchor(
        address=base + href.value.strip() if href else None,
        label=text or (element.get("alt").strip() if image else ""),
        offset=offset,
        begins_at=begins.offset if begins and in_base else offset,
        has_image=image and not text,
        is_button=element.tag == "mj-button",
    )


def _of_html(link: Element) -> Anchor:
    href = link.attributes.get("href")
    return Anchor(
        address=href.value.strip() if href else None,
        label=link.text(),
        offset=href.offset if href else link.offset,
        begins_at=href.offset if href else link.offset,
        has_image=link.find("img") is not None,
        is_button=_is_button(link),
    )


def _is_button(link: Element) -> bool:
    """Tell whether a link looks like a button: by its own style, or by the cell around it, as Outlook needs it."""
    style = link.get("style")
    if _BUTTON_STYLE.match(style) or link.get("role") == "button" or _BUTTON_CLASS.search(link.get("class")):
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


def is_unfilled(address: str) -> bool:
    return bool(_UNFILLED_ADDRESS.search(address))


def is_sample_value(values: Mapping[str, object], text: str) -> bool:
    return any(text in value for value in strings_of(values))


def strings_of(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in cast("Mapping[object, object]", value).values():
            yield from strings_of(one)
    elif isinstance(value, list | tuple):
        for one in cast("list[object]", value):
            yield from strings_of(one)
