"""The links of a mail, of MJML and of HTML."""

import re
from collections.abc import Sequence
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from keyturn.mail.rendering.html_tree import Attribute, Element
from keyturn.studio.lint.checks.addresses import scheme_of, secret_in
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.markup.structure import default_rules, inherited_attribute, is_default

_LINKING = ("mj-button", "mj-image", "mj-social-element", "mj-navbar-link", "mj-carousel-image")
_IMAGES = ("mj-image", "mj-carousel-image", "mj-social-element")

_BUTTON_STYLE = re.compile(r"(?=.*background)(?=.*padding)", re.DOTALL)
_BUTTON_CLASS = re.compile(r"(?:^|[\s_-])(?:btn|button|cta)(?:$|[\s_-])", re.IGNORECASE)


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


def anchors(document: Document) -> list[Anchor]:
    """Return the links in the order of the markup, without the defaults in mj-attributes."""
    rules = default_rules(document.root)
    found: list[Anchor] = []
    for element in document.elements(*_LINKING):
        if is_default(element):
            continue
        anchor = _anchor_of_mjml(document, rules, element)
        if anchor.has_href or anchor.is_button:
            found.append(anchor)
    for link in document.html_elements("a"):
        is_target = "href" not in link.attributes and "name" in link.attributes
        if not is_target:
            found.append(_anchor_of_html(document, link))
    return sorted(found, key=attrgetter("offset"))


def range_of(document: Document, attribute: Attribute) -> range:
    """Return the range of an attribute's value in the markup, without its quotes."""
    is_quoted = document.markup[attribute.end - 1] in "\"'"
    return range(attribute.value_offset, attribute.end - is_quoted)


def _anchor_of_mjml(document: Document, rules: Sequence[Element], element: Element) -> Anchor:
    label = element.text()
    shows_image = element.tag in _IMAGES and not label
    if shows_image:
        label = element.get("alt").strip()
    anchor = Anchor(
        address="",
        offset=element.offset,
        begins_at=element.offset,
        label=label,
        has_href=False,
        has_image=shows_image,
        is_button=element.tag == "mj-button",
    )
    href = inherited_attribute(rules, element, "href")
    if href is None:
        return anchor
    address = href.value.strip()
    begins_at = href.offset
    written = [range_of(document, href)]
    base = _base_url(rules, element)
    if base:
        before = base.value.strip()
        is_whole = scheme_of(address) != "" or " " in address
        # MJML puts the base-url before each address. If one is whole already, it is at fault.
        if before and not is_whole:
            begins_at = base.offset
            written.insert(0, range_of(document, base))
        address = before + address
    return replace(
        anchor,
        address=address,
        offset=href.offset,
        begins_at=begins_at,
        has_href=True,
        written=tuple(written),
    )


def _base_url(rules: Sequence[Element], element: Element) -> Attribute | None:
    bar = element.parent
    if bar is None or bar.tag != "mj-navbar":
        return None
    return inherited_attribute(rules, bar, "base-url")


def _anchor_of_html(document: Document, link: Element) -> Anchor:
    anchor = Anchor(
        address="",
        offset=link.offset,
        begins_at=link.offset,
        label=link.text(),
        has_href=False,
        has_image=link.find("img") is not None,
        is_button=_is_button(link),
    )
    href = link.attributes.get("href")
    if href is None:
        return anchor
    return replace(
        anchor,
        address=href.value.strip(),
        offset=href.offset,
        begins_at=href.offset,
        has_href=True,
        written=(range_of(document, href),),
    )


def _is_button(link: Element) -> bool:
    """Tell whether a link looks like a button: by its own style, or by the cell around it, as
    Outlook needs it.
    """
    if link.get("role") == "button" or _BUTTON_CLASS.search(link.get("class")):
        return True
    style = link.get("style")
    if _BUTTON_STYLE.match(style):
        return True
    cell = _cell_around(link)
    if cell is None:
        return False
    around = cell.get("style")
    is_filled = "background" in around or cell.get("bgcolor") != ""
    is_round_cell = "padding" in around and "border-radius" in around
    return is_filled and ("padding" in style or is_round_cell)


def _cell_around(link: Element) -> Element | None:
    return next((above for above in link.ancestors() if above.tag in ("td", "th")), None)
