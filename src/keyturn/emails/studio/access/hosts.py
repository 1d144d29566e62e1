"""Who may be asked for: a page elsewhere must not read the studio by renaming itself to this machine."""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.status_codes import HTTP_421_MISDIRECTED_REQUEST
from litestar.types import Guard


def known_hosts_only(bound_to: str) -> Guard:
    """Return a guard that answers 421 (RFC 9110 15.5.20) unless the Host header names this machine.

    In DNS rebinding the attacker's own name comes to point at 127.0.0.1, and the browser then takes the studio for the
    attacker's site; the name in the Host header gives it away (Jackson et al., "Protecting Browsers from DNS
    Rebinding Attacks", ACM CCS 2007). An address written as numbers cannot be renamed, so where the server is
    bound to more than loopback every such address passes, and the name that it is bound to.
    """

    def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        if not _is_known(connection.headers.get("host", ""), bound_to):
            raise HTTPException(
                status_code=HTTP_421_MISDIRECTED_REQUEST,
                detail="The studio answers to this machine's own address only, for example 127.0.0.1 and its port.",
            )

    return guard


def _is_known(header: str, bound_to: str) -> bool:
    try:
        host = urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return False
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == bound_to
    return address.is_loopback or not is_loopback(bound_to)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
