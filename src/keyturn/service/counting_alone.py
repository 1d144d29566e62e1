"""Ensures that only one process counts limits in its own memory: a second one for the same SQLite file is refused."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from keyturn.errors import SettingsInvalid
from keyturn.service.database import Database


@contextmanager
def counting_alone(database: Database, *, in_memory: bool) -> Iterator[None]:
    """Hold the lock of the one process that answers for this SQLite file and counts in memory.

    PostgreSQL counts for all processes. With `limits.in_memory`, there is no lock either.
    Raises SettingsInvalid if another process has the lock.
    """
    file = database.url.database or ""
    if in_memory or not database.is_sqlite or file in {"", ":memory:"}:
        yield
        return
    # A separate file: closing any descriptor of the database file would release SQLite's own locks
    # (https://sqlite.org/howtocorrupt.html, 2.2).
    descriptor = os.open(f"{file}-limits", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        message = (
            "another process serves this database, and each would count in its own memory: keep the data in "
            "PostgreSQL, which counts for both, or set it to true to give each process limits of its own"
        )
        raise SettingsInvalid.of("limits.in_memory", message) from None
    try:
        yield
    finally:
        os.close(descriptor)
