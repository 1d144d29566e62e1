"""Who asks: what the audit trail and the limits need to know of a request."""

import ipaddress
from functools import lru_cache

import msgspec

_LONGEST_USER_AGENT = 300


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """`address` is the client's own, once trusted proxies have been looked through; "" where there is none."""

    address: str = ""
    user_agent: str = ""
    languages: str = ""
    request_id: str = ""

    @property
    def network(self) -> str:
        """What a limit counts: an IPv4 address, or the /64 that one IPv6 subscriber holds (RFC 6177)."""
        return _network(self.address)


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


def clipped(user_agent: str) -> str:
    """Return a user agent fit to be kept: printable, and no longer than a browser's own."""
    return "".join(character for character in user_agent if character.isprintable())[:_LONGEST_USER_AGENT]
