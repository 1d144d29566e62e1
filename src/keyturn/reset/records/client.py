"""Who asks: what the audit trail and the limits need to know of a request."""

import ipaddress
from functools import lru_cache

import msgspec

_LONGEST_HEADER = 300


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """Describes who asks.

    `ip_address` is the client's own, once trusted proxies have been looked through; "" where there is none.

    `request_id` and `traceparent` lead from what is done later back to the request (see `outbox.Origin`).
    """

    ip_address: str = ""
    user_agent: str = ""
    languages: str = ""
    request_id: str = ""
    traceparent: str = ""

    @property
    def network(self) -> str:
        """What a limit counts: an IPv4 address, or the /64 that one IPv6 subscriber holds (RFC 6177)."""
        return _network(self.ip_address)


@lru_cache(4096)
def _network(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


@lru_cache(4096)
def plain_ip_address(peer: str) -> str:
    """Return the IP address that `peer` is, an IPv4 one as such; "" for whatever else a proxy passes on unread."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)


def clip_header(header: str) -> str:
    """Return a header fit to be kept: printable, and no longer than a browser's own."""
    return "".join(character for character in header if character.isprintable())[:_LONGEST_HEADER]
