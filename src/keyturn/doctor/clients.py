"""Who a request would be to the limits and the audit trail, as it comes from here or there."""

from ipaddress import IPv4Network, IPv6Network

from keyturn.finding import Finding
from keyturn.settings import Settings
from keyturn.settings.networks import read_network, read_peer

_SOMEBODY = "203.0.113.7"
"""An address for documentation (RFC 5737)."""

_MOST_SHOWN = 4


async def check_clients(settings: Settings) -> list[Finding]:
    """Say who somebody would be whose request is passed on, by proxies of this machine and by those that are named."""
    written = settings.server.trusted_proxies
    networks = [read_network(text) for text in written]
    everybody = [text for text, network in zip(written, networks, strict=True) if not network.prefixlen]
    if everybody:
        message = f"{everybody[0]} is everybody, so each client says itself who it is"
        return [Finding("clients", "warn", message, "Set server.trusted_proxies to where the proxy connects from.")]
    # Both of this machine's, since a proxy that is told "localhost" may take either.
    peers = ["127.0.0.1", "::1", *(_a_peer_in(network) for network in networks if not network.is_loopback)]
    told = [
        f"by {peer} counts as {_SOMEBODY if any(read_peer(peer) in network for network in networks) else peer}"
        for peer in peers[:_MOST_SHOWN]
    ]
    return [Finding("clients", "ok", f"a request passed on for {_SOMEBODY} {', '.join(told)}")]


def _a_peer_in(network: IPv4Network | IPv6Network) -> str:
    return str(network[min(1, network.num_addresses - 1)])
