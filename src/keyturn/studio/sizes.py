"""How big a mail is, against what Gmail shows of it."""

import re
from dataclasses import dataclass

# Gmail clips a message at about 102 KB of HTML and drops a style block over 16,384 bytes.
CLIPPED_AT = 102 * 1024
STYLE_DROPPED_AT = 16 * 1024

_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes in UTF-8 as they are sent, before any transfer encoding. `style`: the largest style block."""

    html: int
    style: int
    text: int


def size_of(html: str, text: str) -> Size:
    return Size(
        html=len(html.encode()),
        style=max((len(block.encode()) for block in _STYLE.findall(html)), default=0),
        text=len(text.encode()),
    )
