"""The files that a brand is made of, read within bounds and known by what they hold, not by what they are called.

A picture is shown as an image and nothing else: browsers run no script in one (SVG 2, 2.2.1), and who opens it by its
address gets it sandboxed (`pages/assets.py`). So an SVG is taken as it is, and not cleaned.
"""

import re
from hashlib import sha256
from pathlib import Path

import msgspec

LARGEST_LOGO = 200_000
"""Bytes; it is in every page and, for some readers, in every mail."""

LARGEST_STYLESHEET = 100_000

_SIGNATURES = {
    ".png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    ".jpg": re.compile(rb"\xff\xd8\xff"),
    ".gif": re.compile(rb"GIF8[79]a"),
    ".webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    ".svg": re.compile(
        rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml.*?\?>\s*|<!--.*?-->\s*|<!DOCTYPE[^\[>]*>\s*)*<svg[\s>]", re.DOTALL
    ),
}
"""How files begin (WHATWG MIME Sniffing, 6.1; SVG as XML)."""

IN_MAILS = (".png", ".jpg", ".gif")
"""What mail programs draw: no SVG, and WebP not in Outlook (caniemail.com)."""

_FOREIGN = re.compile(r"""(?:@import|url\()\s*(?:url\()?\s*["']?\s*((?:https?:)?//[^\s"')]+)""", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


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
    """Return the stylesheet. Raises ValueError with what is wrong with it: the pages' policy lets no other host in."""
    content = _read(path, LARGEST_STYLESHEET)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ValueError(f"is not UTF-8: {path}") from None
    blank = _COMMENT.sub(lambda comment: re.sub(r"[^\n]", " ", comment[0]), text)
    if found := _FOREIGN.search(blank):
        line = blank.count("\n", 0, found.start()) + 1
        raise ValueError(f"{path}:{line}: loads {found[1]}, which the pages' policy refuses: nothing foreign is let in")
    return BrandFile(content, ".css")


def _read(path: str, largest: int) -> bytes:
    try:
        with Path(path).open("rb") as file:
            content = file.read(largest + 1)
    except FileNotFoundError:
        raise ValueError(f"no such file: {path}") from None
    except OSError as error:
        raise ValueError(f"cannot be read: {path}: {error.strerror}") from None
    if len(content) > largest:
        raise ValueError(f"is larger than {largest // 1000} kB: {path}")
    return content
