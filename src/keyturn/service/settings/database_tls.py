"""TLS to the server of a database, as the parameters of its address ask for it."""

import ssl
from pathlib import Path
from typing import Any

import msgspec

MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""libpq's modes of TLS, the weakest first
(https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION).
"""

_WORDS = {
    "1": "verify-full",
    "true": "verify-full",
    "strict": "verify-full",
    "verify-identity": "verify-full",
    '{"rejectunauthorized":true}': "verify-full",
    "required": "require",
    "no-verify": "require",
    "accept-invalid-certs": "require",
    '{"rejectunauthorized":false}': "require",
    "0": "disable",
    "false": "disable",
    "disabled": "disable",
    "preferred": "prefer",
}
"""Other words for these modes: of node-postgres, MySQL, mysql2 and Prisma."""

_LEFT_TO_DRIVER = ("", "disable", "allow", "prefer")
"""Modes in which the server may be one without TLS: each driver has its own way to try."""

_SPEAKS_TLS = 0x800
"""MySQL's capability flag CLIENT_SSL (its manual, 8.4)."""

_NO_TLS = 2026
"""MySQL's error for a connection that cannot be encrypted."""


class AddressNotUnderstood(ValueError):
    """A part of a database's URL is wrong. The text names it and the mistake.

    It does not repeat the value, which may be a secret.
    """


def parse_mode(name: str, value: str) -> str:
    """Return the mode of TLS that a parameter asks for. Raises AddressNotUnderstood."""
    word = value.lower().replace("_", "-")
    mode = _WORDS.get(word, word)
    if mode not in MODES:
        known = ", ".join((*MODES, "true", "false"))
        raise AddressNotUnderstood(f"{name} must be one of {known}")
    return mode


def stricter_mode(one: str, other: str) -> str:
    return max(one, other, key=MODES.index)


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """What an address asks of TLS.

    `mode`: one of `MODES`; "" for the driver's default.
    `roots`: the file of root certificates for the server's; "" for those of this machine.
    `certificate`: the file of the client's certificate, and with `key` that of its key.
    `password`: of the key.
    """

    mode: str = ""
    roots: str = ""
    certificate: str = ""
    key: str = ""
    password: str = ""


def take_tls(parameters: dict[str, str], kind: str) -> Tls:
    """Take the parameters of TLS out of `parameters`, which have libpq's names.

    asyncpg has no channel binding. `channel_binding=require` shall stop an attacker between client
    and server, so it means "verify-full" here: the attacker has no certificate for the server's
    name (https://www.postgresql.org/docs/current/libpq-connect.html).
    """
    mode = parameters.pop("sslmode", "")
    binding = parameters.pop("channel_binding", "disable")
    roots = parameters.pop("sslrootcert", "")
    certificate = parameters.pop("sslcert", "")
    key = parameters.pop("sslkey", "")
    password = parameters.pop("sslpassword", "")
    if certificate and not key:  # Prisma's name for the roots
        roots = certificate
        certificate = ""
    if roots == "system" or binding not in {"disable", "prefer"}:
        mode = "verify-full"
    elif roots and mode in {"", "require"}:
        # With root certificates, libpq's "prefer" would continue unencrypted after a failed check.
        mode = "verify-full" if kind == "mysql" else "verify-ca"
    elif certificate and mode in {"", "allow", "prefer"}:  # a client's certificate needs TLS
        mode = "require"
    return Tls(
        mode=mode,
        roots="" if roots == "system" else roots,
        certificate=certificate,
        key=key,
        password=password,
    )


def postgresql_tls(tls: Tls) -> ssl.SSLContext | str:
    """Return asyncpg's argument: a context, a mode that asyncpg reads itself, or ""."""
    if tls.mode in _LEFT_TO_DRIVER:
        return tls.mode
    # asyncpg makes the context of "require" itself, with the files that libpq looks for, unless the
    # address names a client's certificate.
    if tls.mode == "require" and not tls.certificate:
        return tls.mode
    return _context(tls)


def mysql_tls(tls: Tls) -> dict[str, Any]:
    """Return aiomysql's arguments, which cannot try TLS first: a weak mode means none."""
    if tls.mode in _LEFT_TO_DRIVER:
        return {}
    return {"ssl": _context(tls), "async_creator_fn": _connect_encrypted}


async def _connect_encrypted(**arguments: Any) -> Any:
    """Return an encrypted connection to MySQL.

    If the server offers no TLS, aiomysql would send the password in the clear. This raises
    OperationalError instead.
    """
    from aiomysql import Connection, OperationalError

    connection = Connection(**arguments)
    sign_in = connection._request_authentication  # noqa: SLF001 - the one place between the greeting and the password

    async def sign_in_encrypted() -> None:
        # An attacker on the network can take the flag out of the greeting, which is not encrypted.
        if not connection.server_capabilities & _SPEAKS_TLS:
            raise OperationalError(_NO_TLS, "the server has no TLS, and the address asks for it")
        await sign_in()

    connection._request_authentication = sign_in_encrypted  # noqa: SLF001
    await connection._connect()  # noqa: SLF001
    return connection


def _context(tls: Tls) -> ssl.SSLContext:
    """Return the context for a mode with TLS.

    "verify-ca" without a file of roots becomes "verify-full": any site has a certificate of a
    public authority, so libpq refuses that mode.
    """
    _require_files(tls)
    trusts_any_root = tls.mode == "verify-ca" and not tls.roots
    try:
        context = ssl.create_default_context(cafile=tls.roots or None)
        context.check_hostname = tls.mode == "verify-full" or trusts_any_root
        if tls.mode == "require":
            context.verify_mode = ssl.CERT_NONE
        if tls.certificate:
            # The password is always given: otherwise OpenSSL would ask for one at the terminal.
            context.load_cert_chain(tls.certificate, tls.key or None, tls.password)
    except (OSError, ValueError) as error:
        files = f"sslrootcert ({tls.roots})"
        if tls.certificate:
            files = f"sslcert ({tls.certificate}) or sslkey ({tls.key})"
        why = getattr(error, "strerror", "") or error
        raise AddressNotUnderstood(f"{files} cannot be read: {why}") from None
    return context


def _require_files(tls: Tls) -> None:
    for file in (tls.roots, tls.certificate, tls.key):
        if file and not Path(file).exists():
            message = f"names a file that does not exist: {Path(file).absolute()}"
            raise AddressNotUnderstood(message)
