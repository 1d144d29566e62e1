"""The address of a MySQL or MariaDB, for aiomysql."""

from typing import Any

from sqlalchemy import URL

from keyturn.database.urls.parameters import (
    NotUnderstood,
    read_tls,
    require_known,
    take_files,
    take_mode,
    take_number,
)
from keyturn.database.urls.tls import Roots

_FILES = {
    "root": ["ssl_ca", "ssl-ca", "sslca", "sslrootcert"],
    "certificate": ["ssl_cert", "ssl-cert"],
    "key": ["ssl_key", "ssl-key", "sslkey"],
}
_HONOURED = (
    "connect_timeout",
    "unix_socket",
    "socket",
    "sslcert",
    *(name for names in _FILES.values() for name in names),
)

_SPEAKS_TLS = 0x800
"""What a server that can encrypt says of itself (https://dev.mysql.com/doc/dev/mysql-server/latest/, CLIENT_SSL)."""

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
    # TIMESTAMP is read and written in the zone of the connection, and what is written here is UTC.
    arguments: dict[str, Any] = {"init_command": "SET time_zone = '+00:00'", "charset": "utf8mb4"}
    tls, roots = _take_tls(said)
    if tls:
        arguments |= {"ssl": tls, "async_creator_fn": _connect_encrypted}
    if seconds := take_number(said, "connect_timeout"):
        arguments["connect_timeout"] = seconds
    sockets = {said.pop(name) for name in ("unix_socket", "socket") if name in said}
    if len(sockets) > 1:
        raise NotUnderstood("unix_socket and socket contradict each other: leave one of them out")
    if sockets:
        arguments["unix_socket"] = sockets.pop()
    require_known(said, _HONOURED)
    return url, arguments, roots


def _take_tls(said: dict[str, str]) -> tuple[Any, Roots]:
    """Return the context and its roots; None for a connection without TLS, as where the server decides."""
    if "sslcert" in said:  # Prisma's name for the root, and others' for the client's certificate
        said["ssl_cert" if "sslkey" in said else "ssl_ca"] = said.pop("sslcert")
    mode = take_mode(said)
    files = take_files(said, _FILES)
    if not mode and files.root:
        mode = "verify-full"
    elif mode in {"", "allow", "prefer"} and files.certificate:
        mode = "require"
    tls = None if mode in {"", "disable", "allow", "prefer"} else read_tls(mode, files, _FILES)
    return tls, Roots(setting="ssl_ca", file=files.root)


async def _connect_encrypted(**arguments: Any) -> Any:
    """Return a connection to a server that encrypts. Raises OperationalError for another, before a password is sent.

    aiomysql by itself would go on in the clear.
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
