"""Normalizes networks and peers: a server on `::` sees an IPv4 peer as ::ffff:1.2.3.4."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_MAPPED = 96  # bits before an IPv4 address within an IPv6 address (RFC 4291, 2.5.5.2)


@lru_cache(4096)
def read_peer(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address of a peer, without its zone, mapped IPv4 as IPv4;
    None for another text.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(256)
def read_network(text: str) -> IPv4Network | IPv6Network:
    """Return the network of an address, as in 127.0.0.1, or of one with a length.

    Raises ValueError.
    """
    network = ip_network(text, strict=False)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _MAPPED:
        return network
    return IPv4Network((mapped, network.prefixlen - _MAPPED))


def both_forms(networks: Iterable[str]) -> list[str]:
    """Return the networks as their peers may appear, in X-Forwarded-For too: the IPv4 ones inside
    IPv6 as well.
    """
    read = list(map(read_network, networks))
    old = [(one.network_address, one.prefixlen) for one in read if isinstance(one, IPv4Network)]
    return [
        *map(str, read),
        *(str(IPv6Network(f"::ffff:{start}/{_MAPPED + length}")) for start, length in old),
    ]
