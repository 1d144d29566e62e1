"""Any text as an email address, and any peer address."""

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from keyturn.mail.addresses import LONGEST
from keyturn.service import addresses
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.settings.networks import both_forms, read_network, read_peer

_PIECES = st.sampled_from([
    "a", "B", "@", ".", "-", "+", " ", "\t", "\r\n", "\x00", "\u0301", "\u0323", "\u212a", "\u0130", "\u00df", "\u2126",
    "\uac00", "\u1100", "\u202e", "\u200b", "\ud7a3", "\U0001f600", "xn--", "example", "northwind.test", "'", '"',
    "<", ",",
])  # fmt: skip
typed = st.one_of(st.text(max_size=400), st.lists(_PIECES, max_size=80).map("".join), st.emails())


@given(typed)
def test_an_address_is_refused_or_has_one_form_that_fits_into_a_header_and_a_column(text: str) -> None:
    try:
        address = addresses.parse(text)
    except InputInvalid:
        return
    local, _, domain = address.rpartition("@")
    assert addresses.parse(address) == address
    assert len(address.encode()) <= LONGEST
    assert local
    assert domain.isascii()
    assert domain == domain.lower()
    assert address.isprintable()
    assert not set(address) & set(' "<>(),;:\\[]')


@given(typed, typed)
def test_two_addresses_are_the_same_in_either_order_and_whatever_case_ascii_has(one: str, other: str) -> None:
    assert addresses.is_same_mailbox(one, other) == addresses.is_same_mailbox(other, one)
    upper = "".join(letter.upper() if letter.isascii() else letter for letter in one)
    assert addresses.is_same_mailbox(one, upper) == addresses.is_same_mailbox(one, one)


@given(typed)
def test_a_masked_address_shows_one_letter_of_its_name(text: str) -> None:
    assert len(addresses.mask(text).partition("***")[0]) <= 1


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), st.integers(0, 32))
def test_an_ipv4_peer_is_in_a_network_in_both_of_its_forms_or_in_neither(
    peer: ipaddress.IPv4Address, base: ipaddress.IPv4Address, length: int
) -> None:
    mapped = f"::ffff:{peer}"
    assert read_peer(mapped) == read_peer(str(peer)) == peer
    named = [ipaddress.ip_network(text) for text in both_forms([f"{base}/{length}"])]
    found = {any(ipaddress.ip_address(form) in network for network in named) for form in (str(peer), mapped)}
    assert found == {peer in read_network(f"{base}/{length}")}
    assert read_network(f"::ffff:{base}/{96 + length}") == read_network(f"{base}/{length}")


@given(st.text(max_size=60))
def test_whatever_a_proxy_calls_a_peer_is_an_address_or_none(text: str) -> None:
    peer = read_peer(text)
    assert peer is None or read_peer(str(peer)) == peer
