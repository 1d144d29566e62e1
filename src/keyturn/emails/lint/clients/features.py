"""Which features a piece of a mail uses: CSS, HTML, images. `data/features.toml` says how each is known."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from keyturn.emails.gallery.placeholders.pictures import is_placeholder

_USUAL_TYPES = {"input": "text", "button": "submit"}
"""What an element is that does not say its type (HTML, 4.10.5 and 4.10.6)."""


class Feature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Says how a feature is recognised in a mail. See the head of `data/features.toml` for what each field means."""

    property: str = ""
    value: str = ""
    selector: str = ""
    at: str = ""
    tag: str = ""
    attribute: str = ""
    image: str = ""
    mjml: str = ""
    partial: str | None = None
    when: dict[str, str] = {}
    on: dict[str, str] = {}
    graceful: bool | str = False
    effect: str = "ignored"
    fix: str = ""
    in_html: str = ""

    def is_graceful(self, value: str) -> bool:
        """Tell whether a mail stays whole where a client lacks this value."""
        return self.graceful if isinstance(self.graceful, bool) else bool(re.search(self.graceful, value))


@dataclass(frozen=True, slots=True)
class FeatureUse:
    """One use of a feature. `offset` is one in the MJML or HTML.

    `value` is what it is given, and `written` the whole of it, after the place that it stands in: "style color: red",
    "sheet @media print", "<input type=radio>". `elements` are the names of those that have it, as far as they are
    known. `unread_by` are clients that never read the place.
    """

    feature: str
    value: str
    offset: int
    written: str = ""
    elements: frozenset[str] = frozenset()
    unread_by: frozenset[str] = frozenset()


@cache
def features() -> Mapping[str, Feature]:
    file = Path(__file__).parent / "data/features.toml"
    return msgspec.convert(tomllib.loads(file.read_text("utf-8")), dict[str, Feature])


@lru_cache(4096)
def of_declaration(name: str, value: str) -> tuple[str, ...]:
    return tuple(
        slug
        for slug, feature in _known_by_css()
        if re.fullmatch(feature.property or ".*", name) and re.search(feature.value, value, re.IGNORECASE)
    )


@lru_cache(1024)
def of_selector_part(part: str) -> tuple[str, ...]:
    return tuple(slug for slug, one in features().items() if one.selector and re.fullmatch(one.selector, part))


@lru_cache(1024)
def of_at_rule(rule: str) -> tuple[str, ...]:
    """Return the features of an at-rule, given as "media (orientation: portrait)"."""
    return tuple(slug for slug, one in features().items() if one.at and re.search(one.at, rule))


def of_tag(tag: str, written: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the features of an HTML start tag, each with the attribute that it lies in, if any."""
    attributes = {"type": _USUAL_TYPES[tag], **written} if tag in _USUAL_TYPES else written
    for slug, feature in _known_by_html():
        if feature.tag and not re.fullmatch(feature.tag, tag):
            continue
        if not feature.attribute:
            yield slug, ""
        elif feature.attribute in attributes and re.search(feature.value, attributes[feature.attribute]):
            yield slug, feature.attribute


def of_image(address: str) -> Iterator[str]:
    if is_placeholder(address):
        return iter(())
    data = address.startswith("data:")
    suffix = "data:" if data else Path(urlsplit(address).path).suffix.lstrip(".").lower()
    return (slug for slug, one in features().items() if one.image and suffix and re.fullmatch(one.image, suffix))


def of_mjml(tag: str, attribute: str = "") -> Iterator[str]:
    """Yield the features that MJML needs for an element, or for an attribute of it."""
    used = f"{tag} {attribute}".strip()
    return (slug for slug, feature in features().items() if feature.mjml == used)


@cache
def _known_by_css() -> tuple[tuple[str, Feature], ...]:
    return tuple((slug, one) for slug, one in features().items() if one.property or (one.value and not one.attribute))


@cache
def _known_by_html() -> tuple[tuple[str, Feature], ...]:
    return tuple((slug, one) for slug, one in features().items() if one.tag or one.attribute)
