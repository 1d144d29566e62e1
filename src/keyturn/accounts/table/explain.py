"""Whether a database would take a statement, without having it run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError

_NO_EXPLAIN_FOR_VIEW = 1345


@contextmanager
def explaining_only(connection: Connection) -> Iterator[None]:
    """Make EXPLAIN of all that is executed on this connection within.

    Names are looked up, values fitted and privileges checked: PostgreSQL begins as with the statement itself, and stops
    before the first row; MariaDB and MySQL ask for its privileges (https://dev.mysql.com/doc/refman/8.4/en/explain.html);
    SQLite compiles it. No trigger fires, not even one for a statement that changes no row.
    """
    event.listen(connection, "before_cursor_execute", _explain, retval=True)
    try:
        yield
    finally:
        event.remove(connection, "before_cursor_execute", _explain)


def is_hidden_view(error: DBAPIError) -> bool:
    """Tell whether MySQL shows no plan, since it is of a view whose tables the user may not see."""
    return bool(error.orig and error.orig.args[:1] == (_NO_EXPLAIN_FOR_VIEW,))


def _explain(_: Any, cursor: Any, statement: str, parameters: Any, *context: Any) -> tuple[str, Any]:
    del cursor, context
    return f"EXPLAIN {statement}", parameters
