"""Which of a database's faults mean that it cannot be reached now, and may be later."""

from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from keyturn.database.wording import describe_error
from keyturn.errors import DatabaseUnready

_UNREACHABLE = ("08", "28", "3D", "53", "57")
"""Classes of SQLSTATE (PostgreSQL's manual, appendix A): no connection, no authorization, no such database, no
resources, and an operator's hand, which is also what a server says while it starts or stops."""


class unready_where_unreachable:  # noqa: N801 - reads as the words of a `with` statement
    """Turn "cannot connect" and "connection lost" into DatabaseUnready; leave every other error as it is."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        unreachable = (OperationalError, InterfaceError, PoolExhausted, OSError, TimeoutError)
        if isinstance(error, unreachable) or (isinstance(error, DBAPIError) and _is_lost(error)):
            reason = describe_error(error)
            raise DatabaseUnready(f"the database cannot be reached, or has not been migrated: {reason}") from error


def is_refusal(error: DBAPIError) -> bool:
    """Tell whether a database refused a statement, not that there was no connection or that it was lost."""
    return error.statement is not None and not error.connection_invalidated


def _is_lost(error: DBAPIError) -> bool:
    no_database = type(error) is DatabaseError  # SQLite's word for a file that is none, or is damaged
    state = str(getattr(error.orig, "sqlstate", ""))
    return error.connection_invalidated or no_database or state.startswith(_UNREACHABLE)
