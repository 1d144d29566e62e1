"""Who asks: what the audit trail and the limits need to know of a request."""

from ipaddress import IPv6Address, IPv6Network

import msgspec

from keyturn.settings.networks import read_peer

_LONGEST_HEADER = 300


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """`ip_address` is the client's own, once trusted proxies have been looked through; "" where there is none.

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
        address = read_peer(self.ip_address)
        if isinstance(address, IPv6Address):
            return str(IPv6Network((address, 64), strict=False))
        return str(address or self.ip_address)


def clip_header(header: str) -> str:
    """Return a header fit to be kept: printable, and no longer than a browser's own."""
    return "".join(character for character in header if character.isprintable())[:_LONGEST_HEADER]
