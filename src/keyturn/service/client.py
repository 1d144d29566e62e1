"""The client of a request, as the audit trail and the limits need it."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network

import msgspec

from keyturn.service.settings.networks import read_peer

_LONGEST_HEADER = 300
_IPV6_PREFIXES = (64, 56, 48)


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """The client of a request.

    `ip_address`: behind trusted proxies, or "". `operator`: the user who ran a command.
    """

    ip_address: str = ""
    user_agent: str = ""
    languages: str = ""
    request_id: str = ""
    operator: str = ""

    @property
    def networks(self) -> Sequence[tuple[str, int]]:
        """What a limit counts, and the bits of its prefix: an IPv4 address, or the networks around
        an IPv6 one.

        A subscriber holds a /64, and often a /56 or a /48 (RFC 6177). The narrowest comes first.
        """
        return _networks_of(self.ip_address)


@lru_cache(4096)
def _networks_of(ip_address: str) -> Sequence[tuple[str, int]]:
    address = read_peer(ip_address)
    if isinstance(address, IPv6Address):
        return [
            (str(IPv6Network((address, prefix), strict=False)), prefix) for prefix in _IPV6_PREFIXES
        ]
    return [(str(address or ip_address), 0)]


def clip_header(header: str) -> str:
    """Return a header fit to be stored: printable, and no longer than a browser's own."""
    if not header.isprintable():
        header = "".join(character for character in header if character.isprintable())
    return header[:_LONGEST_HEADER]
