"""What stands after the ? of a database's address."""

import json
import ssl
from collections.abc import Iterable, Mapping

from keyturn.database.urls.tls import MODES, tls_of

OF_OTHER_CLIENTS = frozenset({
    "async_fallback", "channel_binding", "client_encoding", "conn_max_age", "connection_limit", "encoding",
    "fallback_application_name", "gssencmode", "keepalives", "keepalives_count", "keepalives_idle",
    "keepalives_interval", "pool", "pool_timeout", "serverVersion", "socket_timeout", "sslcompression", "supa",
    "tcp_user_timeout", "uselibpqcompat", "workaround",
})  # fmt: skip
"""What says nothing that a driver of ours would do otherwise: pools and patience are Keyturn's own."""

YES, NO = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})

_OTHER_WORDS = {
    "no-verify": "require", "preferred": "prefer", "required": "require", "disabled": "disable",
    "verify-identity": "verify-full",
}  # fmt: skip
"""node-postgres' and MySQL's words for libpq's modes."""


class NotUnderstood(Exception):
    """Names a parameter, and says what is wrong with it; its value is not repeated."""


def take_mode(said: dict[str, str]) -> str:
    """Take what is said of TLS out of `said`, and return libpq's mode for it; "" where nothing is."""
    modes = [_mode(name, said.pop(name)) for name in ("ssl", "useSSL", "sslaccept", "ssl_mode", "ssl-mode", "sslmode")
             if name in said]  # fmt: skip
    return modes[-1] if modes else ""


def _mode(name: str, value: str) -> str:
    word = value.lower().replace("_", "-")
    if name == "sslaccept":  # Prisma's
        return "verify-full" if word == "strict" else "require"
    if word.startswith("{"):  # mysql2's, as PlanetScale shows it
        return "require" if _json(name, value).get("rejectUnauthorized") is False else "verify-full"
    mode = "verify-full" if word in YES else "disable" if word in NO else _OTHER_WORDS.get(word, word)
    if mode not in MODES:
        raise NotUnderstood(f"{name} must be one of {', '.join(MODES)}")
    return mode


def _json(name: str, value: str) -> Mapping[str, object]:
    try:
        return dict(json.loads(value))
    except (TypeError, ValueError):
        raise NotUnderstood(f"{name} is no JSON object") from None


def take_tls(said: dict[str, str], mode: str, names: tuple[str, str, str], *, always: bool) -> str | ssl.SSLContext:
    """Take the files of TLS out of `said`, by their names, and return what the driver is given: see `tls_of`."""
    files = [said.pop(name, "") for name in names]
    try:
        return tls_of(mode, *files, always=always)
    except OSError as error:
        raise NotUnderstood(f"{' or '.join(names)} cannot be read: {error.strerror or error}") from None


def take_number(said: dict[str, str], name: str) -> float | None:
    """Take a number of seconds out of `said`; None where it is not there."""
    try:
        return float(said.pop(name)) if name in said else None
    except ValueError:
        raise NotUnderstood(f"{name} must be a number of seconds") from None


def require_known(said: Mapping[str, str], known: Iterable[str]) -> None:
    """Raise NotUnderstood where the driver would trip over what is left."""
    for name in said:
        if name not in known:
            raise NotUnderstood(f"{name} is not understood: leave it out")
