"""Hosts and origins in the URLs of pages and services."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d+)?")
_WITH_DEFAULT_PORT = re.compile(r"http://.*:80|https://.*:443")


def is_loopback(url: str) -> bool:
    return is_loopback_host(host_of(url))


def is_loopback_host(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, 6.3
        return True
    return is_loopback_address(host)


def is_loopback_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def local_port(url: str) -> int | None:
    """Return the port of an http URL on this machine; None for any other URL.

    `serve` speaks no https: an https URL is a proxy's.
    """
    if not is_loopback(url):
        return None
    parts = urlsplit(url)
    if parts.scheme != "http":
        return None
    return parts.port or 80


def split_address(address: str) -> SplitResult:
    """Return the parts of an address; empty ones if it is malformed ("https://[[name]]/")."""
    try:
        return urlsplit(address)
    except ValueError:  # brackets without an IP address
        return urlsplit("")


def site_of(host: str) -> str:
    """Return the last two labels: they tell two parties apart without a list of public suffixes."""
    return ".".join(host.split(".")[-2:])


def host_in(address: str) -> str:
    """Return the host that an address names, whatever its port; "" if there is none.

    Use it to compare hosts, also of addresses that others wrote. `host_of` tells whether a URL can
    be used.
    """
    return split_address(address).hostname or ""


def host_of(url: str) -> str:
    """Return the host of a URL; "" if the host is missing or the port is invalid.

    Use it where the result decides whether a URL can be used, as for one of the settings.
    """
    try:
        port = split_address(url).port
    except ValueError:  # it is no number up to 65535
        return ""
    if port == 0:
        return ""
    return host_in(url)


def is_origin(text: str) -> bool:
    """Tell whether the text is an origin (RFC 6454, 6.2); "*", which means all origins, is not."""
    return bool(_ORIGIN.fullmatch(text.lower()) and host_of(text))


def is_serialized_origin(text: str) -> bool:
    """Tell whether an origin equals what a browser sends: in small letters, without the default
    port.
    """
    if not is_origin(text) or text != text.lower():
        return False
    return not _WITH_DEFAULT_PORT.fullmatch(text)


def is_host(text: str) -> bool:
    """Tell whether the text is a host name or an IP address without a port."""
    url = f"https://{text}"
    return is_origin(url) and not urlsplit(url).port
