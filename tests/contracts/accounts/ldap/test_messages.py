"""LDAP's messages: what RFC 4511 gives as bytes, any value in a filter, and bytes that are no
message.
"""

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.service.accounts.ldap import messages
from keyturn.service.accounts.ldap.ber import Malformed, elements, integer, octets, tlv
from keyturn.service.accounts.ldap.messages import Entry, Result


@given(st.text(), st.binary(max_size=300))
def test_any_value_of_a_filter_is_one_value(attribute: str, value: bytes) -> None:
    ((tag, content),) = elements(messages.equal(attribute, value))

    assert (tag, [part for _, part in elements(content)]) == (0xA3, [attribute.encode(), value])


def read_next(arrived: bytes) -> bytes:
    """Return the content of the first message of a stream that ends."""

    async def read() -> bytes:
        reader = asyncio.StreamReader()
        reader.feed_data(arrived)
        reader.feed_eof()
        return await messages.next_message(reader)

    return asyncio.run(read())


@given(st.binary(max_size=70_000))
def test_a_message_is_whole_or_has_not_arrived(value: bytes) -> None:
    message = messages.request(
        7,
        tlv(0x64, octets("cn=ada"), tlv(0x30, tlv(0x30, octets("Mail"), tlv(0x31, octets(value))))),
    )

    assert messages.read_message(read_next(message + b"more")) == (
        7,
        Entry("cn=ada", {"mail": [value]}),
    )
    with pytest.raises(EOFError):
        read_next(message[:-1])


ELEMENTS = st.recursive(
    st.builds(tlv, st.sampled_from([0x02, 0x04, 0x0A]), st.binary(max_size=3)),
    lambda inner: st.builds(
        lambda tag, parts: tlv(tag, *parts),
        st.sampled_from([0x30, 0x31, 0x61, 0x64, 0x65, 0x73, 0x78, 0xA0, 0xA3]),
        st.lists(inner, max_size=4),
    ),
)


@given(
    st.lists(ELEMENTS, max_size=4),
    st.lists(st.lists(ELEMENTS, max_size=3), max_size=3),
    st.binary(max_size=60),
)
def test_elements_in_any_order_and_any_bytes_are_a_message_or_malformed(
    parts: list[bytes], controls: list[list[bytes]], content: bytes
) -> None:
    result = tlv(0x61, integer(0, 0x0A), octets(""), octets(""))
    sealed = tlv(0xA0, *(tlv(0x30, *one) for one in controls))
    for message in (
        content,
        b"".join(parts),
        integer(1) + b"".join(parts),
        integer(1) + result + sealed,
    ):
        for read in (messages.read_message, read_next):
            with contextlib.suppress(Malformed, EOFError):
                read(message)


@pytest.mark.parametrize(
    "head", ["3084ffffffff", "30847fffffff", "3080", "3087", "ff", "4854545020"]
)
def test_what_announces_no_message_of_a_usual_length_is_refused_at_once(head: str) -> None:
    with pytest.raises(Malformed):
        read_next(bytes.fromhex(head).ljust(2, b"\0"))


def test_active_directory_writes_lengths_in_four_bytes() -> None:
    content = bytes.fromhex("308400000010 020101 618400000007 0a0131 0400 0400")

    assert messages.read_message(read_next(content)) == (1, Result(49))


def test_a_number_that_is_none_is_0() -> None:
    entry = Entry(
        "", {"a": [b"12"], "b": [b"-3"], "c": [b"x"], "d": ["²".encode()], "e": [b"9" * 40]}
    )

    assert [entry.number(name) for name in "abcdef"] == [12, -3, 0, 0, 0, 0]
