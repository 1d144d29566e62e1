"""Waiting for SQLite's file where SQLite itself does not wait, or in steps that are too long."""

import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import OperationalError

_Result = TypeVar("_Result")

_STEP = 0.0005
"""Seconds between two tries."""

_PRIMARY = 0xFF
"""The bits of a result code that say what it is; those above say why (https://sqlite.org/rescode.html)."""


def try_until_free(attempt: Callable[[], _Result], patience: float) -> _Result:
    """Return what `attempt` does once no other connection is in its way; raise what it does `patience` seconds on."""
    ends = time.monotonic() + patience
    while True:
        try:
            return attempt()
        except (OperationalError, sqlite3.OperationalError) as error:
            if not _is_busy(error) or time.monotonic() > ends:
                raise
        time.sleep(_STEP)


def _is_busy(error: OperationalError | sqlite3.OperationalError) -> bool:
    said = error.orig if isinstance(error, OperationalError) else error
    return getattr(said, "sqlite_errorcode", 0) & _PRIMARY == sqlite3.SQLITE_BUSY
