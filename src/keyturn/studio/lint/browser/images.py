"""Weights of a mail's images: embedded ones, files beside the templates, and remote ones on request."""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from msgspec import Struct

from keyturn.mail.rendering.html_tree import Element
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding, Place
from keyturn.studio.lint.rules import RULES

HEAVY = 500 * 1024
HEAVY_TOGETHER = 1536 * 1024
"""Bytes. On a slow phone connection (1.6 Mbit/s, Lighthouse's) two and a half seconds, and eight."""

_MOST = 100
_URL = re.compile(r"""url\(\s*["']?([^"')]+)""", re.IGNORECASE)

Weigh = Callable[[str], int | None]
"""Returns the bytes of an image by its address, or None if unknown."""


class Image(Struct, frozen=True):
    """An image of a mail. `name` is its label for people, `place` its place in the templates.

    `weight` is in bytes, or None if unknown.
    """

    address: str
    name: str
    place: Place
    weight: int | None


def images_of(document: Document, weigh: Weigh) -> tuple[Image, ...]:
    """Return each image once, in the order of the mail. `weigh` weighs images that are not embedded."""
    found: dict[str, Image] = {}
    for element, address in _addresses(document.drawn.walk()):
        if address not in found and len(found) < _MOST:
            weight = _inline_weight(address) if address.startswith("data:") else weigh(address)
            name = element.get("alt") or _file_name(address)
            found[address] = Image(address, name, document.place_of_drawn(element), weight)
    return tuple(found.values())


def files_beside(folder: Path) -> Weigh:
    """Return a function that weighs images in this folder, by their paths."""

    def weigh(address: str) -> int | None:
        parts = urlsplit(address)
        if parts.scheme or parts.netloc or not parts.path:
            return None
        inside = folder.joinpath(PurePosixPath("/", unquote(parts.path)).relative_to("/")).resolve()
        try:
            return inside.stat().st_size if inside.is_relative_to(folder.resolve()) and inside.is_file() else None
        except (OSError, ValueError):
            return None

    return weigh


def check_images(images: Iterable[Image]) -> Iterator[Finding]:
    known = [(image, image.weight) for image in images if image.weight]
    for image, weight in known:
        if weight > HEAVY:
            yield RULES.finding(image.place, "images/heavy", weight=weight // 1024, most=HEAVY // 1024)
    together = sum(weight for _, weight in known)
    if together > HEAVY_TOGETHER:
        yield RULES.finding(
            known[0][0].place, "images/heavy-together", weight=together // 1024, most=HEAVY_TOGETHER // 1024
        )


def _addresses(elements: Iterable[Element]) -> Iterator[tuple[Element, str]]:
    for element in elements:
        if element.tag == "img" and (address := element.get("src").strip()):
            yield element, address
        if element.tag and (address := element.get("background").strip()):
            yield element, address
        for url in _URL.findall(element.get("style")):
            yield element, url.strip()


def _inline_weight(address: str) -> int | None:
    """Return the bytes of a data URL (RFC 2397)."""
    head, _, data = address.partition(",")
    try:
        return len(base64.b64decode(unquote(data)) if head.endswith(";base64") else unquote_to_bytes(data))
    except (binascii.Error, ValueError):
        return None


def _file_name(address: str) -> str:
    if address.startswith("data:"):
        return f"in the mail ({address[5:].partition(';')[0].partition(',')[0] or 'text/plain'})"
    return unquote(urlsplit(address).path.rpartition("/")[2]) or address
