"""Addresses to which a client may be sent after a reset: only those of the origins in the settings."""

from collections.abc import Collection

from keyturn.errors import Fault
from keyturn.service.problems.requests import InputInvalid

LONGEST = 1000
"""Characters: a cookie of the pages holds the address beside others, and a browser keeps 4096 bytes."""


class ReturnAddresses:
    """Accepts addresses of exact origins, so that no request makes an open redirect.

    An address begins with the text of an origin, and a path, a query, a fragment or nothing follows. So no parser has
    to find its host, and none can find another one (RFC 9700 4.11; OWASP Unvalidated Redirects and Forwards).
    """

    def __init__(self, origins: Collection[str]) -> None:
        self.origins = tuple(origins)

    def allows(self, address: str) -> bool:
        if len(address) > LONGEST or not address.isascii() or not address.isprintable() or set(' "<>\\') & {*address}:
            return False
        rests = [address.removeprefix(origin) for origin in self.origins if address.startswith(origin)]
        return any(rest[:1] in {"", "/", "?", "#"} for rest in rests)

    def require(self, address: str) -> str:
        """Return the address. Raises InputInvalid unless it is "" or allowed."""
        if address and not self.allows(address):
            raise InputInvalid(Fault("returnTo", "not an address of an origin in the service's return_origins"))
        return address

    def allowed(self, address: str) -> str:
        """Return the address, or "" if it is not allowed, such as after the settings were changed."""
        return address if self.allows(address) else ""
