"""Hosts and origins in the addresses of pages and services."""

import ipaddress
import re
from urllib.parse import urlsplit

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d+)?")


def is_loopback(url: str) -> bool:
    host = host_of(url)
    return is_loopback_address(host) or host == "localhost" or host.endswith(".localhost")


def is_loopback_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def local_port(url: str) -> int | None:
    """Return the port that an http address names on this machine; None for any other address.

    What is https there is a proxy's: `serve` speaks http.
    """
    return (urlsplit(url).port or 80) if is_loopback(url) and urlsplit(url).scheme == "http" else None


def host_of(url: str) -> str:
    """Return the host of an address, and nothing where it has none, or a port that is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # an IPv6 address without its closing bracket, or a port that is no number up to 65535
        return ""
    return "" if port == 0 else parts.hostname or ""


def is_origin(text: str) -> bool:
    """Tell whether it is one as a browser writes it (RFC 6454, 6.2): a "*" would stand for the origins of strangers."""
    return bool(_ORIGIN.fullmatch(text.lower()) and host_of(text))


def is_host(text: str) -> bool:
    """Tell whether it is a name or an address alone, as a Host header has it before its port."""
    return is_origin(f"https://{text}") and not urlsplit(f"https://{text}").port
