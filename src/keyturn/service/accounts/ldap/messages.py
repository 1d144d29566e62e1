"""LDAP's messages (RFC 4511) in BER: the requests that a store of accounts needs, and their
answers.

A filter is never a text: its bytes are made from an attribute and its value, so an address with
parentheses or asterisks cannot change a search (RFC 4515; CWE-90). The name of an entry is never
composed, either.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

LONGEST = 4 * 1024 * 1024  # bytes of an answer's message

BIND, UNBIND, SEARCH, MODIFY, EXTENDED = 0x60, 0x42, 0x63, 0x66, 0x77
_ENTRY, _REFERENCE = 0x64, 0x73

SUCCESS = 0
CERTAIN_NO = frozenset(range(1, 81)) - {1, 3, 11, 51, 52, 54, 80}
"""Result codes by which a server says that nothing was changed (RFC 4511 4.1.9 and appendix A).

The other codes are operationsError, timeLimitExceeded, adminLimitExceeded, busy, unavailable,
loopDetect and other. Servers and proxies may send them after they have begun a change.
"""

START_TLS = "1.3.6.1.4.1.1466.20037"
PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"
PASSWORD_POLICY = "1.3.6.1.4.1.42.2.27.8.5.1"
POLICY_HINTS = "1.2.840.113556.1.4.2239"
"""Lets a reset in Active Directory obey the history of passwords (MS-ADTS 3.1.1.3.4.1.27)."""


class Malformed(ValueError):
    """Bytes that are not an LDAP message."""


class Entry(msgspec.Struct, frozen=True):
    """An entry.

    `values`: the values of the requested attributes, by their names in lower case.
    """

    dn: str
    values: Mapping[str, Sequence[bytes]]

    def texts(self, attribute: str) -> list[str]:
        return [value.decode(errors="replace") for value in self.values.get(attribute.lower(), ())]

    def text(self, attribute: str) -> str:
        return next(iter(self.texts(attribute)), "")

    def number(self, attribute: str) -> int:
        """Return the first value as a number; 0 if it is missing or not a number."""
        text = self.text(attribute)
        return int(text) if text.removeprefix("-").isdecimal() and len(text) <= 20 else 0


class Result(msgspec.Struct, frozen=True):
    """The result of a request (RFC 4511 4.1.9), with the entries of a search.

    `controls`: the values of the response's controls, by their OIDs.
    """

    code: int
    message: str = ""
    controls: Mapping[str, bytes] = {}
    entries: tuple[Entry, ...] = ()

    def __str__(self) -> str:
        return f"{self.code} {self.message}".rstrip()


Answer = Entry | Result | None
"""None is a reference to another server, which is not followed."""


# BER


def tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(octets))) + octets + content


def integer(value: int, tag: int = 0x02) -> bytes:
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, signed=True))


def octets(value: str | bytes, tag: int = 0x04) -> bytes:
    return tlv(tag, value.encode() if isinstance(value, str) else value)


async def next_message(reader: asyncio.StreamReader) -> bytes:
    """Return the content of the next message.

    Raises Malformed, and EOFError or OSError at the end of the stream.
    """
    tag, size = await reader.readexactly(2)
    if tag != 0x30:
        raise Malformed("no LDAP message")
    if more := _octets_after(size):
        size = int.from_bytes(await reader.readexactly(more))
    if size > LONGEST:
        raise Malformed(f"a message of {size} bytes")
    return await reader.readexactly(size)


def elements(content: bytes) -> list[tuple[int, bytes]]:
    parts, start = [], 0
    while start < len(content):
        size = int.from_bytes(content[start + 1 : start + 2])
        begin = start + 2 + _octets_after(size)
        end = begin + (int.from_bytes(content[start + 2 : begin]) if size > 0x80 else size)
        if end > len(content):
            raise Malformed("it ends within an element")
        parts.append((content[start], content[begin:end]))
        start = end
    return parts


def _octets_after(first: int) -> int:
    """Return how many octets of a length follow its first one: 0 to 4. Raises Malformed."""
    if first == 0x80 or first > 0x84:
        raise Malformed("a length of an unusual form")
    return max(first - 0x80, 0)


# Filters


def equal(attribute: str, value: str | bytes) -> bytes:
    return tlv(0xA3, octets(attribute), octets(value))


def every(*filters: bytes) -> bytes:
    return tlv(0xA0, *filters)


ANY = octets("objectClass", 0x87)


# Requests


def request(number: int, operation: bytes, controls: bytes = b"") -> bytes:
    return tlv(0x30, integer(number), operation, *([tlv(0xA0, controls)] if controls else []))


def control(oid: str, value: bytes | None = None) -> bytes:
    return tlv(0x30, octets(oid), *([] if value is None else [octets(value)]))


def bind(name: str, password: str) -> bytes:
    """Return a simple bind.

    Raises ValueError without a name or a password: a bind with an empty password succeeds, and
    proves nothing (RFC 4513 5.1.2).
    """
    if not password or not name:
        raise ValueError("a bind needs a name and a password")
    return tlv(BIND, integer(3), octets(name), octets(password, 0x80))


def search(
    base: str,
    matching: bytes,
    attributes: Sequence[str],
    *,
    most: int,
    seconds: int,
    whole_tree: bool = True,
) -> bytes:
    """Return a search for at most `most` entries in `seconds` (0: no limit).

    Aliases are not followed.
    """
    scope = integer(2 if whole_tree else 0, 0x0A)
    limits = integer(most), integer(seconds), tlv(0x01, b"\0")
    return tlv(
        SEARCH,
        octets(base),
        scope,
        integer(0, 0x0A),
        *limits,
        matching,
        tlv(0x30, *map(octets, attributes)),
    )


_CHANGES = {"delete": integer(1, 0x0A), "replace": integer(2, 0x0A)}
Change = tuple[Literal["delete", "replace"], str, Sequence[str | bytes]]


def modify(dn: str, changes: Iterable[Change]) -> bytes:
    """Return a modification. A server makes all of its changes or none (RFC 4511 4.6)."""
    written = [
        tlv(0x30, _CHANGES[kind], tlv(0x30, octets(attribute), tlv(0x31, *map(octets, values))))
        for kind, attribute, values in changes
    ]
    return tlv(MODIFY, octets(dn), tlv(0x30, *written))


def extended(oid: str, value: bytes | None = None) -> bytes:
    return tlv(EXTENDED, octets(oid, 0x80), *([] if value is None else [octets(value, 0x81)]))


# Answers


def read_message(content: bytes) -> tuple[int, Answer]:
    try:
        (_, number), (tag, operation), *rest = elements(content)
    except ValueError as error:
        raise Malformed("a message without an operation") from error
    return int.from_bytes(number), _answer(tag, operation, rest)


def _answer(tag: int, operation: bytes, rest: Sequence[tuple[int, bytes]]) -> Answer:
    parts = [content for _, content in elements(operation)]
    if tag == _REFERENCE:
        return None
    if len(parts) < (2 if tag == _ENTRY else 3):
        raise Malformed("an operation without its parts")
    if tag == _ENTRY:
        return Entry(parts[0].decode(errors="replace"), dict(map(_attribute, elements(parts[1]))))
    controls = dict(
        _control(one)
        for wrapper, content in rest
        if wrapper == 0xA0
        for _, one in elements(content)
    )
    return Result(int.from_bytes(parts[0]), parts[2].decode(errors="replace"), controls)


def _attribute(element: tuple[int, bytes]) -> tuple[str, list[bytes]]:
    parts = elements(element[1])
    if len(parts) != 2:
        raise Malformed("an attribute without its parts")
    return parts[0][1].decode(errors="replace").lower(), [
        value for _, value in elements(parts[1][1])
    ]


def _control(content: bytes) -> tuple[str, bytes]:
    parts = elements(content)
    if not parts:
        raise Malformed("a control without its name")
    return parts[0][1].decode(errors="replace"), parts[-1][1] if len(parts) > 1 else b""
