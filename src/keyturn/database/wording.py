"""A database's address and a driver's complaint, in words that a person can be shown."""

import os
import ssl
from pathlib import Path

from sqlalchemy import URL

_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB"}


def describe_url(url: URL) -> str:
    """Return the address without user and password."""
    backend = url.get_backend_name()
    if backend == "sqlite":
        return f"SQLite in {Path(url.database).absolute() if url.database else 'memory'}"
    host = url.host or "this machine"
    return f"{_NAMES.get(backend, backend)} on {host}{f':{url.port}' if url.port else ''}, database {url.database}"


def describe_error(error: BaseException) -> str:
    """Return what the driver said: the first cause that is not a wrapper."""
    while error.__cause__ and not isinstance(error, TimeoutError):
        error = error.__cause__
    if isinstance(error, TimeoutError) and not error.errno:
        return "it does not answer"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is refused: {error.verify_message or error}"
    if isinstance(error, ssl.SSLError):  # an OSError whose number is OpenSSL's
        return f"TLS fails: {(error.reason or str(error)).replace('_', ' ').lower()}"
    if isinstance(error, OSError) and error.errno:
        # Where a name is not found the number is getaddrinfo's own, below zero, with words of its own.
        return os.strerror(error.errno) if error.errno > 0 else str(error.strerror)
    return str(error).strip().partition("\n")[0] or type(error).__name__
