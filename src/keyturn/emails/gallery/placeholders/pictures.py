"""Pictures for mails that nobody gave any: drawn here, so that a preview fetches nothing."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote
from xml.sax.saxutils import escape

_SIZES: Mapping[str, tuple[int, int]] = {
    "avatar": (96, 96),
    "icon": (48, 48),
    "logo": (144, 48),
    "qr": (160, 160),
    "thumb": (240, 180),
    "thumbnail": (240, 180),
    "photo": (320, 320),
    "banner": (1200, 400),
    "cover": (1200, 400),
    "header": (1200, 400),
    "hero": (1200, 400),
    "item": (240, 240),
    "product": (240, 240),
    "article": (240, 240),
}
"""In CSS pixels, as such pictures usually are."""

_SIZE = (600, 360)
_WIDTH_OF_A_LETTER = 0.6
_MARK = "keyturn-placeholder"


def placeholder(words: Sequence[str]) -> str:
    """Return a picture that says what belongs there, as a data: address."""
    width, height = next((_SIZES[word] for word in words if word in _SIZES), _SIZE)
    label = " ".join(words) or "picture"
    size = max(9, min(height // 3, 40, int(0.8 * width / (_WIDTH_OF_A_LETTER * len(label)))))
    drawn = (
        f"<svg id='{_MARK}' xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
        f"style='background:#e3dfd6;fill:#66635c;font:{size}px sans-serif;text-anchor:middle'>"
        f"<text x='50%' y='50%' dy='.35em'>{escape(label)}</text></svg>"
    )
    return f"data:image/svg+xml,{quote(drawn, safe='=:;/.,')}"


def is_placeholder(address: str) -> bool:
    """Tell whether a picture is one that was drawn here, and so nothing that the author brought in."""
    return address.startswith("data:") and _MARK in address
