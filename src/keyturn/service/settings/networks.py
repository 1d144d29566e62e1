"""Reads networks and addresses of peers. A server on `::` sees an IPv4 peer as ::ffff:1.2.3.4."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_MAPPED = 96  # bits before an IPv4 address within an IPv6 address (RFC 4291, 2.5.5.2)


@lru_cache(4096)
def read_peer(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address of a peer, without its zone; None for another text.

    An IPv4 address that is mapped into IPv6 is returned as IPv4.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(256)
def read_network(text: str) -> IPv4Network | IPv6Network:
    """Return the network of a text such as 10.0.0.0/8, or of a single address.

    Raises ValueError.
    """
    network = ip_network(text, strict=False)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _MAPPED:
        return network
    return IPv4Network((mapped, network.prefixlen - _MAPPED))


def both_forms(networks: Iterable[str]) -> list[str]:
    """Return the networks, and each IPv4 network a second time, as mapped into IPv6.

    Peers may appear in both forms, also in X-Forwarded-For.
    """
    read = list(map(read_network, networks))
    mapped = []
    for network in read:
        if isinstance(network, IPv4Network):
            length = _MAPPED + network.prefixlen
            mapped.append(IPv6Network(f"::ffff:{network.network_address}/{length}"))
    return [*map(str, read), *map(str, mapped)]
