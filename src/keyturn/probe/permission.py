"""Which hosts the probe may attack: this machine, and hosts that publish a value which only their owner can."""

from hmac import compare_digest
from urllib.parse import urlsplit

from keyturn.hosts import host_of, is_loopback
from keyturn.probe.attack import CannotProbe
from keyturn.probe.web import Web

PATH = "/.well-known/keyturn-probe"
PER_SECOND = 2
"""Requests to another host in a second."""


def needs_permission(url: str) -> bool:
    """Tell whether a URL is of another host. Raises CannotProbe if it is none of HTTP."""
    if not url:
        raise CannotProbe("Name the URL of your application, such as http://127.0.0.1:3000.")
    if not host_of(url) or urlsplit(url).scheme not in {"http", "https"}:
        raise CannotProbe(f"{url!r} is no URL: name your application by one, such as http://127.0.0.1:3000.")
    if "@" in urlsplit(url).netloc:
        raise CannotProbe("Leave the user and the password out of the URL, since reports name it.")
    return not is_loopback(url)


async def require_permission(web: Web, permission: str) -> None:
    """Ask the host, over https, whether it may be probed. Raises CannotProbe and a Finding."""
    other = f"{web.origin} is another host"
    if not web.origin.startswith("https://"):
        raise CannotProbe(f"{other}: probe it over https, or an application on this machine.")
    if not permission:
        raise CannotProbe(f"{other}: name a --file, which keeps what the host has to publish.")
    page = await web.send("GET", web.origin + PATH)
    if page.status != 200 or not compare_digest(page.body.strip().encode(), permission.encode()):
        raise CannotProbe(f"{other}. If it is yours, publish this at {PATH}: {permission}")
