"""The files that a brand is made of, read within bounds and known by what they hold, not by what they are called.

A picture is shown as an image and nothing else: browsers run no script in one (SVG 2, 2.2.1), and who opens it by its
address gets it sandboxed (`pages/assets.py`). So an SVG is taken as it is, and not cleaned.
"""

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

LARGEST_LOGO = 200_000
"""Bytes; it is in every page and, for some readers, in every mail."""

LARGEST_STYLESHEET = 100_000

_LONGEST_SHOWN = 60
"""Characters of an address: a picture may be written out in one."""

_SIGNATURES = {
    ".png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    ".jpg": re.compile(rb"\xff\xd8\xff"),
    ".gif": re.compile(rb"GIF8[79]a"),
    ".webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    ".svg": re.compile(
        rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml(?:(?!\?>).)*\?>\s*|<!--(?:(?!-->).)*-->\s*|<!DOCTYPE[^\[>]*>\s*)*<svg[\s>]",
        re.DOTALL,
    ),
}
"""How files begin (WHATWG MIME Sniffing, 6.1; SVG as XML)."""

IN_MAILS = (".png", ".jpg", ".gif")
"""What mail programs draw: no SVG, and WebP not in Outlook (caniemail.com)."""

_TAKES_URLS = frozenset(("url", "src", "image", "image-set", "-webkit-image-set", "cross-fade", "-webkit-cross-fade"))
"""Functions of CSS in which a text is an address (CSS Images 4, 2.4 and 3; CSS Values 4, 4.5)."""


class BrandFile(msgspec.Struct, frozen=True):
    """What a file holds, and the suffix of its kind."""

    content: bytes
    suffix: str

    @property
    def fingerprint(self) -> str:
        return sha256(self.content).hexdigest()[:12]


def read_logo(path: str) -> BrandFile:
    """Return the picture. Raises ValueError with what is wrong with it."""
    content = _read(path, LARGEST_LOGO)
    for suffix, signature in _SIGNATURES.items():
        if signature.match(content):
            return BrandFile(content, suffix)
    raise ValueError(f"no picture that browsers draw: {path}; an SVG, PNG, JPEG, GIF or WebP is")


def read_stylesheet(path: str) -> BrandFile:
    """Return the stylesheet. Raises ValueError with what is wrong with it: what it loads is not served."""
    content = _read(path, LARGEST_STYLESHEET)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ValueError(f"is not UTF-8: {path}") from None
    for line, loaded in _loads(text):
        raise ValueError(f"{path}:{line}: loads {loaded}, but only this file is served, and pages load nothing else")
    return BrandFile(content, ".css")


def _loads(css: str) -> Iterator[tuple[int, str]]:
    """Yield what a stylesheet loads, and in which line; a part of the page itself, as in url(#blur), is none of it."""
    import tinycss2

    waiting = tinycss2.parse_component_value_list(css, skip_comments=True)[::-1]
    while waiting:
        token = waiting.pop()
        is_source = token.type == "function" and token.lower_name in _TAKES_URLS
        if token.type == "at-keyword" and token.lower_value == "import":
            yield token.source_line, "another stylesheet by @import"
        for url in [token] if token.type == "url" else token.arguments if is_source else ():
            if url.type in ("url", "string") and not url.value.startswith("#"):
                yield (
                    url.source_line,
                    url.value if len(url.value) <= _LONGEST_SHOWN else f"{url.value[:_LONGEST_SHOWN]}...",
                )
        inside = token.arguments if token.type == "function" else getattr(token, "content", None)
        waiting += (inside or [])[::-1]


def _read(path: str, largest: int) -> bytes:
    try:
        with Path(path).open("rb") as file:
            content = file.read(largest + 1)
    except FileNotFoundError:
        raise ValueError(f"no such file: {Path(path).absolute()}") from None
    except OSError as error:
        raise ValueError(f"cannot be read: {path}: {error.strerror}") from None
    if len(content) > largest:
        raise ValueError(f"is larger than {largest // 1000} kB: {path}")
    return content
