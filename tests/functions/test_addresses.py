"""Addresses of mailboxes, of clients, and those to which a reset may return: some, and any."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.mail.addresses import LONGEST, parse_sender, with_ascii_domain
from keyturn.service.client import Client
from keyturn.service.identifiers import fold_name, identify, is_same_mailbox, mask, parse_address
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.reset.request import ReturnAddresses
from keyturn.service.settings.networks import both_forms, read_network, read_peer


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        *((same, same) for same in (
            "ada@northwind.example", "ada+school@northwind.example",
            "o'hara.b-c_d@sub.northwind.example", "ada@localhost", "jürgen@northwind.example",
            f"{'a' * 64}@northwind.example", ".try..this.@docomo.example",
        )),
        ("  Ada@Northwind.EXAMPLE ", "ada@northwind.example"),
        ("\tada@northwind.example\r\n", "ada@northwind.example"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
        ("ju\u0308rgen@northwind.example", "j\u00fcrgen@northwind.example"),
        ("\u200b\ufeff ada@northwind.example\u00a0\u202c\u2069", "ada@northwind.example"),
    ],
)  # fmt: skip
def test_an_address_has_one_form(typed: str, stored: str) -> None:
    assert parse_address(typed) == stored
    assert parse_address(stored) == stored


@pytest.mark.parametrize("typed", [
    "ada@@northwind.example", "ada@north wind.example", "ada@-northwind.example",
    "ada@northwind-.example", "ada@northwind..example", "ada@.example", "ada@[127.0.0.1]",
    '"ada b"@northwind.example', "ada\t@northwind.example", "ada\u200b@northwind.example",
    "ada\u00a0@northwind.example", "ada@\u2603\ufe0f\u200d.example", f"ada@{'b' * 64}.example",
])  # fmt: skip
def test_a_bad_address_is_refused(typed: str) -> None:
    with pytest.raises(InputInvalid) as invalid:
        parse_address(typed)
    assert [fault.name for fault in invalid.value.faults] == ["email"]


@pytest.mark.parametrize(
    "typed", [f"{'a' * 65}@northwind.example", f"{'ü' * 33}@northwind.example"], ids=len
)
def test_a_length_is_counted_in_bytes(typed: str) -> None:
    with pytest.raises(InputInvalid, match="longer than 254 bytes"):
        parse_address(typed)


def test_two_spellings_of_one_mailbox_are_the_same_and_what_is_no_address_is_none() -> None:
    assert is_same_mailbox("ADA@northwind.example", "ada@NORTHWIND.example")
    assert is_same_mailbox("ada@bücher.example", "ada@xn--bcher-kva.example")
    assert not is_same_mailbox("ada@northwind.example", "ada+x@northwind.example")
    assert not is_same_mailbox("nobody", "nobody")
    assert not is_same_mailbox("ada@northwind.example", "")


@pytest.mark.parametrize(
    ("mailbox", "written"),
    [
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("Ada Byrne <ada@bücher.example>", "Ada Byrne <ada@xn--bcher-kva.example>"),
        ("jürgen@northwind.example", "jürgen@northwind.example"),
        ("ada@\u2603\ufe0f\u200d.example", "ada@\u2603\ufe0f\u200d.example"),
        ("ada", "ada"),
    ],
)
def test_a_domain_is_written_so_that_every_mail_server_knows_it(mailbox: str, written: str) -> None:
    assert with_ascii_domain(mailbox) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("accounts@northwind.example", "accounts@northwind.example"),
        ("<accounts@northwind.example>", "accounts@northwind.example"),
        ("Northwind<accounts@Northwind.example>", "Northwind <accounts@Northwind.example>"),
        ("Acme Inc. <a@northwind.example>", '"Acme Inc." <a@northwind.example>'),
        ('"Acme, Inc." <a@northwind.example>', '"Acme, Inc." <a@northwind.example>'),
        ('"Acme (UK)" <a@northwind.example>', '"Acme (UK)" <a@northwind.example>'),
        (
            '"no-reply@northwind.example" <a@northwind.example>',
            '"no-reply@northwind.example" <a@northwind.example>',
        ),
        (
            "Schule Gr\u00fcn <j\u00fcrgen@b\u00fccher.example>",
            "Schule Gr\u00fcn <j\u00fcrgen@xn--bcher-kva.example>",
        ),
        ("=?utf-8?q?Gr=C3=BCn?= <a@northwind.example>", "Gr\u00fcn <a@northwind.example>"),
    ],
)
def test_sender_is_written_anew(text: str, written: str) -> None:
    """A sender is written as every mail program reads it, and reads the same again."""
    mailbox = parse_sender(text)

    assert str(mailbox) == written
    assert parse_sender(written) == mailbox


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Ada <ada@Northwind.example>", "northwind.example"),
        ("a@b\u00fccher.example", "xn--bcher-kva.example"),
    ],
)
def test_sender_domain_is_that_of_the_dns(text: str, domain: str) -> None:
    """The domain of a sender is the name that the DNS knows."""
    assert parse_sender(text).domain == domain


def test_logs_may_hold_the_first_letter_and_the_domain() -> None:
    assert mask("ada@northwind.example") == "a***@northwind.example"
    assert mask("ada") == "a***"
    assert mask("") == "***"


def test_a_text_with_an_at_is_an_address_and_any_other_a_name_if_names_are_taken() -> None:
    assert identify(" Ada@Northwind.Example ", takes_names=True) == "ada@northwind.example"
    assert identify(" Ada L. ", takes_names=True) == "Ada L."
    assert identify("zoe\u0308", takes_names=True) == "zo\u00eb"
    assert fold_name("Zo\u00cb") == "zo\u00cb"
    for typed in ("a\x00b", "\u212aate", "\ud800", "\u00e9" * 128):
        with pytest.raises(InputInvalid):
            identify(typed, takes_names=True)


_PIECES = st.sampled_from([
    "a", "B", "@", ".", "-", "+", " ", "\t", "\r\n", "\x00", "\u0301", "\u0323", "\u212a", "\u0130",
    "\u00df", "\u2126", "\uac00", "\u1100", "\u202e", "\u200b", "\ud7a3", "\U0001f600", "xn--",
    "example", "northwind.test", "'", '"', "<", ">", ",",
])  # fmt: skip
typed = st.one_of(st.text(max_size=400), st.lists(_PIECES, max_size=80).map("".join), st.emails())


@given(typed)
def test_an_address_is_refused_or_has_one_form_that_fits_into_a_header_and_a_column(
    text: str,
) -> None:
    try:
        address = parse_address(text)
    except InputInvalid:
        return
    local, _, domain = address.rpartition("@")
    assert parse_address(address) == address
    assert len(address.encode()) <= LONGEST
    assert local
    assert domain.isascii()
    assert domain == domain.lower()
    assert address.isprintable()
    assert not set(address) & set(' "<>(),;:\\[]')


@given(typed)
def test_sender_reads_the_same_again(text: str) -> None:
    """Any text is refused as a sender, or is a header that reads the same again."""
    try:
        mailbox = parse_sender(text)
    except ValueError:
        return
    assert parse_sender(str(mailbox)) == mailbox
    assert len(f"{mailbox}.".splitlines()) == 1


@given(typed, typed)
def test_two_addresses_are_the_same_in_either_order_and_whatever_case_ascii_has(
    one: str, other: str
) -> None:
    assert is_same_mailbox(one, other) == is_same_mailbox(other, one)
    upper = "".join(letter.upper() if letter.isascii() else letter for letter in one)
    assert is_same_mailbox(one, upper) == is_same_mailbox(one, one)
    assert len(mask(one).partition("***")[0]) <= 1, "a masked address shows one letter of its name"


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), st.integers(0, 32))
def test_an_ipv4_peer_is_in_a_network_in_both_of_its_forms_or_in_neither(
    peer: ipaddress.IPv4Address, base: ipaddress.IPv4Address, length: int
) -> None:
    mapped = f"::ffff:{peer}"
    assert read_peer(mapped) == read_peer(str(peer)) == peer
    named = [ipaddress.ip_network(text) for text in both_forms([f"{base}/{length}"])]
    found = {
        any(ipaddress.ip_address(form) in network for network in named)
        for form in (str(peer), mapped)
    }
    assert found == {peer in read_network(f"{base}/{length}")}
    assert read_network(f"::ffff:{base}/{96 + length}") == read_network(f"{base}/{length}")


@given(st.text(max_size=60))
def test_whatever_a_proxy_calls_a_peer_is_an_address_or_none(text: str) -> None:
    peer = read_peer(text)
    assert peer is None or read_peer(str(peer)) == peer


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unix:", "unix:"),
        ("", ""),
        *(
            (address, "2001:db8:1:2::/64")
            for address in ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", "2001:DB8:1:2::9")
        ),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
    ],
)
def test_one_subscriber_is_one_client(address: str, network: str) -> None:
    assert Client(ip_address=address).networks[0][0] == network


APP = "https://app.example.org"
ADDRESSES = ReturnAddresses([APP, "https://shop.example.org:8443"])


@pytest.mark.parametrize("address", [
    APP, f"{APP}/", f"{APP}/cart?item=1#top", f"{APP}?a=b", f"{APP}#a",
    f"{APP}/%2F..//evil.example", "https://shop.example.org:8443/a%20b",
])  # fmt: skip
def test_an_address_of_an_origin_is_allowed(address: str) -> None:
    assert ADDRESSES.allowed(address) == address


@pytest.mark.parametrize("address", [
    f"{APP}.evil.example/", f"{APP}@evil.example/", f"{APP}:443/", f"{APP}:pass@evil.example/",
    f"{APP}\\@evil.example/", f"{APP}\\.evil.example", f"{APP}%2eevil.example/",
    f"{APP}/\\evil.example", f"{APP}/a b", f"{APP}/a\nb", f"{APP}/\r\nSet-Cookie: a=b",
    f"{APP}/\u00e4", f"{APP}\u3002evil.example", f" {APP}/", APP.upper(), "http://app.example.org/",
    "//app.example.org/", "https:app.example.org", "https://shop.example.org/",
    "https://shop.example.org:84433/",
])  # fmt: skip
def test_any_other_address_is_not(address: str) -> None:
    assert ADDRESSES.allowed(address) == ""
    assert not ReturnAddresses([]).allowed(f"{APP}/")


@given(st.text(max_size=60))
def test_whatever_follows_an_origin_its_host_stays_the_same(rest: str) -> None:
    if ADDRESSES.allowed(APP + rest):
        assert rest[:1] in {"", "/", "?", "#"}
        assert rest.isascii()
