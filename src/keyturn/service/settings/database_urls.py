"""Reads the URL of a database, as apps and frameworks write it, for Keyturn's drivers."""

import re
from typing import Any
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

import msgspec
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from keyturn.errors import SettingsInvalid
from keyturn.service.settings.database_tls import (
    AddressNotUnderstood,
    Tls,
    mysql_tls,
    parse_mode,
    postgresql_tls,
    stricter_mode,
    take_tls,
)
from keyturn.service.settings.url_rules import (
    NO_ADDRESS,
    database_fault,
    database_kind,
)
from keyturn.values import did_you_mean

_SPELLINGS = {
    "ssl": "sslmode",
    "ssl_mode": "sslmode",
    "sslaccept": "sslmode",
    "socket": "unix_socket",
    "ssl_ca": "sslrootcert",
    "ssl_cert": "sslcert",
    "ssl_key": "sslkey",
    "prepared_statement_cache_size": "statement_cache_size",
}
"""Names of node-postgres, MySQL, Prisma and SQLAlchemy, by those of libpq and Keyturn's drivers."""

_TLS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword")
_HONOURED = {
    "sqlite": (),
    "mysql": (*_TLS, "unix_socket"),
    "postgresql": (
        *_TLS,
        "channel_binding",
        "host",
        "schema",
        "search_path",
        "options",
        "application_name",
        "pgbouncer",
        "statement_cache_size",
        "passfile",
        "target_session_attrs",
    ),
}
_LEFT_OUT = {
    "autocommit",
    "charset",
    "client_encoding",
    "collation",
    "command_timeout",
    "conn_max_age",
    "connect_timeout",
    "connection_limit",
    "encoding",
    "keepalives",
    "keepalives_idle",
    "max_overflow",
    "pool",
    "pool_pre_ping",
    "pool_recycle",
    "pool_size",
    "pool_timeout",
    "prepared_statements",
    "reconnect",
    "serverVersion",
    "socket_timeout",
    "sslnegotiation",
    "statement_timeout",
    "supa",
    "timezone",
    "uselibpqcompat",
}
"""Parameters of an app's own connections, which are ignored: Keyturn has its own pools and time
limits, and uses UTF-8 and UTC.
"""

_WITHOUT_GSS = ("disable", "prefer")
"""Values of `gssencmode` that a driver without GSSAPI satisfies. `require` asks for an encryption
that it does not have.
"""

_UNREADABLE = (
    "not a database address: a port must be a number from 1 to 65535, and a password has %40 for "
    "@, %2F for /, %3A for : and %3F for ?"
)

_SEVERAL_HOSTS = re.compile(r"(?<=[/@])[^/@,]+,[^/@]+")

# Behind this port, each transaction may have another connection.
_POOLER_OF_SUPABASE = ".pooler.supabase.com"
_PORT_OF_POOLER = 6543


class DatabaseUrl(msgspec.Struct, frozen=True):
    """The URL of a database, as Keyturn's drivers take it.

    `kind`: "sqlite", "postgresql" or "mysql".
    `url`: driver and place, without parameters.
    `holds_secret`: it has a password, or that of a key.
    `arguments`: the arguments for the driver.
    `roots`: the file of root certificates for the server's; "" for those of this machine.
    """

    kind: str
    url: URL
    holds_secret: bool = False
    arguments: dict[str, Any] = {}
    roots: str = ""


def read_url(text: str, setting: str) -> DatabaseUrl:
    """Parse the URL of a database.

    Raises SettingsInvalid for `setting`, without parts of the URL that may be secret.
    """
    message = database_fault(text)
    if message:
        raise SettingsInvalid.of(setting, message)
    try:
        return _read(text)
    except AddressNotUnderstood as problem:
        raise SettingsInvalid.of(setting, str(problem)) from None


def _read(text: str) -> DatabaseUrl:
    kind = database_kind(text)
    scheme, _, rest = text.strip().partition(":")
    place, _, query = rest.partition("?")
    if kind == "sqlite":
        if ":memory:" in unquote(place) or "mode=memory" in query:
            return DatabaseUrl(kind, URL.create("sqlite"))
        _parameters(query, kind)
        if scheme == "file":
            place = place.removeprefix("//")
        return DatabaseUrl(kind, _file(place))
    parameters = _parameters(query, kind)
    tls = take_tls(parameters, kind)
    if kind == "postgresql":
        url, arguments = _postgresql(place, parameters, tls)
    else:
        driver = "mariadb" if scheme.startswith("mariadb") else "mysql"
        url = _parsed(f"{driver}+aiomysql:{place}")
        arguments = _mysql_arguments(parameters, tls)
    holds_secret = bool(url.password or tls.password)
    return DatabaseUrl(kind, url, holds_secret, arguments, tls.roots)


def _parameters(query: str, kind: str) -> dict[str, str]:
    """Return the parameters that are not ignored, spelled as by libpq and asyncpg.

    If the mode of TLS is given several times, the strictest one counts.
    """
    if "@" in query:  # a password has a "?" that is not escaped
        raise AddressNotUnderstood(_UNREADABLE)
    parameters: dict[str, str] = {}
    for written, value in parse_qsl(query, keep_blank_values=True):
        needs_no_gss = written == "gssencmode" and value in _WITHOUT_GSS
        if written in _LEFT_OUT or needs_no_gss:
            continue
        name = _SPELLINGS.get(written.replace("-", "_"), written)
        if name not in _HONOURED[kind]:
            raise AddressNotUnderstood(f"{written} is not understood{_advice(written, kind)}")
        if not value:
            raise AddressNotUnderstood(f"{written} is empty: give it a value, or leave it out")
        if name == "sslmode":
            mode = parse_mode(written, value)
            parameters[name] = stricter_mode(mode, parameters.get(name, mode))
        elif name == "host" and name in parameters:
            parameters[name] = f"{parameters[name]},{value}"
        elif parameters.get(name, value) != value:
            raise AddressNotUnderstood(f"{written} has two values: leave one of them out")
        else:
            parameters[name] = value
    return parameters


def _advice(name: str, kind: str) -> str:
    if not _HONOURED[kind]:
        return ": leave it out"
    if name == "tls":  # Go's name: leaving it out could leave a connection unencrypted
        return ": write ssl"
    return did_you_mean(name, (*_HONOURED[kind], *_SPELLINGS)) or ": leave it out"


def _parsed(address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError:
        raise AddressNotUnderstood(NO_ADDRESS) from None
    except ValueError:
        raise AddressNotUnderstood(_UNREADABLE) from None
    # The database's name is decoded here: SQLAlchemy 2.0 leaves it encoded, and 2.1 does not.
    name = address.partition("://")[2].partition("/")[2]
    is_port = url.port is None or 0 <= url.port < 1 << 16
    if "@" in f"{url.host}{name}" or not is_port:
        raise AddressNotUnderstood(_UNREADABLE)
    if name:
        return url.set(database=unquote(name))
    return url


def _file(place: str) -> URL:
    if not place.startswith("//"):
        place = f"///{place}"
    url = _parsed(f"sqlite:{place}")
    if url.host:
        message = "names a host, and SQLite has none: a path follows three slashes, as in"
        raise AddressNotUnderstood(f"{message} sqlite:///app.db")
    if not url.database and place != "//":
        raise AddressNotUnderstood("names no file")
    return url


def _mysql_arguments(parameters: dict[str, str], tls: Tls) -> dict[str, Any]:
    # MySQL reads and writes TIMESTAMP in the connection's time zone. Keyturn writes UTC.
    arguments: dict[str, Any] = {"init_command": "SET time_zone = '+00:00'", "charset": "utf8mb4"}
    return arguments | mysql_tls(tls) | parameters


def _postgresql(place: str, query: dict[str, str], tls: Tls) -> tuple[URL, dict[str, Any]]:
    """Return the URL, and the arguments for asyncpg."""
    url = _parsed(f"postgresql+asyncpg:{_SEVERAL_HOSTS.sub('', place)}")
    hosts = query.pop("host", "") or _hosts(place, url)
    url = url.set(host=hosts or None)
    arguments: dict[str, Any] = {}
    if "," in hosts:  # asyncpg parses such a list itself
        arguments["dsn"] = f"postgresql://{hosts}/"
        arguments["host"] = None
    ssl = postgresql_tls(tls)
    if ssl:
        arguments["ssl"] = ssl
    is_supabases = hosts.endswith(_POOLER_OF_SUPABASE) and url.port == _PORT_OF_POOLER
    is_pooled = query.pop("pgbouncer", "false") != "false" or is_supabases
    has_no_cache = query.pop("statement_cache_size", "") == "0"
    if is_pooled or has_no_cache:
        arguments |= _WITHOUT_PREPARED_STATEMENTS
    settings = _server_settings(query, is_pooled=is_pooled)
    if settings:
        arguments["server_settings"] = settings
    return url, arguments | query


def _hosts(place: str, url: URL) -> str:
    """Return the host of a URL, or the list of its hosts, which SQLAlchemy cannot parse."""
    several = _SEVERAL_HOSTS.search(place)
    if several:
        return several[0]
    return unquote(url.host or "")


def _unique_name() -> str:
    return f"__keyturn_{uuid4()}__"


_WITHOUT_PREPARED_STATEMENTS = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": _unique_name,
}
"""A prepared statement belongs to its connection, but behind a pooler the next transaction may have
another connection. So none is cached, and each name is unique
(https://docs.sqlalchemy.org/en/20/dialects/postgresql.html).
"""


def _server_settings(query: dict[str, str], *, is_pooled: bool) -> dict[str, str]:
    """Take the settings of PostgreSQL out of the parameters."""
    settings: dict[str, str] = {}
    for name in ("search_path", "options", "application_name"):
        if name in query:
            settings[name] = query.pop(name)
    schema = query.pop("schema", "")
    # PgBouncer refuses a search path. Prisma always writes "public", which the default path has.
    is_default = is_pooled and schema == "public"
    if schema and not is_default:
        # Prisma's schema is one name, capitals included.
        quoted = schema.replace('"', '""')
        settings["search_path"] = f'"{quoted}"'
    return settings
