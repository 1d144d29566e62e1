"""The address of a PostgreSQL, for asyncpg."""

import re
import shlex
from typing import Any
from uuid import uuid4

from sqlalchemy import URL

from keyturn.database.urls.parameters import YES, NotUnderstood, require_known, take_mode, take_number, take_tls

_BY_DRIVER = ("host", "passfile", "password", "port", "target_session_attrs", "user")
_SERVERS = ("any", "primary", "standby", "read-write", "read-only", "prefer-standby")
_SETTINGS = {"application_name": "application_name", "schema": "search_path", "search_path": "search_path"}
"""What is set for each connection, and the server's name for it; `schema` is Prisma's."""

_POOLER = re.compile(r"\.pooler\.supabase\.com$")
_TRANSACTION_MODE = 6543
"""The port of Supabase's pooler at which each transaction may have another connection."""


def read_postgresql(url: URL, said: dict[str, str]) -> tuple[URL, dict[str, Any]]:
    """Return the address without what it says, and that as arguments. Raises NotUnderstood."""
    arguments: dict[str, Any] = {}
    if tls := take_tls(said, take_mode(said), ("sslrootcert", "sslcert", "sslkey"), always=False):
        arguments["ssl"] = tls
    settings = _options(said.pop("options", ""))
    settings |= {setting: said.pop(name) for name, setting in _SETTINGS.items() if name in said}
    if settings:
        arguments["server_settings"] = settings
    if seconds := take_number(said, "connect_timeout"):
        arguments["timeout"] = seconds
    is_pooled = _POOLER.search(url.host or "") and url.port == _TRANSACTION_MODE
    if said.pop("pgbouncer", "").lower() in YES or is_pooled:
        # A prepared statement is a connection's own, and the next transaction has another connection.
        arguments |= {
            "statement_cache_size": 0, "prepared_statement_cache_size": 0, "prepared_statement_name_func": _name,
        }  # fmt: skip
    if said.get("host", "").startswith("/"):  # a socket's folder; Prisma writes a host beside it
        url = url.set(host="")
    if said.get("target_session_attrs", "any") not in _SERVERS:
        raise NotUnderstood(f"target_session_attrs must be one of {', '.join(_SERVERS)}")
    if not said.get("port", "0").isdecimal():
        raise NotUnderstood("port must be a number")
    require_known(said, _BY_DRIVER)
    return url.set(query=said), arguments


def _name() -> str:
    """Return a name that no other statement has (https://docs.sqlalchemy.org/en/20/dialects/postgresql.html)."""
    return f"__keyturn_{uuid4()}__"


def _options(text: str) -> dict[str, str]:
    """Return the settings in libpq's `options`: `-c name=value`, `-cname=value` and `--name=value`."""
    settings = {}
    try:
        words = iter(shlex.split(text))
    except ValueError:
        raise NotUnderstood("options has an open quotation mark") from None
    for word in words:
        text = next(words, "") if word == "-c" else word.removeprefix("-c").removeprefix("--")
        name, separator, value = text.partition("=")
        if not separator or not word.startswith("-"):
            raise NotUnderstood("options must be made of -c name=value")
        settings[name.replace("-", "_")] = value
    return settings
