"""The client of a request."""

import pytest

from keyturn.service.reset.records.client import Client, clip_header


@pytest.mark.parametrize(("address", "network"), [
    ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("unix:", "unix:"), ("", ""),
    *((address, "2001:db8:1:2::/64") for address in ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", "2001:DB8:1:2::9")),
    ("2001:db8:1:3::", "2001:db8:1:3::/64"), ("fe80::1%eth0", "fe80::/64"), ("::1", "::/64"),
])  # fmt: skip
def test_one_subscriber_is_one_client(address: str, network: str) -> None:
    assert Client(ip_address=address).networks[0][0] == network


def test_the_networks_around_an_ipv6_address_are_counted_too() -> None:
    assert Client(ip_address="2001:db8:1:2ff::9").networks == [
        ("2001:db8:1:2ff::/64", 64),
        ("2001:db8:1:200::/56", 56),
        ("2001:db8:1::/48", 48),
    ]
    assert len(Client(ip_address="192.0.2.7").networks) == 1


def test_a_user_agent_is_kept_as_one_printable_line() -> None:
    assert clip_header("Mozilla/5.0\r\n(evil)\x00\u202e\x1b[31m") == "Mozilla/5.0(evil)[31m"
    assert clip_header("x" * 5000) == "x" * 300
    assert clip_header("") == ""
