"""The address of a PostgreSQL, for asyncpg."""

import os
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
from sqlalchemy import URL

from keyturn.database.urls.parameters import (
    NO,
    YES,
    NotUnderstood,
    host_and_port,
    port_number,
    read_tls,
    require_known,
    require_one_of,
    take_files,
    take_mode,
    take_number,
)
from keyturn.database.urls.sqlite import file_of_prisma
from keyturn.database.urls.tls import VERIFYING, Roots, TlsFiles

_PORT = 5432
_SERVERS = ("any", "primary", "standby", "read-write", "read-only", "prefer-standby")
_SETTINGS = {"application_name": "application_name", "search_path": "search_path", "currentSchema": "search_path"}
_FILES = {
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
"""Parameters of asyncpg, SQLAlchemy, Prisma and JDBC, whose 0 means that no statement is prepared for later."""

_HONOURED = (
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
    *(name for names in _FILES.values() for name in names),
)


def read_postgresql(
    url: URL, hosts: list[tuple[str, int | None]], said: dict[str, str]
) -> tuple[URL, dict[str, Any], Roots]:
    """Return the place, the driver's arguments, and the roots of TLS. Raises NotUnderstood."""
    # libpq takes these from behind the ? as well, where they count more; Prisma writes a host beside a socket's folder.
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
    tls, root = _take_tls(said)
    if tls:
        arguments["ssl"] = tls
    is_pooled = _is_pooled(url, said)
    if settings := _take_settings(said, is_pooled=is_pooled):
        arguments["server_settings"] = settings
    if seconds := take_number(said, "connect_timeout"):
        arguments["timeout"] = seconds
    if is_pooled:
        # A prepared statement is a connection's own, and the next transaction has another connection.
        arguments |= {
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": _name,
        }
    require_one_of(said, "target_session_attrs", _SERVERS)
    arguments |= {name: said.pop(name) for name in ("passfile", "target_session_attrs") if name in said}
    require_known(said, _HONOURED)
    return url, arguments, Roots(setting="sslrootcert", file=root)


def _hosts(said: str, ports: str, before: list[tuple[str, int | None]]) -> list[tuple[str, int | None]]:
    """Return libpq's lists, `host=a,b` and `port=1,2`, and SQLAlchemy's `host=a:1` twice, above those of before."""
    hosts = [host_and_port(host) for host in said.split(",")] if said else before or [("", None)]
    numbers = [port_number(port) for port in ports.split(",")] if ports else []
    if said and not numbers and len(hosts) == len(before) == 1:
        numbers = [hosts[0][1] or before[0][1] or _PORT]
    if len(numbers) == 1:
        numbers *= len(hosts)
    if numbers and len(numbers) != len(hosts):
        raise NotUnderstood("port must have one number, or one for each host")
    return [(host, number) for (host, _), number in zip(hosts, numbers, strict=True)] if numbers else hosts


def _take_tls(said: dict[str, str]) -> tuple[Any, str]:
    """Return what asyncpg is given, and the file of the roots.

    That is the mode's own word where it says it all, else a context; "" for nothing.

    asyncpg reads libpq's variables and its files in ~/.postgresql by itself, for a word.

    * A certificate of the client's is shown over TLS alone, so it asks for it.
    * Roots verify, also where no mode is said; libpq's "prefer" would go on in the clear where they fail to.
    * asyncpg binds no channels. What `channel_binding=require` keeps out is a stranger between client and server, who
      has no certificate for the server's name (https://www.postgresql.org/docs/current/libpq-connect.html).
    """
    is_prismas = "sslaccept" in said
    mode = take_mode(said)
    require_one_of(said, "channel_binding", ("prefer", "disable", "require"))
    require_one_of(said, "gssencmode", ("prefer", "disable"))
    said.pop("gssencmode", None)
    must_bind = said.pop("channel_binding", "") == "require"
    if is_prismas and "sslkey" not in said and "sslcert" in said:  # the root, beside Prisma's schema
        said["sslrootcert"] = str(file_of_prisma(said.pop("sslcert")))
    files = take_files(said, _FILES)
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
    # libpq does so for those who wrote it before there was "verify-ca".
    mode = "verify-ca" if mode == "require" and files.root else mode
    return read_tls(mode, files, _FILES), files.root


def _file_at_home(name: str) -> str:
    """Return where libpq looks for a file of TLS by itself; "" where none is."""
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


def _name() -> str:
    """Return a name that no other statement has (https://docs.sqlalchemy.org/en/20/dialects/postgresql.html)."""
    return f"__keyturn_{uuid4()}__"


def _take_settings(said: dict[str, str], *, is_pooled: bool) -> dict[str, str]:
    """Return what is set for each connection, by the server's names: that of `options`, then what stands by itself."""
    settings = _options(said.pop("options", ""))
    schema = said.pop("schema", "")
    # PgBouncer refuses a search path, and "public", which Prisma writes always, is in the one that is the default.
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
