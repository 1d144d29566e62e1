"""Reads the address of a database, as apps and frameworks write it, for Keyturn's drivers.

`[database]`, `[accounts.table]`, `keyturn init`, the plugin and the doctor all read an address here. Each part of it is
honoured, left out on purpose (`parameters.NOT_FOR_US`), or refused in a sentence that names it.

The spellings are those of libpq (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING), Prisma
(https://www.prisma.io/docs/orm/reference/connection-urls), node-postgres, mysql2, SQLAlchemy, Django, Rails and
Doctrine.
"""

from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
from sqlalchemy import URL

from keyturn.database.urls.mysql import read_mysql
from keyturn.database.urls.parameters import NOT_FOR_US, NotUnderstood, host_and_port
from keyturn.database.urls.postgresql import read_postgresql
from keyturn.database.urls.sqlite import read_sqlite
from keyturn.database.urls.tls import Roots
from keyturn.errors import Fault, SettingsInvalid
from keyturn.settings.url_rules import NO_ADDRESS, database_fault, database_kind


class DatabaseUrl(msgspec.Struct, frozen=True, kw_only=True):
    """Says where a database is.

    `kind`: "sqlite", "postgresql" or "mysql".
    `url`: the driver, and the place; no parameter stands in it.
    `arguments`: what the driver is given besides.
    `roots`: by what the server's certificate is judged, where it is.
    `holds_secret`: whether the address has a password.
    """

    kind: str
    url: URL
    arguments: dict[str, Any]
    roots: Roots
    holds_secret: bool


def read_url(text: str, setting: str) -> DatabaseUrl:
    """Return what an address says. Raises SettingsInvalid by its setting, and never with a part that may be secret."""
    text = text.strip()
    if message := database_fault(text):
        raise _fault(setting, message)
    kind = database_kind(text)
    scheme, _, rest = text.partition(":")
    place, _, query = rest.partition("?")
    try:
        said = _parameters(query)
        holds_secret = bool({"password", "sslpassword"} & said.keys())
        arguments: dict[str, Any] = {}
        roots = Roots(setting="", file="")
        if kind == "sqlite":
            url = read_sqlite(place, said, is_prismas=scheme.lower() == "file")
        elif kind == "mysql":
            driver = "mariadb+aiomysql" if scheme.lower().startswith("mariadb") else "mysql+aiomysql"
            url, arguments, roots = read_mysql(*_server(driver, place), said)
        else:
            url, arguments, roots = read_postgresql(*_server("postgresql+asyncpg", place), said)
    except NotUnderstood as problem:
        # A password in which neither "@" nor "?" was escaped ends here, too: no part of it is repeated.
        message = (
            "what follows the ? cannot be read: write the ? of a password as %3F" if "@" in query else str(problem)
        )
        raise _fault(setting, message) from None
    holds_secret = holds_secret or bool(url.password)
    return DatabaseUrl(kind=kind, url=url, arguments=arguments, roots=roots, holds_secret=holds_secret)


def _parameters(query: str) -> dict[str, str]:
    """Return what follows the "?", without what is not for us. SQLAlchemy says `host` once for each of several."""
    said: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in NOT_FOR_US or name.startswith("_"):  # "_pragma" and its like are those of Go's drivers
            continue
        if not value:
            raise NotUnderstood(f"{name} is empty: give it a value, or leave it out")
        if name == "host" and name in said:
            said[name] += f",{value}"
        elif said.setdefault(name, value) != value:
            raise NotUnderstood(f"{name} has two values: leave one of them out")
    return said


def _server(driver: str, place: str) -> tuple[URL, list[tuple[str, int | None]]]:
    """Return user, password and database, and the hosts with their ports."""
    if not place.startswith("//"):
        scheme = driver.partition("+")[0]
        is_pdos = "host=" in place or "dbname=" in place
        raise NotUnderstood(f"is a DSN of PDO's: write it as {scheme}://app:...@db/app" if is_pdos else NO_ADDRESS)
    authority, _, database = place.removeprefix("//").partition("/")
    if database.count("@") == 1 and "@" not in authority:
        raise NotUnderstood("has an @ behind a /: write the / of the password as %2F")
    if "@" in database:
        raise NotUnderstood("has an @ behind a /: write them as %40 and %2F in the password")
    credentials, _, hosts = authority.rpartition("@")
    user, colon, password = credentials.partition(":")
    url = URL.create(
        driver,
        username=unquote(user) or None,
        password=unquote(password) if colon else None,
        database=unquote(database) or None,
    )
    return url, [host_and_port(host) for host in hosts.split(",") if hosts]


def _fault(setting: str, message: str) -> SettingsInvalid:
    return SettingsInvalid([Fault(setting, message)])
