"""Reads the address of a database, as apps and frameworks write it, for Keyturn's drivers.

`[database]`, `[accounts.table]`, `keyturn init`, the plugin and the doctor all read addresses here. Each part of an
address is used, left out on purpose (`NOT_FOR_US`), or refused in a sentence that names it.

The spellings are those of libpq (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING), Prisma
(https://www.prisma.io/docs/orm/reference/connection-urls), node-postgres, mysql2, SQLAlchemy, Django, Rails and
Doctrine.
"""

import math
import os
import re
import ssl
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

import msgspec
from sqlalchemy import URL

from keyturn.errors import Fault, SettingsInvalid
from keyturn.settings.building import did_you_mean
from keyturn.settings.url_rules import NO_ADDRESS, database_fault, database_kind

# TLS in libpq's modes (https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION)


MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""From the weakest to the strictest."""

VERIFYING = ("verify-ca", "verify-full")


_OF_ANOTHER_NAME = {62, 64}
"""OpenSSL's codes for a certificate without the requested host or address
(https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/)."""

_OF_ANOTHER_ROOT = {2, 7, 18, 19, 20, 21}
"""OpenSSL's codes for a certificate that is not signed by a known root, or by another root of the same name."""


class TlsFiles(msgspec.Struct, frozen=True, kw_only=True):
    """The files of TLS, "" for none.

    `root`: the certificates that sign the server's; "system" for this machine's.
    `certificate`, `key`, `password`: the client's certificate, its key, and the key's password.
    `revoked`: the list of revoked certificates.
    """

    root: str = ""
    certificate: str = ""
    key: str = ""
    password: str = ""
    revoked: str = ""


class Roots(msgspec.Struct, frozen=True, kw_only=True):
    """The roots for a server's certificate: the parameter in the address, and its file, "" for the system's."""

    setting: str
    file: str


class CertificateRefused(OSError):
    """Tells why a server's certificate is not accepted and by which roots; `mend` tells the fix."""

    def __init__(self, error: ssl.SSLCertVerificationError, roots: Roots) -> None:
        used = f"{roots.setting} is {roots.file}" if roots.file else f"{roots.setting} is not set: this machine's roots"
        super().__init__(f"the server's certificate is refused: {error.verify_message or error} ({used})")
        if error.verify_code in _OF_ANOTHER_NAME:
            self.mend = "Write the host as the server's certificate names it."
        elif error.verify_code not in _OF_ANOTHER_ROOT:
            self.mend = "Give the server a certificate that holds."
        elif roots.file and roots.file != "system":
            self.mend = f"Check {roots.setting} ({roots.file}): the server's certificate does not come from it."
        else:
            self.mend = (
                f"Set {roots.setting} to the file of the authority that has signed the server's certificate: "
                "this machine does not know it."
            )


def certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """Return OpenSSL's error if the server's certificate is the reason that there is no connection."""
    while error:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = error.__cause__
    return None


def tls_of(mode: str, files: TlsFiles) -> ssl.SSLContext:
    """Return the context for a mode with TLS.

    "verify-ca" without its own roots becomes "verify-full": any of this machine's roots would also sign for a stranger
    (libpq refuses it).

    Raises OSError (ssl.SSLError among them) or ValueError if a file cannot be read, or is empty.
    """
    context = ssl.create_default_context(cafile=None if files.root in {"", "system"} else files.root)
    context.check_hostname = mode == "verify-full" or (mode == "verify-ca" and files.root in {"", "system"})
    if mode not in VERIFYING:
        context.verify_mode = ssl.CERT_NONE
    if files.revoked:
        context.load_verify_locations(cafile=files.revoked)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN
    if files.certificate:
        # Without a password OpenSSL would ask for one at the terminal.
        context.load_cert_chain(files.certificate, files.key or None, files.password)
    return context


# The parameters after the ? of an address


NOT_FOR_US = frozenset({
    # Keyturn has its own pools and time limits.
    "command_timeout", "conn_health_checks", "conn_max_age", "connectTimeout", "connection_limit", "connectionLimit",
    "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "max_overflow", "pool",
    "pool_max_conns", "pool_pre_ping", "pool_recycle", "pool_size", "pool_timeout", "read_timeout", "reconnect",
    "socket_timeout", "tcp_user_timeout", "waitForConnections", "write_timeout",
    # Keyturn uses UTF-8 and UTC, whatever the app's connections use.
    "characterEncoding", "charset", "client_encoding", "collation", "encoding", "loc", "parseTime", "serverTimezone",
    "timezone", "useUnicode",
    # Parameters of other drivers.
    "allowPublicKeyRetrieval", "async_fallback", "dateStrings", "fallback_application_name", "load_balance_hosts",
    "multipleStatements", "serverVersion", "sslcompression", "sslnegotiation", "sslsni", "supa",
    "supportBigNumbers", "uselibpqcompat", "workaround",
})  # fmt: skip
"""Parameters that would not change Keyturn's connections. Security is the same without them."""

YES, NO = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})

_MODE_NAMES = ("ssl", "useSSL", "sslaccept", "ssl_mode", "ssl-mode", "sslmode")

_MODES_OF_OTHERS = {
    "no-verify": "require",
    "preferred": "prefer",
    "required": "require",
    "disabled": "disable",
    "verify-identity": "verify-full",
}
"""node-postgres' and MySQL's words for libpq's modes."""

_PRISMAS = {"strict": "verify-full", "accept_invalid_certs": "require"}

_NOT_READ = {
    "sslidentity": "sslidentity is a PKCS #12 file, which is not read: write its two parts as sslcert and sslkey",
    "require_auth": "require_auth cannot be kept by the driver: write sslmode=verify-full, which shows the server",
    "hostaddr": "hostaddr is not read: write the address as the host",
    "service": "service names a file of libpq's, which is not read: write what it says",
}


_PORTS = range(1, 2**16)


class NotUnderstood(Exception):
    """Names a part of an address, and its mistake. The value is not repeated: it may be a secret."""


class _TlsOptions(msgspec.Struct, forbid_unknown_fields=True):
    """mysql2's `ssl`, as PlanetScale shows it."""

    rejectUnauthorized: bool = True  # noqa: N815 - mysql2's name


def take_mode(said: dict[str, str]) -> str:
    """Take the parameters of TLS out of `said`, and return the strictest as libpq's mode; "" if there are none."""
    names = [name for name in _MODE_NAMES if name in said]
    modes = {_mode(name, said.pop(name)) for name in names}
    if "disable" in modes and len(modes) > 1:
        raise NotUnderstood(f"{' and '.join(names)} contradict each other: leave one of them out")
    return max(modes, key=MODES.index, default="")


def _mode(name: str, value: str) -> str:
    if name == "sslaccept":
        return _one_of(name, _PRISMAS, value)
    if value.startswith("{"):
        try:
            options = msgspec.json.decode(value, type=_TlsOptions)
        except (msgspec.MsgspecError, RecursionError):
            raise NotUnderstood(f'{name} must be {{"rejectUnauthorized":true}}, or a mode as in ssl-mode') from None
        return "verify-full" if options.rejectUnauthorized else "require"
    word = value.lower().replace("_", "-")
    mode = "verify-full" if word in YES else "disable" if word in NO else _MODES_OF_OTHERS.get(word, word)
    if mode not in MODES:
        raise NotUnderstood(f"{name} must be one of {', '.join(MODES)}")
    return mode


def _one_of(name: str, words: Mapping[str, str], value: str) -> str:
    if value not in words:
        raise NotUnderstood(f"{name} must be one of {', '.join(words)}")
    return words[value]


def require_one_of(said: Mapping[str, str], name: str, words: Collection[str]) -> None:
    """Raise NotUnderstood if the parameter has a value other than these."""
    if said.get(name, next(iter(words))) not in words:
        raise NotUnderstood(f"{name} must be one of {', '.join(words)}")


def take_files(said: dict[str, str], names: Mapping[str, Collection[str]]) -> TlsFiles:
    """Take the files of TLS out of `said`: for each field of `TlsFiles` the first of its names that is given."""
    parts = {}
    for part, spellings in names.items():
        found = [said.pop(name) for name in spellings if name in said]
        if len(set(found)) > 1:
            raise NotUnderstood(f"{' and '.join(spellings)} contradict each other: leave one of them out")
        parts[part] = found[0] if found else ""
    return TlsFiles(**parts)


def read_tls(mode: str, files: TlsFiles, names: Mapping[str, Collection[str]]) -> ssl.SSLContext:
    """Return the result of `tls_of`. Raises NotUnderstood, by the names of `take_files`, if a file cannot be read."""
    try:
        return tls_of(mode, files)
    except (OSError, ValueError) as error:
        given = {next(iter(names[part])): getattr(files, part) for part in names if part != "password"}
        places = {name: Path(file).absolute() for name, file in given.items() if file not in {"", "system"}}
        for name, place in places.items():
            if not place.exists():
                raise NotUnderstood(f"{name}: there is no {place}") from None
        named = " or ".join(f"{name} ({place})" for name, place in places.items())
        raise NotUnderstood(f"{named} cannot be read: {getattr(error, 'strerror', '') or error}") from None


def take_number(said: dict[str, str], name: str) -> float | None:
    """Take a number of seconds out of `said`; None if it is missing or 0, libpq's word for no limit."""
    try:
        seconds = float(said.pop(name, "0"))
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise NotUnderstood(f"{name} must be a number of seconds")
    return seconds if seconds > 0 else None


def host_and_port(text: str) -> tuple[str, int | None]:
    """Return a host, or the folder of a socket, and its port, None if not given."""
    host, colon, port = text.rpartition(":")
    if not colon or text.startswith("/") or text.endswith("]") or (":" in host and not host.startswith("[")):
        return unquote(text.strip("[]")), None
    return unquote(host.strip("[]")), port_number(port) if port else None


def port_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text[:6]) in _PORTS):
        raise NotUnderstood("not a database address: a port must be a number from 1 to 65535")
    return int(text)


def require_known(said: Mapping[str, str], honoured: Collection[str], known: Collection[str] = ()) -> None:
    """Raise NotUnderstood for a parameter that is not `known`; it may be a misspelling of one of `honoured`."""
    for name in said:
        if name not in known:
            meant = did_you_mean(name, [*honoured, *_MODE_NAMES]) or ": leave it out"
            raise NotUnderstood(_NOT_READ.get(name, f"{name} is not understood{meant}"))


# SQLite


_OF_OTHER_DRIVERS = frozenset(
    {
        "busy_timeout",
        "cache",
        "cached_statements",
        "check_same_thread",
        "detect_types",
        "foreign_keys",
        "isolation_level",
        "journal_mode",
        "timeout",
        "transaction_mode",
        "uri",
    }
)
"""Other drivers' parameters for waiting, locking and types: Keyturn's connections have their own."""

_WRITING = ("rw", "rwc")
_PLACE = re.compile(r"%\w[\w.]+%")
"""Symfony's placeholder for a folder: %kernel.project_dir%."""


def read_sqlite(place: str, said: dict[str, str], *, is_prismas: bool) -> URL:
    """Return the address of the file, without a path for a database in memory. Raises NotUnderstood.

    `is_prismas`: a relative path begins at Prisma's folder; see `file_of_prisma`.
    """
    mode = said.pop("mode", "rw")
    require_known(said, ("mode",), _OF_OTHER_DRIVERS)
    if is_prismas:
        host, path = "", place.removeprefix("//")
    elif place.startswith("//"):
        host, _, path = place[2:].partition("/")
    else:  # Rails' and PDO's
        host, path = "", place
    path = unquote(path)
    if path.startswith("file:"):  # SQLite's own URI within SQLAlchemy's
        path = path.removeprefix("file:").removeprefix("//")
    if mode == "memory" or ":memory:" in {host, path} or place == "//":
        return URL.create("sqlite+aiosqlite")
    if mode not in _WRITING:
        raise NotUnderstood(f"mode must be one of {', '.join(_WRITING)}: new passwords are written")
    if host:
        raise NotUnderstood("names a host, and SQLite has none: a path follows three slashes, as in sqlite:///app.db")
    if not path or "\0" in path:
        raise NotUnderstood("names no file")
    if found := _PLACE.search(path):
        raise NotUnderstood(f"holds {found[0]}, which only its framework fills in: write the path of the file")
    if is_prismas and not path.startswith("/"):
        path = str(file_of_prisma(path))
    return URL.create("sqlite+aiosqlite", database=path)


def file_of_prisma(path: str) -> Path:
    """Return the file for a relative path of Prisma's. Raises NotUnderstood if several are possible.

    Up to Prisma 6 the path begins at the folder of the schema. From 7 on it begins at that of the configuration, which
    is the app's (https://www.prisma.io/docs/orm/overview/databases/sqlite,
    https://github.com/prisma/prisma/pull/28514). The existing file decides; if none exists, the first counts.
    """
    schemas = [folder for folder in (Path("prisma"), Path("prisma/schema")) if folder.is_dir()]
    places = [folder / path for folder in [*schemas, Path()]]
    try:
        found = {place.resolve(): place for place in reversed(places) if place.is_file()}
    except OSError as error:
        raise NotUnderstood(f"its file cannot be looked for: {error.strerror}") from None
    if len(found) > 1:
        files = " or ".join(sorted(str(place) for place in found.values()))
        raise NotUnderstood(f"may be {files}: write which, as in sqlite:///prisma/dev.db")
    return next(iter(found.values()), places[0])


# MySQL and MariaDB, for aiomysql


_MYSQL_FILES = {
    "root": ["ssl_ca", "ssl-ca", "sslca", "sslrootcert"],
    "certificate": ["ssl_cert", "ssl-cert"],
    "key": ["ssl_key", "ssl-key", "sslkey"],
}
_MYSQL_PARAMETERS = (
    "connect_timeout",
    "unix_socket",
    "socket",
    "sslcert",
    *(name for names in _MYSQL_FILES.values() for name in names),
)

_SPEAKS_TLS = 0x800
"""A server's capability flag for encryption (https://dev.mysql.com/doc/dev/mysql-server/latest/, CLIENT_SSL)."""

_NO_TLS = 2026
"""MySQL's number for a connection that cannot be encrypted (https://dev.mysql.com/doc/mysql-errors/8.4/en/)."""


def read_mysql(
    url: URL, hosts: list[tuple[str, int | None]], said: dict[str, str]
) -> tuple[URL, dict[str, Any], Roots]:
    """Return the place, the driver's arguments, and the roots of TLS. Raises NotUnderstood."""
    if len(hosts) > 1:
        raise NotUnderstood("names several hosts, and the driver of MySQL takes one")
    if hosts:
        url = url.set(host=hosts[0][0], port=hosts[0][1])
    # MySQL reads and writes TIMESTAMP in the connection's zone; Keyturn writes UTC.
    arguments: dict[str, Any] = {"init_command": "SET time_zone = '+00:00'", "charset": "utf8mb4"}
    tls, roots = _mysql_tls(said)
    if tls:
        arguments |= {"ssl": tls, "async_creator_fn": _connect_encrypted}
    if seconds := take_number(said, "connect_timeout"):
        arguments["connect_timeout"] = seconds
    sockets = {said.pop(name) for name in ("unix_socket", "socket") if name in said}
    if len(sockets) > 1:
        raise NotUnderstood("unix_socket and socket contradict each other: leave one of them out")
    if sockets:
        arguments["unix_socket"] = sockets.pop()
    require_known(said, _MYSQL_PARAMETERS)
    return url, arguments, roots


def _mysql_tls(said: dict[str, str]) -> tuple[Any, Roots]:
    """Return the context and its roots; None for a connection without TLS, or if the server decides."""
    if "sslcert" in said:  # Prisma's name for the root, and other tools' for the client's certificate
        said["ssl_cert" if "sslkey" in said else "ssl_ca"] = said.pop("sslcert")
    mode = take_mode(said)
    files = take_files(said, _MYSQL_FILES)
    if not mode and files.root:
        mode = "verify-full"
    elif mode in {"", "allow", "prefer"} and files.certificate:
        mode = "require"
    tls = None if mode in {"", "disable", "allow", "prefer"} else read_tls(mode, files, _MYSQL_FILES)
    return tls, Roots(setting="ssl_ca", file=files.root)


async def _connect_encrypted(**arguments: Any) -> Any:
    """Return an encrypted connection. Raises OperationalError before sending a password if the server cannot encrypt.

    aiomysql itself would continue in the clear.
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


# PostgreSQL, for asyncpg


_PORT = 5432
_KINDS_OF_SERVER = ("any", "primary", "standby", "read-write", "read-only", "prefer-standby")
_SETTINGS = {"application_name": "application_name", "search_path": "search_path", "currentSchema": "search_path"}
_POSTGRESQL_FILES = {
    "root": ["sslrootcert"],
    "certificate": ["sslcert"],
    "key": ["sslkey"],
    "password": ["sslpassword"],
    "revoked": ["sslcrl"],
}
_POOLER = re.compile(r"\.pooler\.supabase\.com$")
_TRANSACTION_MODE = 6543
"""The port of Supabase's pooler at which each transaction may have another connection."""

_NO_CACHE = ("statement_cache_size", "prepared_statement_cache_size", "prepareThreshold")
"""Parameters of asyncpg, SQLAlchemy, Prisma and JDBC; 0 turns the cache of prepared statements off."""

_POSTGRESQL_PARAMETERS = (
    "channel_binding",
    "connect_timeout",
    "dbname",
    "gssencmode",
    "host",
    "options",
    "passfile",
    "password",
    "pgbouncer",
    "port",
    "schema",
    "target_session_attrs",
    "user",
    *_SETTINGS,
    *_NO_CACHE,
    *(name for names in _POSTGRESQL_FILES.values() for name in names),
)


def read_postgresql(
    url: URL, hosts: list[tuple[str, int | None]], said: dict[str, str]
) -> tuple[URL, dict[str, Any], Roots]:
    """Return the place, the driver's arguments, and the roots of TLS. Raises NotUnderstood."""
    # libpq also takes these from the query, which wins there; Prisma writes a host beside a socket's folder.
    user, password, database = (said.pop(name, None) for name in ("user", "password", "dbname"))
    url = url.set(username=user, password=password, database=database)
    if "host" in said or "port" in said:
        hosts = _hosts(said.pop("host", ""), said.pop("port", ""), hosts)
    arguments: dict[str, Any] = {}
    if len(hosts) > 1:
        arguments |= {"host": [host for host, _ in hosts], "port": [port or _PORT for _, port in hosts]}
        url = url.set(host=",".join(host for host, _ in hosts))
    elif hosts:
        url = url.set(host=hosts[0][0] or None, port=hosts[0][1])
    tls, root = _postgresql_tls(said)
    if tls:
        arguments["ssl"] = tls
    is_pooled = _is_pooled(url, said)
    if settings := _take_settings(said, is_pooled=is_pooled):
        arguments["server_settings"] = settings
    if seconds := take_number(said, "connect_timeout"):
        arguments["timeout"] = seconds
    if is_pooled:
        # A prepared statement belongs to its connection, and the next transaction has another connection.
        arguments |= {
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": _statement_name,
        }
    require_one_of(said, "target_session_attrs", _KINDS_OF_SERVER)
    arguments |= {name: said.pop(name) for name in ("passfile", "target_session_attrs") if name in said}
    require_known(said, _POSTGRESQL_PARAMETERS)
    return url, arguments, Roots(setting="sslrootcert", file=root)


def _hosts(said: str, ports: str, before: list[tuple[str, int | None]]) -> list[tuple[str, int | None]]:
    """Return libpq's lists, `host=a,b` and `port=1,2`, and SQLAlchemy's `host=a:1` twice; they win over `before`."""
    hosts = [host_and_port(host) for host in said.split(",")] if said else before or [("", None)]
    numbers = [port_number(port) for port in ports.split(",")] if ports else []
    if said and not numbers and len(hosts) == len(before) == 1:
        numbers = [hosts[0][1] or before[0][1] or _PORT]
    if len(numbers) == 1:
        numbers *= len(hosts)
    if numbers and len(numbers) != len(hosts):
        raise NotUnderstood("port must have one number, or one for each host")
    return [(host, number) for (host, _), number in zip(hosts, numbers, strict=True)] if numbers else hosts


def _postgresql_tls(said: dict[str, str]) -> tuple[Any, str]:
    """Return asyncpg's `ssl` argument, and the file of the roots.

    The argument is the mode itself if that suffices, else a context; "" for none.

    With a plain mode, asyncpg itself reads libpq's variables and its files in ~/.postgresql.

    * A client certificate is only sent over TLS, so it implies TLS.
    * Roots imply verification, even without a mode; libpq's "prefer" would continue in the clear after a failure.
    * asyncpg has no channel binding. `channel_binding=require` keeps out a stranger between client and server, who has
      no certificate for the server's name (https://www.postgresql.org/docs/current/libpq-connect.html).
    """
    is_prismas = "sslaccept" in said
    mode = take_mode(said)
    require_one_of(said, "channel_binding", ("prefer", "disable", "require"))
    require_one_of(said, "gssencmode", ("prefer", "disable"))
    said.pop("gssencmode", None)
    must_bind = said.pop("channel_binding", "") == "require"
    if is_prismas and "sslkey" not in said and "sslcert" in said:  # the root, relative to Prisma's schema
        said["sslrootcert"] = str(file_of_prisma(said.pop("sslcert")))
    files = take_files(said, _POSTGRESQL_FILES)
    if must_bind and mode == "disable":
        raise NotUnderstood("channel_binding=require needs TLS, and sslmode=disable has none: leave one of them out")
    if files.root == "system" and mode not in {"", "verify-full"}:
        raise NotUnderstood("sslrootcert=system needs sslmode=verify-full")
    if must_bind or files.root == "system":
        mode = "verify-full"
    elif not mode and files.root:
        mode = "verify-ca"
    elif mode in {"", "allow", "prefer"} and files.certificate:
        mode = "require"
    if mode not in {"require", *VERIFYING} or (mode == "require" and files == TlsFiles()):
        return mode, files.root
    files = msgspec.structs.replace(
        files,
        root=files.root or os.environ.get("PGSSLROOTCERT", "") or _file_at_home("root.crt"),
        certificate=files.certificate or os.environ.get("PGSSLCERT", "") or _file_at_home("postgresql.crt"),
        key=files.key or os.environ.get("PGSSLKEY", "") or _file_at_home("postgresql.key"),
        revoked=files.revoked or os.environ.get("PGSSLCRL", "") or _file_at_home("root.crl"),
    )
    # libpq does so for addresses from the time before "verify-ca".
    mode = "verify-ca" if mode == "require" and files.root else mode
    return read_tls(mode, files, _POSTGRESQL_FILES), files.root


def _file_at_home(name: str) -> str:
    """Return libpq's default path of a TLS file; "" if the file does not exist."""
    file = Path("~/.postgresql", name).expanduser()
    return str(file) if file.is_file() else ""


def _is_pooled(url: URL, said: dict[str, str]) -> bool:
    """Tell whether each transaction may have another connection to the server."""
    said_so = said.pop("pgbouncer", "false").lower()
    if said_so not in YES | NO:
        raise NotUnderstood("pgbouncer must be true or false")
    sizes = {name: said.pop(name) for name in _NO_CACHE if name in said}
    for name, size in sizes.items():
        if not size.isdecimal():
            raise NotUnderstood(f"{name} must be a number")
    return (
        said_so in YES
        or any(not size.strip("0") for size in sizes.values())
        or bool(_POOLER.search(url.host or "") and url.port == _TRANSACTION_MODE)
    )


def _statement_name() -> str:
    """Return a unique statement name (https://docs.sqlalchemy.org/en/20/dialects/postgresql.html)."""
    return f"__keyturn_{uuid4()}__"


def _take_settings(said: dict[str, str], *, is_pooled: bool) -> dict[str, str]:
    """Return the settings for each connection by the server's names: those in `options`, then single parameters."""
    settings = _options(said.pop("options", ""))
    schema = said.pop("schema", "")
    # PgBouncer refuses a search path, and the default path includes "public", which Prisma always writes.
    if schema and not (is_pooled and schema == "public"):
        settings["search_path"] = '"' + schema.replace('"', '""') + '"'  # Prisma's is one name, capitals included
    settings |= {setting: said.pop(name) for name, setting in _SETTINGS.items() if name in said}
    return settings


def _options(text: str) -> dict[str, str]:
    """Return the settings in libpq's `options`: `-c name=value`, `-cname=value` and `--name=value`.

    A backslash takes a blank along, and quotation marks are the value's own (src/backend/utils/init/postinit.c,
    `pg_split_opts`).
    """
    settings = {}
    words = (re.sub(r"\\(.)", r"\1", word) for word in re.findall(r"(?:\\.|[^\s\\])+", text))
    for word in words:
        text = next(words, "") if word == "-c" else word.removeprefix("-c").removeprefix("--")
        name, separator, value = text.partition("=")
        if not separator or not word.startswith("-"):
            raise NotUnderstood("options must be made of -c name=value")
        settings[name.replace("-", "_")] = value
    return settings


class DatabaseUrl(msgspec.Struct, frozen=True, kw_only=True):
    """The address of a database.

    `kind`: "sqlite", "postgresql" or "mysql".
    `url`: the driver and the place, without parameters.
    `arguments`: further arguments for the driver.
    `roots`: the roots for the server's certificate, if it is verified.
    `holds_secret`: whether the address has a password.
    """

    kind: str
    url: URL
    arguments: dict[str, Any]
    roots: Roots
    holds_secret: bool


def read_url(text: str, setting: str) -> DatabaseUrl:
    """Parse an address. Raises SettingsInvalid by its setting, without parts of the address that may be secret."""
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
        # A password with an unescaped "@" or "?" fails here, too: its parts are not repeated.
        message = (
            "what follows the ? cannot be read: write the ? of a password as %3F" if "@" in query else str(problem)
        )
        raise _fault(setting, message) from None
    holds_secret = holds_secret or bool(url.password)
    return DatabaseUrl(kind=kind, url=url, arguments=arguments, roots=roots, holds_secret=holds_secret)


def _parameters(query: str) -> dict[str, str]:
    """Return the query's parameters, without NOT_FOR_US. SQLAlchemy repeats `host` for each of several hosts."""
    said: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in NOT_FOR_US or name.startswith("_"):  # parameters of Go's drivers, such as "_pragma"
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
