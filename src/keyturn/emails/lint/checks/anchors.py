"""The links of a mail as its author wrote them, and what in an address is a secret. No address is ever fetched."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import parse_qsl, unquote, urlsplit

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.markup.structure import inherited_attribute
from keyturn.mail.rendering.html_tree import Element, parse_html

_BUTTON_STYLE = re.compile(r"(?=.*background)(?=.*padding)", re.DOTALL)
_BUTTON_CLASS = re.compile(r"(?:^|[\s_-])(?:btn|button|cta)(?:$|[\s_-])", re.IGNORECASE)
_SECRET_NAME = re.compile(r"token|code|key|otp|ticket|secret|signature|hash", re.IGNORECASE)
_RANDOM = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_.~-]{20,}|[0-9a-fA-F]{32,}")
_MIXED = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])|[0-9a-f-]+$")
_SECRET_AT_LEAST = 6
_TOKEN_NAME = re.compile(r"token|secret|otp$", re.IGNORECASE)
_CHOOSES_PASSWORD = re.compile(r"reset|forgot|recover|passwor[dt]|choose|activat|invit", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s<>\"]+")
_CLOSING = ".,;:!?)]»”"


_LINKING = ("mj-button", "mj-image", "mj-social-element", "mj-navbar-link", "mj-carousel-image")


@dataclass(frozen=True, slots=True)
class Anchor:
    """Describes a link of a mail.

    `label` is what is read of it, an image's alternative text included. `has_image` where it holds one.

    `address` is None where there is no href. `offset` counts characters of the MJML.
    """

    address: str | None
    label: str
    offset: int
    has_image: bool
    is_button: bool

    @property
    def secret(self) -> str:
        return secret_in(self.address or "")


def anchors(document: Document) -> Iterator[Anchor]:
    """Yield every link, in the order of the source."""
    elements = (_of_element(document, element) for element in document.elements(*_LINKING) if _is_link(element))
    found = [one for one in elements if one.address is not None or one.is_button]
    found += [_of_html(link) for link in document.html_elements("a") if _leads_somewhere(link)]
    yield from sorted(found, key=lambda anchor: anchor.offset)


def secret_in(address: str) -> str:
    """Return the part of a web address that opens something to whoever holds it; empty if there is none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https"):
        return ""
    for name, value in parse_qsl(f"{parts.query}&{parts.fragment}"):
        if (_SECRET_NAME.search(name) and len(value) >= _SECRET_AT_LEAST) or _looks_random(value):
            return value
        if inner := secret_in(value):  # an address that is handed through another one
            return inner
    return next((segment for segment in unquote(parts.path).split("/") if _looks_random(segment)), "")


def has_certain_token(address: str) -> bool:
    """Tell whether a web address holds what looks random under a name, or behind a word, that says what it is for."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    if parts.scheme not in ("http", "https"):
        return False
    named = parse_qsl(f"{parts.query}&{parts.fragment}")
    if any(_TOKEN_NAME.search(name) and _looks_random(value) for name, value in named):
        return True
    segments = unquote(parts.path).split("/")
    return any(_CHOOSES_PASSWORD.search(before) and _looks_random(after) for before, after in pairwise(segments))


def addresses_in(text: str) -> dict[str, int]:
    """Return the web addresses in a plain text, each with its offset."""
    return {found[0].rstrip(_CLOSING): found.start() for found in reversed(list(_ADDRESS.finditer(text)))}


def host_of(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


def site_of(host: str) -> str:
    """Return the last two labels: near enough to tell another party, without a list of public suffixes."""
    return ".".join(host.split(".")[-2:])


def _is_link(element: Element) -> bool:
    return not any(above.tag == "mj-attributes" for above in element.ancestors())


def _of_element(document: Document, element: Element) -> Anchor:
    href = inherited_attribute(document.root, element, "href")
    bar = element.parent if element.parent and element.parent.tag == "mj-navbar" else None
    begins = inherited_attribute(document.root, bar, "base-url") if bar else None
    base = begins.value.strip() if begins else ""
    text = parse_html(document.source_inside(element)).text()
    image = element.tag in ("mj-image", "mj-carousel-image", "mj-social-element")
    return Anchor(
        address=base + href.value.strip() if href else None,
        label=text or (element.get("alt").strip() if image else ""),
        offset=href.offset if href else element.offset,
        has_image=image and not text,
        is_button=element.tag == "mj-button",
    )


def _leads_somewhere(link: Element) -> bool:
    """Tell it from a name that others lead to."""
    return "href" in link.attributes or "name" not in link.attributes


def _of_html(link: Element) -> Anchor:
    href = link.attributes.get("href")
    return Anchor(
        address=href.value.strip() if href else None,
        label=link.text(),
        offset=href.offset if href else link.offset,
        has_image=link.find("img") is not None,
        is_button=_is_button(link),
    )


def _is_button(link: Element) -> bool:
    """Tell whether a link is drawn as a button: by itself, or by the cell around it, which Outlook fills better."""
    style = link.get("style")
    if _BUTTON_STYLE.match(style) or link.get("role") == "button" or _BUTTON_CLASS.search(link.get("class")):
        return True
    cell = next((above for above in link.ancestors() if above.tag in ("td", "th")), None)
    around = cell.get("style") if cell else ""
    filled = "background" in around or bool(cell and cell.get("bgcolor"))
    return filled and ("padding" in style or ("padding" in around and "border-radius" in around))


def _looks_random(text: str) -> bool:
    return bool(_RANDOM.fullmatch(text) and _MIXED.match(text))
