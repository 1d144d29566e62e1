"""Reads a brand's files, and checks the settings of a brand.

The size of a file is limited, and its contents tell its type. An SVG is served unchanged: browsers
run no script in an image (SVG 2, 2.2.1), and its own URL is sandboxed.
"""

import errno
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from keyturn.errors import Fault
from keyturn.mail import addresses
from keyturn.plain_files import read_plain_file
from keyturn.service.settings.url_rules import is_private, policy_faults
from keyturn.values import FileOrUrl, not_this

LARGEST_LOGO = 200_000
"""Bytes of a logo. Every page loads it, and so do the mails of some readers."""

_SIGNATURES = {
    ".png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    ".jpg": re.compile(rb"\xff\xd8\xff"),
    ".gif": re.compile(rb"GIF8[79]a"),
    ".webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    ".svg": re.compile(
        rb"""
        \A (?:\xef\xbb\xbf)? \s*           # a byte order mark
        (?:
            <\?xml (?:(?!\?>).)* \?> \s*    # the XML declaration, or a processing instruction
            | <!-- (?:(?!-->).)* --> \s*
            | <!DOCTYPE [^\[>]* > \s*        # without declarations of its own in brackets
        )*
        <svg [\s>]
        """,
        re.DOTALL | re.VERBOSE,
    ),
}
"""The first bytes of each type of file (WHATWG MIME Sniffing, 6.1; SVG as XML)."""

IN_MAILS = (".png", ".jpg", ".gif")
"""Formats that mail programs show. They do not show SVG, and Outlook does not show WebP
(caniemail.com).
"""


class BrandFile(msgspec.Struct, frozen=True):
    content: bytes
    suffix: str

    @property
    def fingerprint(self) -> str:
        return sha256(self.content).hexdigest()[:12]


def read_logo(path: str) -> BrandFile:
    """Return the file of a logo, with the suffix that its first bytes tell.

    Raises ValueError, with a sentence for the operator, if it is no image, too large or unreadable.
    """
    try:
        content = read_plain_file(path, LARGEST_LOGO)
    except FileNotFoundError:
        raise ValueError(f"no such file: {Path(path).absolute()}") from None
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise ValueError(f"is larger than {LARGEST_LOGO // 1000} kB: {path}") from None
        raise ValueError(f"cannot be read: {path}: {error.strerror}") from None
    for suffix, signature in _SIGNATURES.items():
        if signature.match(content):
            return BrandFile(content, suffix)
    raise ValueError(f"must be an SVG, PNG, JPEG, GIF or WebP image: {path}")


def brand_faults(section: str, brand: Mapping[str, Any]) -> Iterator[Fault]:
    support = brand.get("support_address")
    if support and not _is_address(support):
        yield Fault(f"{section}.support_address", f"not an email address: {support}")
    for name in ("logo", "logo_dark", "mail_logo", "mail_logo_dark"):
        logo = brand.get(name)
        if logo:
            yield from _logo_faults(f"{section}.{name}", logo, in_mails=name.startswith("mail_"))


def _is_address(text: str) -> bool:
    try:
        addresses.parse(text)
    except ValueError:
        return False
    return True


def _logo_faults(name: str, logo: str, *, in_mails: bool) -> Iterator[Fault]:
    if FileOrUrl(logo).is_url:
        if is_private(logo):
            yield from policy_faults(name, logo)
        else:
            who = "mail programs" if in_mails else "browsers"
            message = f"must begin with https://, or be a file{not_this(logo)}"
            yield Fault(name, f"{message}: {who} fetch only those")
        return
    try:
        content = read_logo(logo)
    except ValueError as error:
        yield Fault(name, str(error))
        return
    if in_mails and content.suffix not in IN_MAILS:
        shown = content.suffix[1:].upper()
        yield Fault(name, f"mail programs do not show {shown} images: use a PNG, JPEG or GIF")
