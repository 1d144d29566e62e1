"""The address of a MySQL or MariaDB, for aiomysql."""

from typing import Any

from sqlalchemy import URL

from keyturn.database.urls.parameters import require_known, take_mode, take_number, take_tls


def read_mysql(url: URL, said: dict[str, str]) -> tuple[URL, dict[str, Any]]:
    """Return the address without what it says, and that as arguments. Raises NotUnderstood."""
    # TIMESTAMP is read and written in the zone of the connection, and what is written here is UTC.
    arguments: dict[str, Any] = {"init_command": "SET time_zone = '+00:00'", "charset": "utf8mb4"}
    said.pop("charset", None)
    mode = take_mode(said)
    if "ssl_ca" in said and not mode:
        mode = "verify-full"
    # aiomysql encrypts or does not: what leaves it to the server goes without.
    mode = "" if mode in {"disable", "allow", "prefer"} else mode
    if tls := take_tls(said, mode, ("ssl_ca", "ssl_cert", "ssl_key"), always=True):
        arguments["ssl"] = tls
    if seconds := take_number(said, "connect_timeout"):
        arguments["connect_timeout"] = seconds
    require_known(said, ("unix_socket",))
    return url.set(query=said), arguments
