"""Which hosts the probe may attack: this machine, and hosts that publish a value which only their owner can."""

import secrets
from hmac import compare_digest
from urllib.parse import urlsplit

from keyturn.hosts import host_of, is_loopback
from keyturn.probe.attack import CannotProbe, NotTried
from keyturn.probe.web import Web

PATH = "/.well-known/keyturn-probe"
PER_SECOND = 2
"""Requests to another host in a second."""


def new_permission() -> str:
    """Return a value for another host to publish. The file keeps it."""
    return secrets.token_urlsafe(24)


def needs_permission(url: str) -> bool:
    """Tell whether a URL is of another host. Raises CannotProbe if it is none of HTTP."""
    if urlsplit(url).scheme not in {"http", "https"} or not host_of(url):
        raise CannotProbe(f"{url} is no URL such as http://127.0.0.1:3000.")
    return not is_loopback(url)


async def require_permission(web: Web, permission: str) -> None:
    """Ask the host whether it may be probed. Raises CannotProbe if it does not say so, over https."""
    if not web.origin.startswith("https://"):
        raise CannotProbe(f"{web.origin} is another host: probe it over https, or an application on this machine.")
    try:
        page = await web.send("GET", web.origin + PATH, {}, b"")
    except NotTried as error:
        raise CannotProbe(str(error)) from None
    said = page.body.strip() if page.status == 200 else ""
    if not permission or not compare_digest(said.encode(), permission.encode()):
        raise CannotProbe(
            f"{web.origin} is another host. If it is yours, publish this at {web.origin}{PATH}: {permission}"
            if permission
            else f"{web.origin} is another host: name a --file, in which the probe keeps what the host has to publish."
        )
