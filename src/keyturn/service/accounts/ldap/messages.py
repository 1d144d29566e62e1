"""LDAP's messages (RFC 4511): the requests that a store of accounts needs, and their answers.

A filter is never a text: its bytes are made from an attribute and its value, so an address with
parentheses or asterisks cannot change a search (RFC 4515; CWE-90). The name of an entry is never
composed, either.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Literal, NamedTuple

import msgspec

from keyturn.service.accounts.ldap.ber import (
    SEQUENCE,
    Element,
    Malformed,
    boolean,
    elements,
    enumerated,
    integer,
    length_octets,
    octets,
    sequence,
    set_of,
    tlv,
)

_LONGEST = 4 * 1024 * 1024  # bytes of an answer's message

# Tags of operations (RFC 4511 4.2 to 4.12)
BIND = 0x60
UNBIND = 0x42
SEARCH = 0x63
MODIFY = 0x66
EXTENDED = 0x77
_ENTRY = 0x64
_REFERENCE = 0x73

# Tags of a message's controls (4.1.11), and of parts of a bind (4.2) and an extended request (4.12)
_CONTROLS = 0xA0
_SIMPLE = 0x80
_REQUEST_NAME = 0x80
_REQUEST_VALUE = 0x81

# Tags of filters (4.5.1)
_AND = 0xA0
_EQUALITY_MATCH = 0xA3
_PRESENT = 0x87


class ResultCode(IntEnum):
    """The result codes that Keyturn tells from others (RFC 4511 appendix A)."""

    SUCCESS = 0
    OPERATIONS_ERROR = 1
    TIME_LIMIT_EXCEEDED = 3
    SIZE_LIMIT_EXCEEDED = 4
    REFERRAL = 10
    ADMIN_LIMIT_EXCEEDED = 11
    CONSTRAINT_VIOLATION = 19
    NO_SUCH_OBJECT = 32
    INVALID_DN_SYNTAX = 34
    INVALID_CREDENTIALS = 49
    BUSY = 51
    UNAVAILABLE = 52
    UNWILLING_TO_PERFORM = 53
    LOOP_DETECT = 54
    OTHER = 80


CERTAIN_NO = frozenset(range(1, 81)) - {
    ResultCode.OPERATIONS_ERROR,
    ResultCode.TIME_LIMIT_EXCEEDED,
    ResultCode.ADMIN_LIMIT_EXCEEDED,
    ResultCode.BUSY,
    ResultCode.UNAVAILABLE,
    ResultCode.LOOP_DETECT,
    ResultCode.OTHER,
}
"""Result codes by which a server says that nothing was changed (RFC 4511 4.1.9 and appendix A).

Servers and proxies may send the codes that are left out after they have begun a change.
"""

START_TLS = "1.3.6.1.4.1.1466.20037"
PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"
PASSWORD_POLICY = "1.3.6.1.4.1.42.2.27.8.5.1"
POLICY_HINTS = "1.2.840.113556.1.4.2239"
"""Lets a reset in Active Directory obey the history of passwords (MS-ADTS 3.1.1.3.4.1.27)."""

_LONGEST_NUMBER = 20  # characters of a number: those of 64 bits have at most so many


class Entry(msgspec.Struct, frozen=True):
    """An entry.

    `values`: the values of the requested attributes, by their names in lower case.
    """

    dn: str
    values: Mapping[str, Sequence[bytes]]

    def texts(self, attribute: str) -> list[str]:
        return [value.decode(errors="replace") for value in self.values.get(attribute.lower(), ())]

    def text(self, attribute: str) -> str:
        """Return the first value; "" if it is missing."""
        return next(iter(self.texts(attribute)), "")

    def number(self, attribute: str) -> int:
        """Return the first value as a number; 0 if it is missing or not a number."""
        text = self.text(attribute)
        is_number = text.removeprefix("-").isdecimal() and len(text) <= _LONGEST_NUMBER
        return int(text) if is_number else 0


NO_ENTRY = Entry("", {})
"""In place of an entry that does not exist, or may not be read."""


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


class Message(NamedTuple):
    """A message of a server, with the number of the request that it answers."""

    number: int
    answer: Answer


# Filters


def equal(attribute: str, value: str | bytes) -> bytes:
    return tlv(_EQUALITY_MATCH, octets(attribute), octets(value))


def every(*filters: bytes) -> bytes:
    return tlv(_AND, *filters)


ANY = octets("objectClass", _PRESENT)
"""The filter that every entry passes: it has an attribute `objectClass`."""


# Requests


def request(number: int, operation: bytes, controls: bytes = b"") -> bytes:
    parts = [integer(number), operation]
    if controls:
        parts.append(tlv(_CONTROLS, controls))
    return sequence(*parts)


def control(oid: str, value: bytes | None = None) -> bytes:
    parts = [octets(oid)]
    if value is not None:
        parts.append(octets(value))
    return sequence(*parts)


def bind(name: str, password: str) -> bytes:
    """Return a simple bind.

    Raises ValueError without a name or a password: a bind with an empty password succeeds, and
    proves nothing (RFC 4513 5.1.2).
    """
    if not password or not name:
        raise ValueError("a bind needs a name and a password")
    version = integer(3)
    return tlv(BIND, version, octets(name), octets(password, _SIMPLE))


def unbind() -> bytes:
    return tlv(UNBIND)


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

    `whole_tree`: search all entries below the base; otherwise the base alone.
    """
    scope = enumerated(2 if whole_tree else 0)
    follows_no_aliases = enumerated(0)
    with_values = boolean(value=False)
    return tlv(
        SEARCH,
        octets(base),
        scope,
        follows_no_aliases,
        integer(most),
        integer(seconds),
        with_values,
        matching,
        sequence(*map(octets, attributes)),
    )


class Change(NamedTuple):
    """A change of an attribute's values."""

    kind: Literal["delete", "replace"]
    attribute: str
    values: Sequence[str | bytes]


_KINDS_OF_CHANGES = {"delete": enumerated(1), "replace": enumerated(2)}


def modify(dn: str, changes: Iterable[Change]) -> bytes:
    """Return a modification. A server makes all of its changes or none (RFC 4511 4.6)."""
    written = []
    for change in changes:
        values = set_of(*map(octets, change.values))
        attribute = sequence(octets(change.attribute), values)
        written.append(sequence(_KINDS_OF_CHANGES[change.kind], attribute))
    return tlv(MODIFY, octets(dn), sequence(*written))


def extended(oid: str, value: bytes | None = None) -> bytes:
    parts = [octets(oid, _REQUEST_NAME)]
    if value is not None:
        parts.append(octets(value, _REQUEST_VALUE))
    return tlv(EXTENDED, *parts)


# Answers


async def next_message(reader: asyncio.StreamReader) -> bytes:
    """Return the content of the next message.

    Raises Malformed, and EOFError or OSError at the end of the stream.
    """
    tag, size = await reader.readexactly(2)
    if tag != SEQUENCE:
        raise Malformed("no LDAP message")
    more = length_octets(size)
    if more:
        size = int.from_bytes(await reader.readexactly(more))
    if size > _LONGEST:
        raise Malformed(f"a message of {size} bytes")
    return await reader.readexactly(size)


def read_message(content: bytes) -> Message:
    """Return the message in the content that `next_message` returns. Raises Malformed."""
    parts = elements(content)
    if len(parts) < 2:
        raise Malformed("a message without an operation")
    number, operation, *rest = parts
    return Message(number.number, _answer(operation, rest))


def _answer(operation: Element, rest: Iterable[Element]) -> Answer:
    parts = elements(operation.content)
    if operation.tag == _REFERENCE:
        return None
    if operation.tag == _ENTRY:
        return _entry(parts)
    if len(parts) < 3:
        raise Malformed("an operation without its parts")
    code, _, message, *_ = parts
    return Result(code.number, message.text, _controls(rest))


def _entry(parts: Sequence[Element]) -> Entry:
    if len(parts) < 2:
        raise Malformed("an operation without its parts")
    values = {}
    for attribute in elements(parts[1].content):
        described = elements(attribute.content)
        if len(described) != 2:
            raise Malformed("an attribute without its parts")
        name, stored = described
        values[name.text.lower()] = [value.content for value in elements(stored.content)]
    return Entry(parts[0].text, values)


def _controls(rest: Iterable[Element]) -> dict[str, bytes]:
    controls = {}
    for element in rest:
        if element.tag != _CONTROLS:
            continue
        for one in elements(element.content):
            parts = elements(one.content)
            if not parts:
                raise Malformed("a control without its name")
            # The criticality may stand between the name and the value.
            value = parts[-1].content if len(parts) > 1 else b""
            controls[parts[0].text] = value
    return controls
