"""The basic encoding rules, BER (ITU-T X.690), as far as LDAP uses them (RFC 4511 5.1)."""

from typing import NamedTuple

_BOOLEAN = 0x01
_INTEGER = 0x02
OCTETS = 0x04
_ENUMERATED = 0x0A
SEQUENCE = 0x30
_SET = 0x31

_LONG_FORM = 0x80
"""The bit in the first octet of a length that says: so many octets with the length follow."""

_MOST_LENGTH_OCTETS = 4


class Malformed(ValueError):
    """Bytes that are not an LDAP message."""


class Element(NamedTuple):
    tag: int
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")

    @property
    def number(self) -> int:
        """The content as an integer that is not negative."""
        return int.from_bytes(self.content)


def tlv(tag: int, *parts: bytes) -> bytes:
    """Return an element: its tag, its length and its value."""
    content = b"".join(parts)
    size = len(content)
    if size < _LONG_FORM:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, _LONG_FORM | len(length))) + length + content


def sequence(*parts: bytes) -> bytes:
    return tlv(SEQUENCE, *parts)


def set_of(*parts: bytes) -> bytes:
    return tlv(_SET, *parts)


def integer(value: int, tag: int = _INTEGER) -> bytes:
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, signed=True))


def enumerated(value: int) -> bytes:
    return integer(value, _ENUMERATED)


def boolean(*, value: bool) -> bytes:
    return tlv(_BOOLEAN, b"\xff" if value else b"\0")


def octets(value: str | bytes, tag: int = OCTETS) -> bytes:
    if isinstance(value, str):
        value = value.encode()
    return tlv(tag, value)


def elements(content: bytes) -> list[Element]:
    """Return the elements that follow each other in the content. Raises Malformed."""
    found = []
    start = 0
    while start < len(content):
        first = int.from_bytes(content[start + 1 : start + 2])
        begin = start + 2 + length_octets(first)
        size = first
        if first > _LONG_FORM:
            size = int.from_bytes(content[start + 2 : begin])
        end = begin + size
        if end > len(content):
            raise Malformed("it ends within an element")
        found.append(Element(content[start], content[begin:end]))
        start = end
    return found


def length_octets(first: int) -> int:
    """Return how many octets of a length follow its first one: 0 to 4. Raises Malformed."""
    is_indefinite = first == _LONG_FORM
    if is_indefinite or first > _LONG_FORM + _MOST_LENGTH_OCTETS:
        raise Malformed("a length of an unusual form")
    return max(first - _LONG_FORM, 0)
