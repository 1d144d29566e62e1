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
    "true": "verify-full",
    "1": "verify-full",
    "strict": "verify-full",
    "verify-identity": "verify-full",
    '{"rejectunauthorized":true}': "verify-full",
    "required": "require",
    "no-verify": "require",
    "skip-verify": "require",
    "accept-invalid-certs": "require",
    '{"rejectunauthorized":false}': "require",
    "false": "disable",
    "0": "disable",
    "disabled": "disable",
    "preferred": "prefer",
}
"""Other words for these modes, of node-postgres, MySQL, mysql2, Prisma and Go."""

_SPELLINGS = {
    "ssl": "sslmode",
    "ssl_mode": "sslmode",
    "sslaccept": "sslmode",
    "tls": "sslmode",
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
        "sslmode",
        *_FILES,
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
    "checkout_timeout",
    "client_encoding",
    "collation",
    "command_timeout",
    "conn_max_age",
    "connect_timeout",
    "connection_limit",
    "encoding",
    "keepalives",
    "keepalives_idle",
    "loc",
    "max_overflow",
    "parseTime",
    "pool",
    "pool_pre_ping",
    "pool_recycle",
    "pool_size",
    "pool_timeout",
    "prepared_statements",
    "reconnect",
    "serverTimezone",
    "serverVersion",
    "socket_timeout",
    "sslcompression",  # Python's TLS has none (CVE-2012-4929)
    "sslnegotiation",
    "statement_timeout",
    "supa",
    "timezone",
    "useUnicode",
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

_SPEAKS_TLS = 0x800
"""MySQL's capability flag CLIENT_SSL (its manual, 8.4)."""

_NO_TLS = 2026
"""MySQL's error for a connection that cannot be encrypted."""


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
    message = database_fault(text)
    if message:
        raise SettingsInvalid.of(setting, message)
    try:
        return _read(text)
    except _NotUnderstood as problem:
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
    holds_secret = "sslpassword" in parameters
    roots = parameters.get("sslrootcert", "").removeprefix("system")
    if kind == "postgresql":
        url, arguments = _postgresql(place, parameters)
    else:
        driver = "mariadb" if scheme.startswith("mariadb") else "mysql"
        url = _parsed(f"{driver}+aiomysql:{place}")
        arguments = _mysql(parameters)
    return DatabaseUrl(kind, url, holds_secret or bool(url.password), arguments, roots)


def _parameters(query: str, kind: str) -> dict[str, str]:
    """Return the parameters that are not ignored, spelled as by libpq and asyncpg.

    If the mode of TLS is given several times, the strictest one counts.
    """
    if "@" in query:  # a password has a "?" that is not escaped
        raise _NotUnderstood(_UNREADABLE)
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        known = _SPELLINGS.get(name.replace("-", "_"), name)
        needs_no_gss = name == "gssencmode" and value in _WITHOUT_GSS
        if name in _LEFT_OUT or needs_no_gss:
            continue
        if known not in _HONOURED[kind]:
            meant = did_you_mean(name, (*_HONOURED[kind], *_SPELLINGS))
            raise _NotUnderstood(f"{name} is not understood{meant or ': leave it out'}")
        if not value:
            raise _NotUnderstood(f"{name} is empty: give it a value, or leave it out")
        if known == "sslmode":
            mode = _mode(name, value)
            parameters[known] = max(mode, parameters.get(known, ""), key=_MODES.index)
        elif known == "host" and known in parameters:
            parameters[known] = f"{parameters[known]},{value}"
        elif parameters.get(known, value) != value:
            raise _NotUnderstood(f"{name} has two values: leave one of them out")
        else:
            parameters[known] = value
    return parameters


def _mode(name: str, value: str) -> str:
    word = value.lower().replace("_", "-")
    mode = _WORDS.get(word, word)
    if mode not in _MODES:
        raise _NotUnderstood(f"{name} must be one of {', '.join(_MODES[1:])}")
    return mode


def _parsed(address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError:
        raise _NotUnderstood(NO_ADDRESS) from None
    except ValueError:
        raise _NotUnderstood(_UNREADABLE) from None
    # The database's name is decoded here: SQLAlchemy 2.0 leaves it encoded, and 2.1 does not.
    name = address.partition("://")[2].partition("/")[2]
    is_port = url.port is None or 0 <= url.port < 1 << 16
    if "@" in f"{url.host}{name}" or not is_port:
        raise _NotUnderstood(_UNREADABLE)
    if name:
        return url.set(database=unquote(name))
    return url


def _file(place: str) -> URL:
    if not place.startswith("//"):
        place = f"///{place}"
    url = _parsed(f"sqlite:{place}")
    if url.host:
        message = "names a host, and SQLite has none: a path follows three slashes, as in"
        raise _NotUnderstood(f"{message} sqlite:///app.db")
    if not url.database and place != "//":
        raise _NotUnderstood("names no file")
    return url


def _mysql(parameters: dict[str, str]) -> dict[str, Any]:
    # MySQL reads and writes TIMESTAMP in the connection's time zone. Keyturn writes UTC.
    arguments: dict[str, Any] = {"init_command": "SET time_zone = '+00:00'", "charset": "utf8mb4"}
    tls = _take_tls(parameters, "mysql")
    if isinstance(tls, ssl.SSLContext):
        arguments["ssl"] = tls
        arguments["async_creator_fn"] = _connect_encrypted
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
    hosts = query.pop("host", "")
    if not hosts and several:
        hosts = several[0]
    elif not hosts:
        hosts = unquote(url.host or "")
    url = url.set(host=hosts or None)
    arguments: dict[str, Any] = {}
    if "," in hosts:
        arguments["dsn"] = f"postgresql://{hosts}/"
        arguments["host"] = None
    tls = _take_tls(query, "postgresql")
    if tls:
        arguments["ssl"] = tls
    is_supabases = hosts.endswith(_POOLER_OF_SUPABASE) and url.port == _PORT_OF_POOLER
    is_pooled = query.pop("pgbouncer", "false") != "false" or is_supabases
    has_no_cache = query.pop("statement_cache_size", "") == "0"
    if is_pooled or has_no_cache:
        # A prepared statement belongs to its connection, but behind a pooler the next transaction
        # may have another connection. So none is cached, and each name is unique
        # (https://docs.sqlalchemy.org/en/20/dialects/postgresql.html).
        arguments["statement_cache_size"] = 0
        arguments["prepared_statement_cache_size"] = 0
        arguments["prepared_statement_name_func"] = _unique_name
    settings = _server_settings(query, is_pooled=is_pooled)
    if settings:
        arguments["server_settings"] = settings
    return url, arguments | query


def _unique_name() -> str:
    return f"__keyturn_{uuid4()}__"


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


def _take_tls(parameters: dict[str, str], kind: str) -> ssl.SSLContext | str:
    """Take the parameters of TLS out of `parameters`.

    Return a context, or a mode for which the driver needs none.

    asyncpg has no channel binding. `channel_binding=require` shall stop an attacker between client
    and server, so it means "verify-full" here: the attacker has no certificate for the server's
    name (https://www.postgresql.org/docs/current/libpq-connect.html).
    """
    mode = parameters.pop("sslmode", "")
    binding = parameters.pop("channel_binding", "disable")
    if "sslkey" not in parameters and "sslcert" in parameters:  # Prisma's name for the roots
        parameters["sslrootcert"] = parameters.pop("sslcert")
    roots = parameters.pop("sslrootcert", "")
    certificate = parameters.pop("sslcert", "")
    key = parameters.pop("sslkey", "")
    password = parameters.pop("sslpassword", "")
    if roots == "system" or binding not in {"disable", "prefer"}:
        mode = "verify-full"
    elif roots and mode in {"", "require"}:
        # With root certificates, libpq's "prefer" would continue unencrypted after a failed check.
        mode = "verify-full" if kind == "mysql" else "verify-ca"
    elif certificate and mode in {"", "allow", "prefer"}:  # a client's certificate needs TLS
        mode = "require"
    # asyncpg makes the context of "require" itself, unless it needs a client's certificate.
    is_left_to_driver = mode == "require" and kind == "postgresql" and not certificate
    if mode in _MODES[:4] or is_left_to_driver:
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
        files = f"sslrootcert ({roots})"
        if certificate:
            files = f"sslcert ({certificate}) or sslkey ({key})"
        why = getattr(error, "strerror", "") or error
        raise _NotUnderstood(f"{files} cannot be read: {why}") from None
    return context
