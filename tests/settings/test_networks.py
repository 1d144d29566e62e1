"""Networks and peers, each in one form."""

from ipaddress import ip_network

import pytest

from keyturn.service.settings.networks import both_forms, read_network, read_peer


@pytest.mark.parametrize(
    ("written", "network"),
    [
        ("127.0.0.1", "127.0.0.1/32"),
        ("127.0.0.1/8", "127.0.0.0/8"),
        ("::ffff:10.1.2.3", "10.1.2.3/32"),
        ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
        ("2001:DB8::1/32", "2001:db8::/32"),
        ("::/0", "::/0"),
    ],
)
def test_a_network_is_one_however_it_is_written(written: str, network: str) -> None:
    assert str(read_network(written)) == network


@pytest.mark.parametrize("written", ["", "localhost", "10.0.0.0/33", "10.0.0", "*", "10.0.0.1:80"])
def test_what_is_no_network_is_none(written: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 network"):
        read_network(written)


@pytest.mark.parametrize(
    ("written", "peer"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::FFFF:C000:207", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("unix:", "None"),
        ("", "None"),
    ],
)
def test_a_peer_is_one_however_it_is_written(written: str, peer: str) -> None:
    assert str(read_peer(written)) == peer


def test_an_ipv4_network_is_named_inside_ipv6_too() -> None:
    networks = [ip_network(network) for network in both_forms(["10.1.2.3/8", "::1"])]
    assert networks == [ip_network("10.0.0.0/8"), ip_network("::1/128"), ip_network("::ffff:a00:0/104")]
