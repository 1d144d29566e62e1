"""Reads the URL of a database, as apps and frameworks write it, for Keyturn's drivers."""

import re
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

import msgspec
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from keyturn.errors import SettingsInvalid
from keyturn.service.settings.url_rules import NO_ADDRESS, database_fault, database_kind
from keyturn.values import did_you_mean

_MODES = ("", "disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""libpq's modes of TLS, the weakest first
(https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION). "" means the driver's
default.
"""

_WORDS = {
    **dict.fromkeys(
        ("true", "1", "strict", "verify-identity", '{"rejectunauthorized":true}'), "verify-full"
    ),
    **dict.fromkeys(
        (
            "required",
            "no-verify",
            "skip-verify",
            "accept-invalid-certs",
            '{"rejectunauthorized":false}',
        ),
        "require",
    ),
    **dict.fromkeys(("false", "0", "disabled"), "disable"),
    "preferred": "prefer",
}
"""Other words for these modes, of node-postgres, MySQL, mysql2, Prisma and Go."""

_SPELLINGS = {
    **dict.fromkeys(("ssl", "ssl_mode", "sslaccept", "tls"), "sslmode"),
    "socket": "unix_socket",
    "ssl_ca": "sslrootcert",
    "ssl_cert": "sslcert",
    "ssl_key": "sslkey",
    "prepared_statement_cache_size": "statement_cache_size",
}

_FILES = ("sslrootcert", "sslcert", "sslkey", "sslpassword")
_HONOURED = {
    "sqlite": (),
    "mysql": ("sslmode", *_FILES, "unix_socket"),
    "postgresql": (
        *(
            "sslmode",
            *_FILES,
            "channel_binding",
            "host",
            "schema",
            "search_path",
            "options",
            "application_name",
        ),
        *("pgbouncer", "statement_cache_size", "passfile", "target_session_attrs"),
    ),
}
_LEFT_OUT = {
    *(
        "command_timeout",
        "conn_max_age",
        "connect_timeout",
        "connection_limit",
        "keepalives",
        "keepalives_idle",
    ),
    *(
        "max_overflow",
        "pool_pre_ping",
        "pool_recycle",
        "pool_size",
        "pool_timeout",
        "reconnect",
        "socket_timeout",
    ),
    *(
        "charset",
        "client_encoding",
        "collation",
        "encoding",
        "serverTimezone",
        "timezone",
        "useUnicode",
    ),
    *("serverVersion", "sslnegotiation", "supa", "uselibpqcompat"),
    *(
        "autocommit",
        "checkout_timeout",
        "loc",
        "parseTime",
        "pool",
        "prepared_statements",
        "statement_timeout",
    ),
    "sslcompression",  # Python's TLS has none (CVE-2012-4929)
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
    "@, %2F for /, %3A for "
    ": and %3F for ?"
)

_SEVERAL_HOSTS = re.compile(r"(?<=[/@])[^/@,]+,[^/@]+")

_SUPABASES_POOLER, _ITS_PORT = (
    ".pooler.supabase.com",
    6543,
)  # where each transaction may have another connection

_SPEAKS_TLS, _NO_TLS = 0x800, 2026
"""MySQL's capability flag CLIENT_SSL, and its error for a connection that cannot be encrypted (its
manual, 8.4).
"""


class _NotUnderstood(Exception):
    """A part of a URL is wrong. The text names it and the mistake.

    It does not repeat the value, which may be a secret.
    """


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
    if message := database_fault(text):
        raise SettingsInvalid.of(setting, message)
    kind, (scheme, _, rest) = database_kind(text), text.strip().partition(":")
    place, _, query = rest.partition("?")
    try:
        if kind == "sqlite" and (":memory:" in unquote(place) or "mode=memory" in query):
            return DatabaseUrl(kind, URL.create("sqlite"))
        parameters = _parameters(query, kind)
        if kind == "sqlite":
            return DatabaseUrl(kind, _file(place.removeprefix("//") if scheme == "file" else place))
        roots, holds_secret = parameters.get("sslrootcert", ""), "sslpassword" in parameters
        if kind == "postgresql":
            url, arguments = _postgresql(place, parameters)
        else:
            url = _parsed(
                f"{'mariadb' if scheme.startswith('mariadb') else 'mysql'}+aiomysql:{place}"
            )
            arguments = _mysql(parameters)
    except _NotUnderstood as problem:
        raise SettingsInvalid.of(setting, str(problem)) from None
    return DatabaseUrl(
        kind, url, holds_secret or bool(url.password), arguments, roots.removeprefix("system")
    )


def _parameters(query: str, kind: str) -> dict[str, str]:
    """Return the parameters that are not ignored, spelled as by libpq and asyncpg.

    If the mode of TLS is given several times, the strictest one counts.
    """
    if "@" in query:  # a password has a "?" that is not escaped
        raise _NotUnderstood(_UNREADABLE)
    parameters: dict[str, str] = {}
    for name, written in parse_qsl(query, keep_blank_values=True):
        known, value = _SPELLINGS.get(name.replace("-", "_"), name), written
        if name in _LEFT_OUT or (name == "gssencmode" and value in _WITHOUT_GSS):
            continue
        if known not in _HONOURED[kind]:
            meant = did_you_mean(name, (*_HONOURED[kind], *_SPELLINGS))
            raise _NotUnderstood(f"{name} is not understood{meant or ': leave it out'}")
        if not value:
            raise _NotUnderstood(f"{name} is empty: give it a value, or leave it out")
        if known == "sslmode":
            word = value.lower().replace("_", "-")
            value = _WORDS.get(word, word)
            if value not in _MODES:
                raise _NotUnderstood(f"{name} must be one of {', '.join(_MODES[1:])}")
            value = max(value, parameters.get(known, ""), key=_MODES.index)
        elif known == "host" and known in parameters:
            value = f"{parameters[known]},{value}"
        elif parameters.get(known, value) != value:
            raise _NotUnderstood(f"{name} has two values: leave one of them out")
        parameters[known] = value
    return parameters


def _parsed(address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError:
        raise _NotUnderstood(NO_ADDRESS) from None
    except ValueError:
        raise _NotUnderstood(_UNREADABLE) from None
    # The database's name is decoded here: SQLAlchemy 2.0 leaves it encoded, and 2.1 does not.
    name = address.partition("://")[2].partition("/")[2]
    if "@" in f"{url.host}{name}" or not 0 < (url.port or 1) < 1 << 16:
        raise _NotUnderstood(_UNREADABLE)
    return url.set(database=unquote(name)) if name else url


def _file(place: str) -> URL:
    url = _parsed(f"sqlite:{place if place.startswith('//') else f'///{place}'}")
    if url.host:
        raise _NotUnderstood(
            "names a host, and SQLite has none: a path follows three slashes, as in sqlite:///app.db"
        )
    if not url.database and place != "//":
        raise _NotUnderstood("names no file")
    return url


def _mysql(parameters: dict[str, str]) -> dict[str, Any]:
    # MySQL reads and writes TIMESTAMP in the connection's time zone. Keyturn writes UTC.
    arguments: dict[str, Any] = {"init_command": "SET time_zone = '+00:00'", "charset": "utf8mb4"}
    if isinstance(tls := _take_tls(parameters, "mysql"), ssl.SSLContext):
        arguments |= {"ssl": tls, "async_creator_fn": _connect_encrypted}
    return arguments | parameters


async def _connect_encrypted(**arguments: Any) -> Any:
    """Return an encrypted connection to MySQL.

    If the server offers no TLS, aiomysql would send the password in the clear. This raises
    OperationalError instead.
    """
    from aiomysql import Connection, OperationalError

    connection = Connection(**arguments)
    sign_in = connection._request_authentication  # noqa: SLF001 - the one place between the greeting and the password

    async def sign_in_encrypted() -> None:
        if not connection.server_capabilities & _SPEAKS_TLS:
            raise OperationalError(_NO_TLS, "the server has no TLS, and the address asks for it")
        await sign_in()

    connection._request_authentication = sign_in_encrypted  # noqa: SLF001
    await connection._connect()  # noqa: SLF001
    return connection


def _postgresql(place: str, query: dict[str, str]) -> tuple[URL, dict[str, Any]]:
    """Return the URL, and the arguments for asyncpg, which itself parses a list of hosts."""
    several = _SEVERAL_HOSTS.search(place)
    url = _parsed(f"postgresql+asyncpg:{_SEVERAL_HOSTS.sub('', place)}")
    hosts = query.pop("host", "") or (several[0] if several else unquote(url.host or ""))
    arguments: dict[str, Any] = (
        {"dsn": f"postgresql://{hosts}/", "host": None} if "," in hosts else {}
    )
    url = url.set(host=hosts or None)
    if tls := _take_tls(query, "postgresql"):
        arguments["ssl"] = tls
    is_supabases = hosts.endswith(_SUPABASES_POOLER) and url.port == _ITS_PORT
    is_pooled = query.pop("pgbouncer", "false") != "false" or is_supabases
    if query.pop("statement_cache_size", "") == "0" or is_pooled:
        # A prepared statement belongs to its connection, but behind a pooler the next transaction
        # may have another connection. So none is cached, and each name is unique
        # (https://docs.sqlalchemy.org/en/20/dialects/postgresql.html).
        arguments |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
        arguments["prepared_statement_name_func"] = lambda: f"__keyturn_{uuid4()}__"
    settings = {
        name: query.pop(name)
        for name in ("search_path", "options", "application_name")
        if name in query
    }
    schema = query.pop("schema", "")
    # PgBouncer refuses a search path. Prisma always writes "public", which the default path has.
    if schema and not (is_pooled and schema == "public"):
        settings["search_path"] = (
            '"' + schema.replace('"', '""') + '"'
        )  # Prisma's is one name, capitals included
    if settings:
        arguments["server_settings"] = settings
    return url, arguments | query


def _take_tls(parameters: dict[str, str], kind: str) -> ssl.SSLContext | str:
    """Take the parameters of TLS out of `parameters`.

    Return a context, or a mode for which the driver needs none.

    asyncpg has no channel binding. `channel_binding=require` shall stop an attacker between client
    and server, so it means "verify-full" here: the attacker has no certificate for the server's
    name (https://www.postgresql.org/docs/current/libpq-connect.html).
    """
    mode, binding = parameters.pop("sslmode", ""), parameters.pop("channel_binding", "disable")
    if "sslkey" not in parameters and "sslcert" in parameters:  # Prisma's name for the roots
        parameters["sslrootcert"] = parameters.pop("sslcert")
    roots, certificate, key, password = (parameters.pop(name, "") for name in _FILES)
    if roots == "system" or binding not in {"disable", "prefer"}:
        mode = "verify-full"
    # With root certificates, libpq's "prefer" would continue unencrypted after a failed check.
    elif roots and mode in {
        "",
        "require",
    }:
        mode = "verify-full" if kind == "mysql" else "verify-ca"
    elif certificate and mode in {"", "allow", "prefer"}:  # a client's certificate needs TLS
        mode = "require"
    if mode in _MODES[:4] or (mode == "require" and kind == "postgresql" and not certificate):
        return mode
    return _context(mode, roots.removeprefix("system"), certificate, key, password)


def _context(mode: str, roots: str, certificate: str, key: str, password: str) -> ssl.SSLContext:
    """Return the context for a mode with TLS.

    "verify-ca" without a file of roots becomes "verify-full": any site has a certificate of a
    public authority, so libpq refuses that mode.
    """
    for file in (roots, certificate, key):
        if file and not Path(file).exists():
            raise _NotUnderstood(f"names a file that does not exist: {Path(file).absolute()}")
    try:
        context = ssl.create_default_context(cafile=roots or None)
        context.check_hostname = mode == "verify-full" or (mode == "verify-ca" and not roots)
        if mode == "require":
            context.verify_mode = ssl.CERT_NONE
        if certificate:
            # The password is always given: otherwise OpenSSL would ask for one at the terminal.
            context.load_cert_chain(certificate, key or None, password)
    except (OSError, ValueError) as error:
        files = (
            f"sslcert ({certificate}) or sslkey ({key})"
            if certificate
            else f"sslrootcert ({roots})"
        )
        raise _NotUnderstood(
            f"{files} cannot be read: {getattr(error, 'strerror', '') or error}"
        ) from None
    return context
