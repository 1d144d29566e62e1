"""Reads email addresses and senders, and writes international domains as A-labels."""

import re
import unicodedata
from typing import Any, NamedTuple

LONGEST = 254
"""RFC 5321 4.5.3.1.3 allows a path of 256 octets, which leaves 254 for the address between the
angle brackets.
"""

LONGEST_LOCAL_PART = 64
"""RFC 5321 4.5.3.1.1, in octets."""

TOO_LONG = f"longer than {LONGEST} bytes"

# The HTML standard's email field, with the letters that RFC 6531 adds. It takes dots anywhere, as
# some old mailboxes of mobile operators have them. Quoted local parts and address literals are
# refused: they carry spaces and commas.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LOCAL_PART = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+")
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")

_AROUND = (
    "\t\r\n "
    "\u00a0\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2066\u2067\u2068\u2069\ufeff"
)
"""Blanks and invisible marks that an address copied from elsewhere may have around it."""

BECOME_ASCII = frozenset("\u037e\u1fef\u212a")
"""Every character beyond ASCII that NFC maps to one within it (Unicode's
DerivedNormalizationProps).
"""

ASCII_UPPER_TO_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def parse(text: str) -> str:
    """Return the address in the form in which it is compared and stored.

    An international domain becomes its A-labels (RFC 5891). Raises ValueError if the text is not an
    address.
    """
    text = text.strip(_AROUND)
    # This bound comes first, because the time that normalization takes grows with the square of the
    # marks on one letter.
    if len(text) > LONGEST:
        raise ValueError(TOO_LONG)
    # Normalization would turn these into ASCII, as the Kelvin sign into K.
    if not BECOME_ASCII.isdisjoint(text):
        raise ValueError("not an email address")
    local, at, domain = _folded(text).rpartition("@")
    if not at:
        raise ValueError("not an email address")
    if not domain.isascii():
        domain = _a_labels(domain)
    address = f"{local}@{domain}"
    if len(address.encode()) > LONGEST or len(local.encode()) > LONGEST_LOCAL_PART:
        raise ValueError(TOO_LONG)
    is_well_formed = _LOCAL_PART.fullmatch(local) and _DOMAIN.fullmatch(domain)
    if not is_well_formed or not local.isprintable():
        raise ValueError("not an email address")
    return address


def _folded(text: str) -> str:
    """Return the text in NFC, with ASCII letters in lower case.

    Other letters keep their case: Unicode's case folding makes look-alikes equal (dotless i and i,
    long s and s), and with them another person's mailbox (CVE-2019-19844).
    """
    if text.isascii():
        return text.lower()  # quicker, and nearly all addresses are ASCII
    return unicodedata.normalize("NFC", text).translate(ASCII_UPPER_TO_LOWER)


def with_ascii_domain(mailbox: str) -> str:
    """Return a mailbox with its domain in A-labels (RFC 5891), so that it needs no SMTPUTF8.

    A domain that has no A-labels stays as it is.
    """
    name, at, domain = mailbox.rpartition("@")
    if not at or domain.isascii():
        return mailbox
    bare = domain.removesuffix(">")
    behind = domain[len(bare) :]
    try:
        return f"{name}@{_a_labels(bare)}{behind}"
    except ValueError:
        return mailbox


class SenderAddress(NamedTuple):
    """The sender of mails.

    `name`: what users read beside the address; "" for no name.
    `address`: its domain is written in A-labels.
    """

    name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2].lower()

    def __str__(self) -> str:
        """Return it as in a header: a name is quoted if it needs that (RFC 5322, 3.4)."""
        from email.headerregistry import Address

        local, _, domain = self.address.rpartition("@")
        return str(Address(self.name, local, domain))


_NAMED = re.compile(r"[^<>]+<([^<>]*)>")


def parse_sender(text: str) -> SenderAddress:
    """Return the sender that a person wrote: an address, or a name and an address.

    Mail programs disagree about the meaning of `no-reply@a.example <no-reply@a.example>` and of
    `Acme, Inc. <a@a.example>`. So a text must have a single meaning (RFC 5322, 3.4 and 3.6.2).

    Raises ValueError with a sentence about what to change.
    """
    from email.errors import NonASCIILocalPartDefect, ObsoleteHeaderDefect
    from email.headerregistry import HeaderRegistry

    try:
        header: Any = HeaderRegistry()("From", text)
    # Python's reader raises IndexError for "a@", and other errors for other texts.
    except Exception:  # noqa: BLE001
        raise ValueError(_what_is_unclear(text)) from None
    # Every mail program reads a name with a dot, such as Acme Inc., and RFC 6531 allows letters
    # beyond ASCII.
    harmless = (ObsoleteHeaderDefect, NonASCIILocalPartDefect)
    if not all(isinstance(defect, harmless) for defect in header.defects):
        raise ValueError(_what_is_unclear(text))
    # An address outside a group is in a group without a name.
    if len(header.addresses) != 1 or header.groups[0].display_name is not None:
        raise ValueError("must be one address, not a list or a group")
    (found,) = header.addresses
    name: str = found.display_name
    has_comment = "(" in text and "(" not in name
    # An encoded name (RFC 2047) can hold a line break.
    has_break = "\0" in name or len(f"{name}.".splitlines()) > 1
    if has_comment or has_break or not _is_address(found.addr_spec):
        raise ValueError(_what_is_unclear(text))
    return SenderAddress(name, with_ascii_domain(found.addr_spec))


def _what_is_unclear(text: str) -> str:
    """Return what to change in a text that is not a sender."""
    if text.count("<") != text.count(">"):
        return "has only one of the brackets < and > around its address"
    named = _NAMED.fullmatch(text)
    if named and _is_address(named[1]):
        example = '"Acme, Inc." <accounts@northwind.example>'
        return f"the name needs quotation marks, as in '{example}'"
    if text.startswith('"') and text.endswith('"'):
        return "is in quotation marks: remove them"
    return f"not an email address: {text}"


def _is_address(text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def _a_labels(domain: str) -> str:
    import idna  # its tables take 3 MB that most processes never need

    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        raise ValueError("not an email address") from None
