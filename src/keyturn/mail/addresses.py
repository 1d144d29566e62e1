"""Email addresses: reading, and the domain in A-labels."""

import re
import unicodedata

LONGEST = 254
"""RFC 5321 4.5.3.1.3 allows a path of 256 octets, which leaves 254 for the address between the angle brackets."""

LONGEST_LOCAL_PART = 64
"""RFC 5321 4.5.3.1.1, in octets."""

TOO_LONG = f"longer than {LONGEST} bytes"

# The HTML standard's email field, with the letters that RFC 6531 adds. It takes dots anywhere, as some old mailboxes of
# mobile operators have them. Quoted local parts and address literals are refused: they carry spaces and commas.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LOCAL_PART = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+")
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")

_AROUND = " \u00a0\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"

BECOME_ASCII = frozenset("\u037e\u1fef\u212a")
"""Every character beyond ASCII that NFC maps to one within it (Unicode's DerivedNormalizationProps)."""

ASCII_UPPER_TO_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def parse(text: str) -> str:
    """Return the address in the form in which it is compared and stored. Raises ValueError if the text is none.

    Folds only ASCII letters: Unicode's case folding makes look-alikes equal (dotless i and i, long s and s), and with
    them another person's mailbox (CVE-2019-19844). Refuses what normalization itself would turn into ASCII (the Kelvin
    sign into K). An international domain becomes its A-labels (RFC 5891).
    """
    text = text.strip(_AROUND)
    # First of all: the time that normalization takes grows with the square of the marks on one letter.
    if len(text) > LONGEST:
        raise ValueError(TOO_LONG)
    if not BECOME_ASCII.isdisjoint(text):
        raise ValueError("not an email address")
    # A quicker way for ASCII, as nearly all addresses are.
    folded = text.lower() if text.isascii() else unicodedata.normalize("NFC", text).translate(ASCII_UPPER_TO_LOWER)
    local, at, domain = folded.rpartition("@")
    if not at:
        raise ValueError("not an email address")
    if not domain.isascii():
        domain = _a_labels(domain)
    address = f"{local}@{domain}"
    if len(address.encode()) > LONGEST or len(local.encode()) > LONGEST_LOCAL_PART:
        raise ValueError(TOO_LONG)
    if not _LOCAL_PART.fullmatch(local) or not _DOMAIN.fullmatch(domain) or not local.isprintable():
        raise ValueError("not an email address")
    return address


def with_ascii_domain(mailbox: str) -> str:
    """Return a mailbox with the A-labels of its domain (RFC 5891), which needs no SMTPUTF8; as it is if it has none."""
    name, at, domain = mailbox.rpartition("@")
    if not at or domain.isascii():
        return mailbox
    bare = domain.removesuffix(">")
    try:
        return f"{name}@{_a_labels(bare)}{domain[len(bare) :]}"
    except ValueError:
        return mailbox


def _a_labels(domain: str) -> str:
    import idna  # its tables take 3 MB that most processes never need

    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        raise ValueError("not an email address") from None
