"""Has a database plan a statement that is not run, so that a missing privilege is a fault at the start.

Names, values and privileges are checked. PostgreSQL begins as with the statement itself, and stops before the first
row; MariaDB and MySQL check its privileges (https://dev.mysql.com/doc/refman/8.4/en/explain.html); SQLite compiles it.
No trigger fires, not even one for a statement that changes no row.
"""

from typing import Any

from sqlalchemy import Connection, Executable, event
from sqlalchemy.exc import DBAPIError

_NO_EXPLAIN_FOR_VIEW = 1345
"""MySQL's number for a plan that it does not show: that of a view whose tables the user may not see."""


def refusal(connection: Connection, statement: Executable) -> str:
    """Return why the database refuses a statement; "" if it does not.

    After a refusal, the connection's transaction is over.
    """
    event.listen(connection, "before_cursor_execute", _explain, retval=True)
    try:
        connection.execute(statement)
    except DBAPIError as error:
        if error.connection_invalidated or "locked" in str(error.orig):
            raise
        connection.rollback()
        is_hidden = error.orig and error.orig.args[:1] == (_NO_EXPLAIN_FOR_VIEW,)
        return "" if is_hidden else f"refused: {error.orig}"
    finally:
        event.remove(connection, "before_cursor_execute", _explain)
    return ""


def _explain(_: Any, cursor: Any, statement: str, parameters: Any, *context: Any) -> tuple[str, Any]:
    del cursor, context
    return f"EXPLAIN {statement}", parameters
