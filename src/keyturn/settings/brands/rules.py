"""What must hold for a brand: what it names can be served, shown and read."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from keyturn import addresses
from keyturn.errors import Fault
from keyturn.hosts import is_loopback
from keyturn.problems.requests import InputInvalid
from keyturn.settings.brands.files import IN_MAILS, read_logo, read_stylesheet
from keyturn.settings.sentences import not_this
from keyturn.settings.url_rules import policy_faults
from keyturn.texts import FileOrUrl

_QUOTED = r"""[^"'\\;{}<>&`$\n]+"""
_FAMILY = rf"""(?:"{_QUOTED}"|'{_QUOTED}'|-?[A-Za-z_][\w-]*(?: [\w-]+)*)"""
"""A name that is the same text in a stylesheet, in an attribute of a mail and in a module of JavaScript."""

_FONT = re.compile(rf"\s*{_FAMILY}(?:\s*,\s*{_FAMILY})*\s*")


def brand_faults(section: str, brand: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what is wrong with a brand, or with those of its keys that are written for a kind of accounts."""
    if support := brand.get("support_address"):
        yield from email_faults(f"{section}.support_address", support, support)
    for name in ("logo", "logo_dark", "mail_logo", "mail_logo_dark"):
        if logo := brand.get(name):
            yield from _logo_faults(f"{section}.{name}", logo, in_mails=name.startswith("mail_"))
    if (font := brand.get("font")) and not _FONT.fullmatch(font):
        example = '"Source Sans 3", system-ui, sans-serif'
        yield Fault(f"{section}.font", f"must be a list of font families, as in {example}{not_this(font)}")
    if stylesheet := brand.get("stylesheet"):
        try:
            read_stylesheet(stylesheet)
        except ValueError as error:
            yield Fault(f"{section}.stylesheet", str(error))


def _logo_faults(name: str, logo: str, *, in_mails: bool) -> Iterator[Fault]:
    if FileOrUrl(logo).is_url:
        if not logo.startswith("https://") and not (logo.startswith("http://") and is_loopback(logo)):
            who = "mail programs fetch" if in_mails else "browsers fetch"
            yield Fault(name, f"must begin with https://, or be a file{not_this(logo)}: {who} nothing else")
        else:
            yield from policy_faults(name, logo)
        return
    try:
        found = read_logo(logo)
    except ValueError as error:
        yield Fault(name, str(error))
    else:
        if in_mails and found.suffix not in IN_MAILS:
            yield Fault(name, f"mail programs draw no {found.suffix[1:].upper()}: name a PNG, JPEG or GIF")


def email_faults(name: str, bare: str, written: str) -> Iterator[Fault]:
    try:
        addresses.parse(bare)
    except InputInvalid:
        yield Fault(name, f"not an email address: {written}")
