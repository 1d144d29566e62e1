"""What follows the ? of a database's address."""

import math
import ssl
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import unquote

import msgspec

from keyturn.database.urls.tls import MODES, TlsFiles, tls_of
from keyturn.settings.building import did_you_mean

NOT_FOR_US = frozenset({
    # Pools and patience are Keyturn's own.
    "command_timeout", "conn_health_checks", "conn_max_age", "connectTimeout", "connection_limit", "connectionLimit",
    "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "max_overflow", "pool",
    "pool_max_conns", "pool_pre_ping", "pool_recycle", "pool_size", "pool_timeout", "read_timeout", "reconnect",
    "socket_timeout", "tcp_user_timeout", "waitForConnections", "write_timeout",
    # Texts are UTF-8 and times are UTC, whatever the app's connections have.
    "characterEncoding", "charset", "client_encoding", "collation", "encoding", "loc", "parseTime", "serverTimezone",
    "timezone", "useUnicode",
    # What concerns other drivers alone.
    "allowPublicKeyRetrieval", "async_fallback", "dateStrings", "fallback_application_name", "load_balance_hosts",
    "multipleStatements", "serverVersion", "sslcompression", "sslnegotiation", "sslsni", "supa",
    "supportBigNumbers", "uselibpqcompat", "workaround",
})  # fmt: skip
"""Parameters that say nothing which Keyturn's connections would do otherwise. The same security holds without them."""

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
    """Names a part of an address, and says what is wrong with it. A value is not repeated: it may be a secret."""


class _TlsOptions(msgspec.Struct, forbid_unknown_fields=True):
    """Holds mysql2's `ssl`, as PlanetScale shows it."""

    rejectUnauthorized: bool = True  # noqa: N815 - mysql2's name


def take_mode(said: dict[str, str]) -> str:
    """Take what is said of TLS out of `said`, and return libpq's mode for it: the strictest; "" where none is said."""
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
    """Raise NotUnderstood where the parameter is there and has another value."""
    if said.get(name, next(iter(words))) not in words:
        raise NotUnderstood(f"{name} must be one of {', '.join(words)}")


def take_files(said: dict[str, str], names: Mapping[str, Collection[str]]) -> TlsFiles:
    """Take the files of TLS out of `said`: of each part of `TlsFiles` the first of its names."""
    parts = {}
    for part, spellings in names.items():
        found = [said.pop(name) for name in spellings if name in said]
        if len(set(found)) > 1:
            raise NotUnderstood(f"{' and '.join(spellings)} contradict each other: leave one of them out")
        parts[part] = found[0] if found else ""
    return TlsFiles(**parts)


def read_tls(mode: str, files: TlsFiles, names: Mapping[str, Collection[str]]) -> ssl.SSLContext:
    """Return what `tls_of` does. Raises NotUnderstood, by the names of `take_files`, where a file cannot be read."""
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
    """Take a number of seconds out of `said`; None where it is not there, or says "without end" as libpq's 0 does."""
    try:
        seconds = float(said.pop(name, "0"))
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise NotUnderstood(f"{name} must be a number of seconds")
    return seconds if seconds > 0 else None


def host_and_port(text: str) -> tuple[str, int | None]:
    """Return a host, or the folder of a socket, and its port; None where none is said."""
    host, colon, port = text.rpartition(":")
    if not colon or text.startswith("/") or text.endswith("]") or (":" in host and not host.startswith("[")):
        return unquote(text.strip("[]")), None
    return unquote(host.strip("[]")), port_number(port) if port else None


def port_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text[:6]) in _PORTS):
        raise NotUnderstood("not a database address: a port must be a number from 1 to 65535")
    return int(text)


def require_known(said: Mapping[str, str], honoured: Collection[str], known: Collection[str] = ()) -> None:
    """Raise NotUnderstood where a parameter is left that is not `known`; it may be one of `honoured`, misspelt."""
    for name in said:
        if name not in known:
            meant = did_you_mean(name, [*honoured, *_MODE_NAMES]) or ": leave it out"
            raise NotUnderstood(_NOT_READ.get(name, f"{name} is not understood{meant}"))
