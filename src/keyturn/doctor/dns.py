"""Asking the DNS, with three outcomes kept apart: records, none, and no answer."""

from functools import cached_property
from typing import Any

from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.resolver import NXDOMAIN, LifetimeTimeout, NoAnswer, NoNameservers, NoResolverConfiguration

from keyturn.errors import KeyturnError

_PATIENCE = 4
"""Seconds for one question, all nameservers and repetitions included."""


class Unanswered(KeyturnError):
    """Nobody knows: no network, no nameserver, or one that fails."""


class Dns:
    """Asks a nameserver.

    `nameserver` is an IP address and a port; None takes what this machine is configured to ask.
    """

    def __init__(self, nameserver: tuple[str, int] | None = None, patience: float = _PATIENCE) -> None:
        self._nameserver = nameserver
        self._patience = patience

    async def exists(self, name: str) -> bool:
        """Tell whether there is anything at or below the name (RFC 8020). Raises Unanswered."""
        return await self._ask(name, "SOA") is not None

    async def texts(self, name: str) -> list[str]:
        """Return the TXT records, each with its strings joined as SPF, DKIM and DMARC say. Raises Unanswered."""
        return [b"".join(record.strings).decode("ascii", "replace") for record in await self._ask(name, "TXT") or ()]

    async def takes_mail(self, name: str) -> bool:
        """Tell whether mail to the domain has somewhere to go (RFC 5321 5.1, RFC 7505). Raises Unanswered."""
        if exchangers := await self._ask(name, "MX"):
            return any(record.exchange.to_text() != "." for record in exchangers)
        return any([await self._ask(name, "A"), await self._ask(name, "AAAA")])

    async def _ask(self, name: str, kind: str) -> list[Any] | None:
        """Return the records, [] where the name has none of that kind, None where there is no such name."""
        try:
            return list(await self._resolver.resolve(f"{name}.", kind))
        except NXDOMAIN:
            return None
        except NoAnswer:
            return []
        except LifetimeTimeout:
            raise Unanswered("no nameserver answered in time") from None
        except NoNameservers:
            raise Unanswered(f"the nameservers failed on {name}") from None
        except NoResolverConfiguration:
            raise Unanswered("this machine has no nameserver configured") from None
        except (DNSException, OSError) as error:
            raise Unanswered(str(error) or type(error).__name__) from None

    @cached_property
    def _resolver(self) -> Resolver:
        resolver = Resolver(configure=self._nameserver is None)
        if self._nameserver:
            address, resolver.port = self._nameserver
            resolver.nameservers = [address]
        resolver.lifetime = self._patience
        return resolver
