"""Sorts a database's errors, and finds those that may pass, such as a server that is down."""

import os
import sqlite3
import ssl
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from sqlalchemy import URL
from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolExhausted

from keyturn.service.problems.requests import DatabaseUnready

_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB"}


def describe_url(url: URL) -> str:
    """Return the address without user and password."""
    backend = url.get_backend_name()
    if backend == "sqlite" and not url.database:
        return "SQLite in memory"
    if backend == "sqlite":
        return f"SQLite in {Path(str(url.database)).absolute()}"
    host = url.host or "this machine"
    if url.port:
        host += f":{url.port}"
    return f"{_NAMES.get(backend, backend)} on {host}, database {url.database}"


def first_cause(error: BaseException) -> BaseException:
    while error.__cause__ and not isinstance(error, TimeoutError):
        error = error.__cause__
    return error


def describe_error(error: BaseException) -> str:
    error = first_cause(error)
    if isinstance(error, TimeoutError) and not error.errno:
        return "it does not answer"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is refused: {error.verify_message or error}"
    if isinstance(error, ssl.SSLError):  # an OSError whose errno is a number of OpenSSL
        return f"TLS fails: {(error.reason or str(error)).replace('_', ' ').lower()}"
    if isinstance(error, OSError) and error.errno:
        # If a name cannot be resolved, errno is a negative number of getaddrinfo, which has its own
        # messages.
        if error.errno < 0:
            return str(error.strerror)
        return os.strerror(error.errno)
    return str(error).strip().partition("\n")[0] or type(error).__name__


_UNREACHABLE = ("08", "28", "3D", "53", "57")
"""Classes of SQLSTATE (PostgreSQL's manual, appendix A): no connection, no authorization, no such
database, no resources, and operator intervention, which includes a server that starts or stops.
"""

_ROLLED_BACK = {"40001", "40P01", 1205, 1213}
"""A conflict of transactions and a deadlock, as PostgreSQL's SQLSTATE and as MySQL's own numbers
(its server error reference): the database has undone this transaction, and a retry works. Not
40003, where the outcome is unknown.
"""

_READ_ONLY = {"25006", 1290, 1792, 1836}
"""The codes of a server that takes no writes: a standby, a former primary, or a server that an
operator has made read-only.
"""

_NOT_MIGRATED = {"42P01", "42703"}
"""PostgreSQL's codes for a missing table and a missing column. SQLite has only messages."""

_NO_SUCH = ("no such table", "no such column")


@contextmanager
def unready_where_unreachable(place: str) -> Iterator[None]:
    """Raise DatabaseUnready in place of an error that may pass.

    `place`: the database in words (`describe_url`).
    """
    try:
        yield
    except Exception as error:
        trouble = _trouble(error)
        if not trouble:
            raise
        # If the disk is full, SQLite's commit is undone: the last page, which marks a commit, was
        # not written.
        code = getattr(getattr(error, "orig", None), "sqlite_errorcode", 0)
        not_changed = trouble == _UNDONE or code == sqlite3.SQLITE_FULL
        reason = f"the database {trouble}: {place}: {describe_error(error)}"
        raise DatabaseUnready(reason, not_changed=not_changed) from error


_UNDONE = "has undone the transaction"

_AWAY = (OperationalError, InterfaceError, InternalError, PoolExhausted, OSError, TimeoutError)
"""Errors of a server that is down, refuses connections or does not answer, or of a locked file."""


def _trouble(error: Exception) -> str:
    """Return what is wrong with the database, in words; "" if the error does not pass."""
    codes = _codes(first_cause(error))
    if isinstance(error, DBAPIError) and is_rolled_back(error):
        return _UNDONE
    if codes & _READ_ONLY:
        return "takes no writes"
    if codes & _NOT_MIGRATED or describe_error(error).startswith(_NO_SUCH):
        return "has not been migrated"
    if isinstance(error, _AWAY) or _is_connection_lost(error, codes):
        return "cannot be reached"
    return ""


def _is_connection_lost(error: Exception, codes: Collection[str | int]) -> bool:
    if any(str(code).startswith(_UNREACHABLE) for code in codes):
        return True
    if getattr(error, "connection_invalidated", False):
        return True
    if type(error) is DatabaseError:  # SQLite's for a file that is damaged, or not a database
        return True
    # While it connects, SQLAlchemy 2.0 lets the driver's own errors through.
    return type(error).__module__.startswith("asyncpg")


def is_refusal(error: DBAPIError) -> bool:
    """Tell whether a database refused a statement for its content.

    False for a lost connection, and for a conflict with another transaction.
    """
    if error.statement is None or error.connection_invalidated:
        return False
    return not is_rolled_back(error)


_OF_A_VALUE = {"22P05", "22021", 1267, 1270, 1366, 3854, 3988}
"""A text that the database or a column cannot hold, or compare with its own: PostgreSQL's
"untranslatable character" and "character not in repertoire", and MySQL's "illegal mix of
collations", "incorrect string value" and "cannot convert string".
"""


def is_about_a_value(error: DBAPIError) -> bool:
    """Tell whether a database cannot even compare a value of the statement.

    No row has such a value, and the database answers statements without it.
    """
    return bool(_codes(error) & _OF_A_VALUE)


_BY_A_RULE = {"P0001", "45000", 1644, 3819, 4025}
"""A trigger's own refusal (RAISE of PostgreSQL, SIGNAL of MySQL and MariaDB), and a broken CHECK of
MySQL and of MariaDB.
"""


def is_by_a_rule(error: DBAPIError) -> bool:
    """Tell whether a constraint or a trigger refuses a statement, and would refuse a retry.

    SQLite reports RAISE in a trigger as a broken constraint.
    """
    return isinstance(error, IntegrityError) or bool(_codes(error) & _BY_A_RULE)


def is_rolled_back(error: DBAPIError) -> bool:
    """Tell whether the database has certainly undone the transaction: a conflict, or a constraint
    at the commit.
    """
    is_at_commit = error.statement is None  # SQLAlchemy names no statement for a commit
    if is_at_commit and isinstance(error, IntegrityError):
        return True
    return bool(_codes(error) & _ROLLED_BACK)


_NO_LOGIN = {"28000", "28P01", 1045, 1698}
_NO_DATABASE = {"3D000", 1049}
"""PostgreSQL's and MySQL's codes for a refused user or password, and for a database that does not
exist.
"""


def refused_part(error: BaseException) -> Literal["login", "name", ""]:
    """Return which part of the URL a database server refuses.

    "login": the user or the password. "name": the database's name. "": neither.
    """
    codes = _codes(first_cause(error))
    if codes & _NO_LOGIN:
        return "login"
    if codes & _NO_DATABASE:
        return "name"
    return ""


def is_read_only(error: BaseException) -> bool:
    return bool(_codes(error) & _READ_ONLY)


def _codes(error: BaseException) -> set[str | int]:
    """Return the SQLSTATE, and MySQL's own number, since MySQL's SQLSTATE is often only HY000."""
    cause = error
    if isinstance(error, DBAPIError) and error.orig:
        cause = error.orig
    codes: set[str | int] = set()
    sqlstate = getattr(cause, "sqlstate", None)
    if sqlstate:
        codes.add(str(sqlstate))
    if cause.args and isinstance(cause.args[0], int):
        codes.add(cause.args[0])
    return codes
