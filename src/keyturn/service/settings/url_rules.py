"""Rules for the URLs of pages, services and databases."""

import re
import string
from collections.abc import Iterator

from keyturn.errors import Fault
from keyturn.hosts import host_of, is_loopback
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import LINKS, page_urls
from keyturn.values import not_this

ENDS_A_SOURCE = re.compile(r"[\s;,]")
_DATABASES = {
    "sqlite": "sqlite",
    "sqlite3": "sqlite",
    "file": "sqlite",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "pgsql": "postgresql",
    "psql": "postgresql",
    "postgis": "postgresql",
    "mysql": "mysql",
    "mysql2": "mysql",
    "mysql-connector": "mysql",
    "mariadb": "mysql",
}
"""The kinds of databases, by the schemes of Prisma, Heroku, Doctrine, dj-database-url, Rails and
others.
"""

NO_ADDRESS = "not a database address: write one such as postgresql://app@db/app or sqlite:///app.db"

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")  # RFC 3986, 3.1


def database_kind(url: str) -> str:
    """Return the kind of a database's URL: "sqlite", "postgresql" or "mysql"; "" for another text.

    The URL may name any driver.
    """
    scheme, colon, _ = url.strip().partition(":")
    if not colon:
        return ""
    return _DATABASES.get(scheme.partition("+")[0].lower(), "")


def database_fault(url: str, *, for_our_tables: bool = False) -> str:
    """Return what is wrong with the beginning of a database's URL; "" if nothing is.

    The rest of the URL is not repeated: it may have a password.

    `for_our_tables`: the database is for Keyturn's own tables, and not for an app's accounts.
    """
    kind = database_kind(url)
    known = "sqlite://, postgresql://, mysql:// or mariadb://"
    if for_our_tables:
        known = "sqlite:// or postgresql://"
    if kind == "mysql" and for_our_tables:
        only = "MySQL works for the accounts (accounts.table.url), but not for Keyturn's own tables"
        return f"must begin with {known}: {only}"
    if kind:
        return ""
    if url.strip().startswith(("'", '"')):
        return "is in quotation marks: remove them"
    scheme, colon, rest = url.strip().partition(":")
    if not colon:
        return NO_ADDRESS
    if rest.startswith("//") and _SCHEME.fullmatch(scheme):
        return f"must begin with {known}{not_this(f'{scheme}://')}"
    return f"must begin with {known}"


def page_faults(settings: Settings) -> Iterator[Fault]:
    base = settings.base_url
    if _is_base(base):
        yield from policy_faults("base_url", base)
    else:
        message = f"must be an address like https://account.example.org{not_this(base)}"
        yield Fault("base_url", message)
    pages = page_urls(settings)
    for name, url in pages.items():
        yield from _pattern(name, url)
        if name not in LINKS:
            yield from policy_faults(name, url)
    if settings.environment != "production":
        return
    for name, url in ({"base_url": base} | pages).items():
        if is_open_to_readers(url):
            message = "must be https in production: over http, an attacker on the network can read"
            yield Fault(name, f"{message} the link")


def _is_base(url: str) -> bool:
    has_scheme = url.startswith(("https://", "http://"))
    has_parameters = "?" in url or "#" in url
    return has_scheme and bool(host_of(url)) and not has_parameters


def policy_faults(name: str, url: str) -> Iterator[Fault]:
    """Yield a fault for a sign that would end the URL in the policy of the pages.

    Text behind it would become another source or directive (CSP Level 3, 2.2.1).
    """
    if ENDS_A_SOURCE.search(url):
        yield Fault(name, "contains a space, a semicolon or a comma: percent-encode it")


def service_faults(name: str, url: str, settings: Settings) -> Iterator[Fault]:
    """Yield the faults of the URL of a service that is called with a secret, if the URL is set."""
    if not url:
        return
    if not url.startswith(("https://", "http://")) or not host_of(url):
        yield Fault(name, f"must be an address like https://app.example.org{not_this(url)}")
    elif settings.environment == "production" and is_open_to_readers(url):
        message = "must be https in production: over http, an attacker on the network can read"
        yield Fault(name, f"{message} the secret")


def is_private(url: str) -> bool:
    """Tell whether nobody else on the network can read or change what the URL carries."""
    if url.startswith("http://"):
        return is_loopback(url)
    return url.startswith("https://")


def is_open_to_readers(url: str) -> bool:
    """Tell whether others on the network can read what is sent to the URL."""
    leaves_machine = bool(host_of(url)) and not is_loopback(url)
    return url.startswith("http://") and leaves_machine


def _pattern(name: str, pattern: str) -> Iterator[Fault]:
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError:
        yield Fault(name, "has a brace without its pair")
        return
    if any(form or conversion for _, _, form, conversion in parts):
        yield Fault(name, "has a placeholder with a format: write only the name in the braces")
    places = {place for _, place, _, _ in parts if place is not None}
    if name in LINKS and "token" not in places:
        yield Fault(name, "needs the placeholder {token}")
    allowed = {"base_url", *LINKS.get(name, ())}
    known = ", ".join(sorted(allowed))
    for unknown in sorted(places - allowed):
        yield Fault(name, f"has an unknown placeholder {{{unknown}}}: use one of {known}")
    if not pattern.startswith(("{base_url}", "https://", "http://")):
        yield Fault(name, f"must begin with {{base_url}} or https://{not_this(pattern)}")
