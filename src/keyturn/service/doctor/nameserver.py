"""Asks a nameserver about the sending domain."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.resolver import NXDOMAIN, LifetimeTimeout, NoNameservers, NoResolverConfiguration

from keyturn.errors import KeyturnError

_PATIENCE = 4  # seconds for one question, including all nameservers and retries

_REASONS: Mapping[type[Exception], str] = {
    LifetimeTimeout: "no nameserver answered in time",
    NoNameservers: "the nameservers gave an error for {name}",
    NoResolverConfiguration: "this machine has no nameserver configured",
}


class Unanswered(KeyturnError):
    """The DNS gives no answer: there is no network or no nameserver, or the nameserver fails."""


class Dns:
    """Asks a nameserver, by default this machine's.

    `nameserver`: an IP address and a port.
    `patience`: seconds for one question, including all nameservers and retries.
    """

    def __init__(
        self, nameserver: tuple[str, int] | None = None, patience: float = _PATIENCE
    ) -> None:
        self._nameserver = nameserver
        self._patience = patience

    async def exists(self, name: str) -> bool:
        """Tell whether the name, or a name below it, has records (RFC 8020). Raises Unanswered."""
        return await self._ask(name, "SOA") is not None

    async def texts(self, name: str) -> list[str]:
        """Return the TXT records, each with its strings joined, as SPF, DKIM and DMARC require.

        Raises Unanswered.
        """
        records = await self._ask(name, "TXT") or []
        return [b"".join(record.strings).decode("ascii", "replace") for record in records]

    async def _ask(self, name: str, kind: str) -> list[Any] | None:
        """Return the records, [] if the name has none of that kind, None if the name does not
        exist.
        """
        try:
            return list(await self._resolver.resolve(f"{name}.", kind, raise_on_no_answer=False))
        except NXDOMAIN:
            return None
        except (DNSException, OSError) as error:
            why = _REASONS.get(type(error), str(error) or type(error).__name__)
            raise Unanswered(why.format(name=name)) from None

    @cached_property
    def _resolver(self) -> Resolver:
        resolver = Resolver(configure=self._nameserver is None)
        if self._nameserver:
            address, port = self._nameserver
            resolver.nameservers = [address]
            resolver.port = port
        resolver.lifetime = self._patience
        return resolver
