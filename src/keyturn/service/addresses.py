"""Email addresses and user names: parsing, normalization and comparison."""

import re
import unicodedata

from keyturn.errors import Fault
from keyturn.service.problems.requests import InputInvalid

LONGEST = 254
"""RFC 5321 4.5.3.1.3 allows a path of 256 octets, which leaves 254 for the address between the angle brackets."""

LONGEST_LOCAL_PART = 64
"""RFC 5321 4.5.3.1.1, in octets."""

_TOO_LONG = f"longer than {LONGEST} bytes"

# The HTML standard's email field, with the letters that RFC 6531 adds. It takes dots anywhere, as some old mailboxes of
# mobile operators have them. Quoted local parts and address literals are refused: they carry spaces and commas.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LOCAL_PART = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+")
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")

_AROUND = " \u00a0\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
"""Blanks and invisible characters that come along when an address is copied."""

_BECOME_ASCII = frozenset("\u037e\u1fef\u212a")
"""Every character beyond ASCII that NFC maps to one within it (Unicode's DerivedNormalizationProps)."""

_ASCII_UPPER_TO_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def parse(text: str) -> str:
    """Return the address in the form in which it is compared and stored.

    Folds only ASCII letters. Unicode case folding would make look-alikes equal (dotless i and i, long s and s), and
    with them another person's mailbox (CVE-2019-19844). Refuses the three characters that normalization itself would
    turn into ASCII (the Kelvin sign into K). An international domain becomes its A-labels (RFC 5891).
    Raises InputInvalid if the text is not an address.
    """
    text = text.strip(_AROUND)
    # First of all: the time that normalization takes grows with the square of the marks on one letter.
    if len(text) > LONGEST:
        raise InputInvalid(Fault("email", _TOO_LONG))
    if not _BECOME_ASCII.isdisjoint(text):
        raise InputInvalid(Fault("email", "not an email address"))
    # A quicker way for ASCII, as nearly all addresses are.
    folded = text.lower() if text.isascii() else unicodedata.normalize("NFC", text).translate(_ASCII_UPPER_TO_LOWER)
    local, at, domain = folded.rpartition("@")
    if not at:
        raise InputInvalid(Fault("email", "not an email address"))
    if not domain.isascii():
        domain = _a_labels(domain)
    address = f"{local}@{domain}"
    if len(address.encode()) > LONGEST or len(local.encode()) > LONGEST_LOCAL_PART:
        raise InputInvalid(Fault("email", _TOO_LONG))
    if not _LOCAL_PART.fullmatch(local) or not _DOMAIN.fullmatch(domain) or not local.isprintable():
        raise InputInvalid(Fault("email", "not an email address"))
    return address


def identify(text: str, *, takes_names: bool) -> str:
    """Return what the text names an account by: an address or, if names are taken, a user name without an @.

    A text with an @ is always an address, so no user name can look like another account's address. A name keeps the
    case of its letters; `fold_name` compares. Raises InputInvalid if it is neither.
    """
    if not takes_names or "@" in text:
        return parse(text)
    text = text.strip(" ")
    if len(text) > LONGEST:  # as in `parse`
        raise InputInvalid(Fault("email", _TOO_LONG))
    name = unicodedata.normalize("NFC", text)
    if len(name.encode(errors="surrogatepass")) > LONGEST:
        raise InputInvalid(Fault("email", _TOO_LONG))
    if not name or not name.isprintable() or not _BECOME_ASCII.isdisjoint(text):
        raise InputInvalid(Fault("email", "not an email address or user name"))
    return name


def fold_name(name: str) -> str:
    """Return the form in which user names are compared, with the cases of ASCII letters alone equal, as in `parse`."""
    return unicodedata.normalize("NFC", name.strip(" ")).translate(_ASCII_UPPER_TO_LOWER)


def normalize(text: str) -> str:
    """Return the form in which an address is compared; other text as it is, since mail may reach it."""
    try:
        return parse(text)
    except InputInvalid:
        return text


def is_same_mailbox(one: str, other: str) -> bool:
    """Tell whether two addresses name the same mailbox; False if either is invalid."""
    try:
        return parse(one) == parse(other)
    except InputInvalid:
        return False


def with_ascii_domain(mailbox: str) -> str:
    """Return "ada@bücher.example", or "Ada <ada@bücher.example>", with the A-labels of its domain (RFC 5891).

    A mail server then needs no SMTPUTF8 for it. A domain that has none stays.
    """
    name, at, domain = mailbox.rpartition("@")
    if not at or domain.isascii():
        return mailbox
    bare = domain.removesuffix(">")
    try:
        return f"{name}@{_a_labels(bare)}{domain[len(bare) :]}"
    except InputInvalid:
        return mailbox


def mask(address: str) -> str:
    """Return the address masked: a***@example.org. Of a user name, only the first character is left."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}" if at else f"{address[:1]}***"


def _a_labels(domain: str) -> str:
    import idna  # its tables take 3 MB that most processes never need

    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        raise InputInvalid(Fault("email", "not an email address")) from None
