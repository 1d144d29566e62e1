"""Parses, normalizes and compares email addresses, user names and phone numbers."""

import re
import unicodedata
from hashlib import sha256

from keyturn.errors import Fault
from keyturn.mail import addresses as mail_addresses
from keyturn.mail.addresses import ASCII_UPPER_TO_LOWER, BECOME_ASCII, LONGEST, TOO_LONG
from keyturn.service.problems.requests import InputInvalid


def parse_address(text: str) -> str:
    """Return the address in the form in which it is compared and stored.

    Raises InputInvalid if the text is not an address.
    """
    try:
        return mail_addresses.parse(text)
    except ValueError as error:
        raise InputInvalid(Fault("email", str(error))) from None


def identify(text: str, *, takes_names: bool) -> str:
    """Return the address that the text holds or, with `takes_names`, the user name.

    A text with an @ is always an address, so a user name cannot pass for the address of another
    account. A user name keeps its case; `fold_name` removes it for a comparison.

    Raises InputInvalid if the text is neither.
    """
    if not takes_names or "@" in text:
        return parse_address(text)
    text = text.strip(" ")
    name = unicodedata.normalize("NFC", text[: LONGEST + 1])
    if max(len(text), len(name.encode(errors="surrogatepass"))) > LONGEST:
        raise InputInvalid(Fault("email", TOO_LONG))
    if not name or not name.isprintable() or not BECOME_ASCII.isdisjoint(text):
        raise InputInvalid(Fault("email", "not an email address or user name"))
    return name


def fold_name(name: str) -> str:
    """Return the form in which user names are compared.

    Only ASCII letters lose their case, as in `parse_address`.
    """
    return unicodedata.normalize("NFC", name.strip(" ")).translate(ASCII_UPPER_TO_LOWER)


def normalize_address(text: str) -> str:
    """Return the form in which an address is compared.

    A text that `parse_address` refuses is returned unchanged: it may be the stored address of an
    account.
    """
    try:
        return parse_address(text)
    except InputInvalid:
        return text


def mailbox_digest(email: str) -> bytes:
    """Return the SHA-256 that stands for a mailbox. All spellings of its address have the same."""
    return sha256(normalize_address(email).encode()).digest()


def is_same_mailbox(one: str, other: str) -> bool:
    """Tell whether two addresses name the same mailbox; False if either is invalid."""
    try:
        return parse_address(one) == parse_address(other)
    except InputInvalid:
        return False


def mask(address: str) -> str:
    """Return the masked address, such as a***@example.org.

    A user name keeps only its first character.
    """
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}" if at else f"{address[:1]}***"


_PHONE = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
"""ITU-T E.164."""


def e164(text: str) -> str:
    """Return a phone number in the form of E.164, such as +447700900123; "" for another text."""
    number = re.sub(r"[\s().-]+", "", text)
    return number if _PHONE.fullmatch(number) else ""
