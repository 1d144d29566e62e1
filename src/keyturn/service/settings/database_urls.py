"""Reads the address of a database, as apps and frameworks write it, for Keyturn's drivers.

`[database]`, `[accounts.table]`, `keyturn init`, the plugin and the doctor all read addresses here. Each part of an
address is used, left out on purpose (`left_out`), or refused in a sentence that names it.

The spellings are those of libpq (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING), Prisma
(https://www.prisma.io/docs/orm/reference/connection-urls), node-postgres, mysql2, SQLAlchemy, Django, Rails and
Doctrine.
"""

import math
import os
import re
import ssl
import tomllib
from collections.abc import Collection, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

import msgspec
from sqlalchemy import URL

from keyturn.errors import Fault, SettingsInvalid
from keyturn.service.settings.url_rules import NO_ADDRESS, database_fault, database_kind
from keyturn.values import did_you_mean


class _Tables(msgspec.Struct, frozen=True):
    """The parameters that are known, and the words for them: `database_urls.toml` describes each table."""

    honoured: dict[str, list[str]]
    left_out: dict[str, list[str]]
    words: dict[str, list[str]]
    not_read: dict[str, str]
    modes: dict[str, str]
    files: dict[str, dict[str, list[str]]]
    files_of_libpq: dict[str, tuple[str, str]]


_KNOWN = msgspec.convert(tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8")), _Tables)

_MODE_NAMES = ("ssl", "useSSL", "sslaccept", "ssl_mode", "ssl-mode", "sslmode")
_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""libpq's modes of TLS (https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION), the weakest
first."""
_WEAK = {"", "allow", "prefer"}

_YES, _NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_PRISMAS = {"strict": "verify-full", "accept_invalid_certs": "require"}

_SETTINGS = {"application_name": "application_name", "search_path": "search_path", "currentSchema": "search_path"}
_NO_CACHE = ("statement_cache_size", "prepared_statement_cache_size", "prepareThreshold")
"""Parameters of asyncpg, SQLAlchemy, Prisma and JDBC; 0 turns the cache of prepared statements off."""

_PLACE = re.compile(r"%\w[\w.]+%")
"""Symfony's placeholder for a folder: %kernel.project_dir%."""

_SPEAKS_TLS = 0x800
"""A server's capability flag for encryption (https://dev.mysql.com/doc/dev/mysql-server/latest/, CLIENT_SSL)."""

_NO_TLS = 2026
"""MySQL's number for a connection that cannot be encrypted (https://dev.mysql.com/doc/mysql-errors/8.4/en/)."""

_POSTGRESQLS_PORT = 5432
_TRANSACTION_MODE = 6543
"""The port of Supabase's pooler at which each transaction may have another connection."""

_Hosts = list[tuple[str, int | None]]


class _NotUnderstood(Exception):
    """Names a part of an address, and its mistake. The value is not repeated: it may be a secret."""


class Roots(NamedTuple):
    """The roots for a server's certificate: the parameter in the address, and its file, "" for the system's."""

    setting: str = ""
    file: str = ""


class DatabaseUrl(msgspec.Struct, frozen=True):
    """The address of a database.

    `kind`: "sqlite", "postgresql" or "mysql".
    `url`: the driver and the place, without parameters.
    `holds_secret`: whether the address has a password.
    `arguments`: further arguments for the driver.
    `roots`: the roots for the server's certificate, if it is verified.
    """

    kind: str
    url: URL
    holds_secret: bool
    arguments: dict[str, Any]
    roots: Roots


def read_url(text: str, setting: str) -> DatabaseUrl:
    """Parse an address. Raises SettingsInvalid by its setting, without parts of the address that may be secret."""
    text = text.strip()
    if message := database_fault(text):
        raise SettingsInvalid([Fault(setting, message)])
    kind, (scheme, _, rest) = database_kind(text), text.partition(":")
    place, _, query = rest.partition("?")
    try:
        said = _parameters(query, kind)
        holds_secret = bool({"password", "sslpassword"} & said.keys())
        arguments: dict[str, Any] = {}
        roots = Roots()
        if kind == "sqlite":
            url = _sqlite(place, said, is_prismas=scheme.lower() == "file")
        elif kind == "mysql":
            driver = "mariadb+aiomysql" if scheme.lower().startswith("mariadb") else "mysql+aiomysql"
            url, arguments, roots = _mysql(*_server(driver, place), said)
        else:
            url, arguments, roots = _postgresql(*_server("postgresql+asyncpg", place), said)
        _require_empty(said, kind)
    except _NotUnderstood as problem:
        # A password with an unescaped "@" or "?" fails here, too: its parts are not repeated.
        hint = "what follows the ? cannot be read: write the ? of a password as %3F"
        raise SettingsInvalid([Fault(setting, hint if "@" in query else str(problem))]) from None
    return DatabaseUrl(kind, url, holds_secret or bool(url.password), arguments, roots)


def _parameters(query: str, kind: str) -> dict[str, str]:
    """Return the parameters that are not left out. SQLAlchemy repeats `host` for each of several hosts."""
    said: dict[str, str] = {}
    left_out = {*_KNOWN.left_out["everywhere"], *_KNOWN.left_out.get(kind, ())}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in left_out or name.startswith("_"):  # parameters of Go's drivers, such as "_pragma"
            continue
        if not value:
            raise _NotUnderstood(f"{name} is empty: give it a value, or leave it out")
        if value not in _KNOWN.words.get(name, (value,)):
            raise _NotUnderstood(f"{name} must be one of {', '.join(_KNOWN.words[name])}")
        if name == "host" and name in said:
            said[name] += f",{value}"
        elif said.setdefault(name, value) != value:
            raise _NotUnderstood(f"{name} has two values: leave one of them out")
    return said


def _require_empty(said: Mapping[str, str], kind: str) -> None:
    for name in said:
        files = chain.from_iterable(_KNOWN.files.get(kind, {}).values())
        more = (*_SETTINGS, *_NO_CACHE) if kind == "postgresql" else ()
        known = [*_KNOWN.honoured[kind], *files, *more, *_MODE_NAMES]
        message = f"{name} is not understood{did_you_mean(name, known) or ': leave it out'}"
        raise _NotUnderstood(_KNOWN.not_read.get(name, message))


def _server(driver: str, place: str) -> tuple[URL, _Hosts]:
    """Return user, password and database, and the hosts with their ports."""
    if not place.startswith("//"):
        is_pdos = "host=" in place or "dbname=" in place
        rewritten = f"is a DSN of PDO's: write it as {driver.partition('+')[0]}://app:...@db/app"
        raise _NotUnderstood(rewritten if is_pdos else NO_ADDRESS)
    authority, _, database = place.removeprefix("//").partition("/")
    if "@" in database:
        one = database.count("@") == 1 and "@" not in authority
        mend = "write the / of the password as %2F" if one else "write them as %40 and %2F in the password"
        raise _NotUnderstood(f"has an @ behind a /: {mend}")
    credentials, _, hosts = authority.rpartition("@")
    user, colon, password = credentials.partition(":")
    secret, database = unquote(password) if colon else None, unquote(database)
    url = URL.create(driver, username=unquote(user) or None, password=secret, database=database or None)
    return url, [_host_and_port(host) for host in hosts.split(",") if hosts]


def _host_and_port(text: str) -> tuple[str, int | None]:
    """Return a host, or the folder of a socket, and its port, None if not given."""
    host, colon, port = text.rpartition(":")
    if not colon or text.startswith("/") or text.endswith("]") or (":" in host and not host.startswith("[")):
        return unquote(text.strip("[]")), None
    return unquote(host.strip("[]")), _port(port) if port else None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:6]) < 1 << 16):
        raise _NotUnderstood("not a database address: a port must be a number from 1 to 65535")
    return int(text)


def _take_one(said: dict[str, str], names: Collection[str]) -> str:
    """Take these parameters, which mean the same, out of `said`; return their value, "" for none."""
    values = {said.pop(name) for name in names if name in said}
    if len(values) > 1:
        raise _NotUnderstood(f"{' and '.join(names)} contradict each other: leave one of them out")
    return next(iter(values), "")


def _take_seconds(said: dict[str, str]) -> float | None:
    """Take the time limit for connecting out of `said`; None if it is missing or 0, libpq's word for no limit."""
    try:
        seconds = float(said.pop("connect_timeout", "0"))
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise _NotUnderstood("connect_timeout must be a number of seconds")
    return seconds if seconds > 0 else None


def _sqlite(place: str, said: dict[str, str], *, is_prismas: bool) -> URL:
    """Return the address of the file, without a path for a database in memory.

    `is_prismas`: a relative path begins at Prisma's folder; see `_file_of_prisma`.
    """
    mode = said.pop("mode", "rw")
    host, path = "", place  # Rails' and PDO's
    if is_prismas:
        path = place.removeprefix("//")
    elif place.startswith("//"):
        host, _, path = place[2:].partition("/")
    path = unquote(path)
    if path.startswith("file:"):  # SQLite's own URI within SQLAlchemy's
        path = path.removeprefix("file:").removeprefix("//")
    if mode == "memory" or ":memory:" in {host, path} or place == "//":
        return URL.create("sqlite+aiosqlite")
    if mode not in {"rw", "rwc"}:
        raise _NotUnderstood("mode must be one of rw, rwc: new passwords are written")
    if host:
        raise _NotUnderstood("names a host, and SQLite has none: a path follows three slashes, as in sqlite:///app.db")
    if not path or "\0" in path:
        raise _NotUnderstood("names no file")
    if placeholder := _PLACE.search(path):
        raise _NotUnderstood(f"holds {placeholder[0]}, which only its framework fills in: write the path of the file")
    if is_prismas and not path.startswith("/"):
        path = _file_of_prisma(path)
    return URL.create("sqlite+aiosqlite", database=path)


def _file_of_prisma(path: str) -> str:
    """Return the file for a relative path of Prisma's; several are not understood.

    Up to Prisma 6 the path begins at the folder of the schema. From 7 on it begins at that of the configuration, which
    is the app's (https://www.prisma.io/docs/orm/overview/databases/sqlite,
    https://github.com/prisma/prisma/pull/28514). The existing file decides; if none exists, the first counts.
    """
    schemas = [folder for folder in (Path("prisma"), Path("prisma/schema")) if folder.is_dir()]
    places = [folder / path for folder in [*schemas, Path()]]
    try:
        files = {place.resolve(): str(place) for place in reversed(places) if place.is_file()}
    except OSError as error:
        raise _NotUnderstood(f"its file cannot be looked for: {error.strerror}") from None
    if len(files) > 1:
        raise _NotUnderstood(
            f"may be {' or '.join(sorted(files.values()))}: write which, as in sqlite:///prisma/dev.db"
        )
    return next(iter(files.values()), str(places[0]))


def _mysql(url: URL, hosts: _Hosts, said: dict[str, str]) -> tuple[URL, dict[str, Any], Roots]:
    """Return the place, aiomysql's arguments, and the roots of TLS."""
    if len(hosts) > 1:
        raise _NotUnderstood("names several hosts, and the driver of MySQL takes one")
    if hosts:
        url = url.set(host=hosts[0][0], port=hosts[0][1])
    # MySQL reads and writes TIMESTAMP in the connection's zone; Keyturn writes UTC.
    arguments: dict[str, Any] = {"init_command": "SET time_zone = '+00:00'", "charset": "utf8mb4"}
    if "sslcert" in said:  # Prisma's name for the root, and other tools' for the client's certificate
        said["ssl_cert" if "sslkey" in said else "ssl_ca"] = said.pop("sslcert")
    mode, files = _take_tls(said, "mysql", "verify-full")
    if mode not in {"disable", *_WEAK}:
        arguments |= {"ssl": _context(mode, files, "mysql"), "async_creator_fn": _connect_encrypted}
    if seconds := _take_seconds(said):
        arguments["connect_timeout"] = seconds
    if socket := _take_one(said, ("unix_socket", "socket")):
        arguments["unix_socket"] = socket
    return url, arguments, Roots("ssl_ca", files["root"])


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


def _postgresql(url: URL, hosts: _Hosts, said: dict[str, str]) -> tuple[URL, dict[str, Any], Roots]:
    """Return the place, asyncpg's arguments, and the roots of TLS."""
    # libpq also takes these from the query, which wins there; Prisma writes a host beside a socket's folder.
    user, password, database = (said.pop(name, None) for name in ("user", "password", "dbname"))
    url = url.set(username=user, password=password, database=database)
    if "host" in said or "port" in said:
        hosts = _hosts(said.pop("host", ""), said.pop("port", ""), hosts)
    arguments: dict[str, Any] = {}
    if len(hosts) > 1:
        arguments |= {"host": [host for host, _ in hosts], "port": [port or _POSTGRESQLS_PORT for _, port in hosts]}
        url = url.set(host=",".join(host for host, _ in hosts))
    elif hosts:
        url = url.set(host=hosts[0][0] or None, port=hosts[0][1])
    tls, root = _postgresql_tls(said)
    if tls:
        arguments["ssl"] = tls
    is_pooled = _take_pooled(url, said)
    if settings := _take_settings(said, is_pooled=is_pooled):
        arguments["server_settings"] = settings
    if seconds := _take_seconds(said):
        arguments["timeout"] = seconds
    if is_pooled:
        # A prepared statement belongs to its connection, and the next transaction has another connection. Each name is
        # unique (https://docs.sqlalchemy.org/en/20/dialects/postgresql.html).
        arguments |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
        arguments["prepared_statement_name_func"] = lambda: f"__keyturn_{uuid4()}__"
    arguments |= {name: said.pop(name) for name in ("passfile", "target_session_attrs") if name in said}
    return url, arguments, Roots("sslrootcert", root)


def _hosts(said: str, ports: str, before: _Hosts) -> _Hosts:
    """Return libpq's lists, `host=a,b` and `port=1,2`, and SQLAlchemy's `host=a:1` twice; they win over `before`."""
    hosts = [_host_and_port(host) for host in said.split(",")] if said else before or [("", None)]
    numbers = [_port(port) for port in ports.split(",")] if ports else []
    if said and not numbers and len(hosts) == len(before) == 1:
        numbers = [hosts[0][1] or before[0][1] or _POSTGRESQLS_PORT]
    if len(numbers) == 1:
        numbers *= len(hosts)
    if numbers and len(numbers) != len(hosts):
        raise _NotUnderstood("port must have one number, or one for each host")
    return [(host, number) for (host, _), number in zip(hosts, numbers, strict=True)] if numbers else hosts


def _take_pooled(url: URL, said: dict[str, str]) -> bool:
    """Tell whether each transaction may have another connection to the server."""
    is_pgbouncer = said.pop("pgbouncer", "false").lower()
    if is_pgbouncer not in (*_YES, *_NO):
        raise _NotUnderstood("pgbouncer must be true or false")
    sizes = {name: said.pop(name) for name in _NO_CACHE if name in said}
    for name, size in sizes.items():
        if not size.isdecimal():
            raise _NotUnderstood(f"{name} must be a number")
    is_supabases = (url.host or "").endswith(".pooler.supabase.com") and url.port == _TRANSACTION_MODE
    return is_pgbouncer in _YES or is_supabases or any(not size.strip("0") for size in sizes.values())


def _take_settings(said: dict[str, str], *, is_pooled: bool) -> dict[str, str]:
    """Return the settings for each connection by the server's names: those in `options`, then single parameters.

    libpq's `options` are `-c name=value`, `-cname=value` and `--name=value`. A backslash takes a blank along, and
    quotation marks are the value's own (src/backend/utils/init/postinit.c, `pg_split_opts`).
    """
    settings = {}
    split = re.findall(r"(?:\\.|[^\s\\])+", said.pop("options", ""))
    words = (re.sub(r"\\(.)", r"\1", word) for word in split)
    for word in words:
        text = next(words, "") if word == "-c" else word.removeprefix("-c").removeprefix("--")
        name, separator, value = text.partition("=")
        if not separator or not word.startswith("-"):
            raise _NotUnderstood("options must be made of -c name=value")
        settings[name.replace("-", "_")] = value
    schema = said.pop("schema", "")
    # PgBouncer refuses a search path, and the default path includes "public", which Prisma always writes.
    if schema and not (is_pooled and schema == "public"):
        settings["search_path"] = '"' + schema.replace('"', '""') + '"'  # Prisma's is one name, capitals included
    return settings | {setting: said.pop(name) for name, setting in _SETTINGS.items() if name in said}


def _postgresql_tls(said: dict[str, str]) -> tuple[Any, str]:
    """Return asyncpg's `ssl` argument, and the file of the roots.

    The argument is the mode itself if that suffices, else a context; "" for none. With a plain mode, asyncpg itself
    reads libpq's variables and its files in ~/.postgresql. asyncpg has no channel binding. `channel_binding=require`
    keeps out a stranger between client and server, who has no certificate for the server's name
    (https://www.postgresql.org/docs/current/libpq-connect.html).
    """
    said.pop("gssencmode", None)
    must_bind = said.pop("channel_binding", "") == "require"
    if "sslaccept" in said and "sslkey" not in said and "sslcert" in said:  # the root, relative to Prisma's schema
        said["sslrootcert"] = _file_of_prisma(said.pop("sslcert"))
    must_verify = said.get("sslrootcert") == "system"
    mode, files = _take_tls(said, "postgresql", "verify-full" if must_verify else "verify-ca")
    if must_bind and mode == "disable":
        raise _NotUnderstood("channel_binding=require needs TLS, and sslmode=disable has none: leave one of them out")
    if must_verify and mode != "verify-full":
        raise _NotUnderstood("sslrootcert=system needs sslmode=verify-full")
    if must_bind:
        mode = "verify-full"
    root = files["root"]
    if mode in {"disable", *_WEAK} or (mode == "require" and not any(files.values())):
        return mode, root
    for part, (variable, name) in _KNOWN.files_of_libpq.items():
        file = Path("~/.postgresql", name).expanduser()
        files[part] = files[part] or os.environ.get(variable, "") or (str(file) if file.is_file() else "")
    if mode == "require" and files["root"]:  # libpq does so for addresses from the time before "verify-ca"
        mode = "verify-ca"
    return _context(mode, files, "postgresql"), files["root"]


def _take_tls(said: dict[str, str], kind: str, rooted: str) -> tuple[str, dict[str, str]]:
    """Take the parameters of TLS out of `said`: return the strictest as libpq's mode, "" for none, and the files.

    * Roots imply verification, `rooted`, if there is no mode; libpq's "prefer" would continue in the clear after a
      failure.
    * A client certificate is only sent over TLS, so it implies TLS.
    """
    names = [name for name in _MODE_NAMES if name in said]
    modes = {_mode(name, said.pop(name)) for name in names}
    if "disable" in modes and len(modes) > 1:
        raise _NotUnderstood(f"{' and '.join(names)} contradict each other: leave one of them out")
    mode = max(modes, key=_MODES.index, default="")
    files = {part: _take_one(said, spellings) for part, spellings in _KNOWN.files[kind].items()}
    if not mode and files["root"]:
        mode = rooted
    elif mode in _WEAK and files["certificate"]:
        mode = "require"
    return mode, files


def _mode(name: str, value: str) -> str:
    if name == "sslaccept":
        return _PRISMAS[value]
    if value.startswith("{"):  # mysql2's `ssl`, as PlanetScale shows it
        try:
            options = msgspec.json.decode(value, type=dict[Literal["rejectUnauthorized"], bool])
        except (msgspec.MsgspecError, RecursionError):
            raise _NotUnderstood(f'{name} must be {{"rejectUnauthorized":true}}, or a mode as in ssl-mode') from None
        return "verify-full" if options.get("rejectUnauthorized", True) else "require"
    word = value.lower().replace("_", "-")
    mode = _KNOWN.modes.get(word, word)
    if mode not in _MODES:
        raise _NotUnderstood(f"{name} must be one of {', '.join(_MODES)}")
    return mode


def _context(mode: str, files: Mapping[str, str], kind: str) -> ssl.SSLContext:
    """Return the context for a mode with TLS.

    "verify-ca" without its own roots becomes "verify-full": any of this machine's roots would also sign for a stranger
    (libpq refuses it).
    """
    root = "" if files["root"] == "system" else files["root"]
    try:
        context = ssl.create_default_context(cafile=root or None)
        context.check_hostname = mode == "verify-full" or (mode == "verify-ca" and not root)
        if mode == "require":
            context.verify_mode = ssl.CERT_NONE
        if revoked := files.get("revoked"):
            context.load_verify_locations(cafile=revoked)
            context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN
        if files["certificate"]:
            # Without a password OpenSSL would ask for one at the terminal.
            context.load_cert_chain(files["certificate"], files["key"] or None, files.get("password", ""))
    except (OSError, ValueError) as error:
        named = {next(iter(_KNOWN.files[kind][part])): file for part, file in files.items() if part != "password"}
        places = {name: Path(file).absolute() for name, file in named.items() if file not in {"", "system"}}
        for name, place in places.items():
            if not place.exists():
                raise _NotUnderstood(f"{name}: there is no {place}") from None
        shown = " or ".join(f"{name} ({place})" for name, place in places.items())
        raise _NotUnderstood(f"{shown} cannot be read: {getattr(error, 'strerror', '') or error}") from None
    return context
