"""The address of a database as apps and frameworks write it, read for the drivers that Keyturn has.

What is known of the spellings: libpq's (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS),
Prisma's (https://www.prisma.io/docs/orm/overview/databases/postgresql), node-postgres', mysql2's, SQLAlchemy's, and
Django's and Rails' schemes. What no driver of ours would do otherwise is left out; what is not understood is a fault.
"""

import re
from typing import Any

import msgspec
from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from keyturn.database.urls.mysql import read_mysql
from keyturn.database.urls.parameters import OF_OTHER_CLIENTS, NotUnderstood
from keyturn.database.urls.postgresql import read_postgresql
from keyturn.errors import Fault, SettingsInvalid
from keyturn.settings.url_rules import database_kind

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "mysql": "mysql+aiomysql"}
_SCHEME = re.compile(r"[A-Za-z0-9]+(?:\+\w+)?:")
_NO_ADDRESS = "not a database address: write one, as in postgresql://app@db/app or sqlite:///app.db"
_PATH = re.compile(r"file:(?://)?(.*)|\w+:(?!//)(.*)", re.DOTALL | re.IGNORECASE)
"""What has no host: Prisma's `file:./dev.db`, Rails' `sqlite3:db/app.sqlite3`."""


class DatabaseUrl(msgspec.Struct, frozen=True, kw_only=True):
    """Says where a database is. `kind` is "sqlite", "postgresql" or "mysql"; `arguments` go to the driver in `url`."""

    kind: str
    url: URL
    arguments: dict[str, Any]


def read_url(text: str, setting: str) -> DatabaseUrl:
    """Return what an address says. Raises SettingsInvalid by its setting, and never with a part that may be secret."""
    kind = database_kind(text)
    if not kind:
        begin = "must begin with sqlite://, postgresql://, mysql:// or mariadb://"
        raise _fault(setting, begin if "://" in text else _NO_ADDRESS)
    path = _PATH.fullmatch(text) if kind == "sqlite" else None
    if not path and "://" not in text:
        raise _fault(setting, _NO_ADDRESS)
    rest = f"///{path[1] or path[2]}" if path else _SCHEME.sub("", text, count=1)
    try:
        driver = "mariadb+aiomysql" if text.lower().startswith("mariadb") else _DRIVERS[kind]
        url = make_url(f"{driver}:{rest}")
    except (ArgumentError, ValueError):  # their texts hold parts of the address, the password included
        raise _fault(setting, _NO_ADDRESS) from None
    said = {
        name: value if isinstance(value, str) else value[-1]
        for name, value in url.query.items()
        if name not in OF_OTHER_CLIENTS
    }
    arguments: dict[str, Any] = {}
    try:
        match kind:
            case "postgresql":
                url, arguments = read_postgresql(url, said)
            case "mysql":
                url, arguments = read_mysql(url, said)
            case _:
                url = url.set(query=said)
    except NotUnderstood as problem:
        # A password in which neither "@" nor "?" was escaped ends here, too: no part of it is repeated.
        is_secret = "@" in rest.rpartition("?")[2]
        raise _fault(setting, "what follows the ? cannot be read" if is_secret else str(problem)) from None
    return DatabaseUrl(kind=kind, url=url, arguments=arguments)


def _fault(setting: str, message: str) -> SettingsInvalid:
    return SettingsInvalid([Fault(setting, message)])
