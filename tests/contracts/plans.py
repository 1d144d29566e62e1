"""The query plans of statements."""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import Connection, Engine, event

from keyturn.service.database import Database


async def plans_of(database: Database, work: Callable[[], Awaitable[object]]) -> dict[str, str]:
    """Await the work, and return the plan of each statement that it executed."""
    executed: dict[str, Any] = {}

    def note(
        _connection: Any,
        _cursor: Any,
        statement: str,
        parameters: Any,
        _context: Any,
        is_many: bool,
    ) -> None:
        executed[statement] = parameters[0] if is_many else parameters

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await work()
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"

    def explain_each(connection: Connection) -> dict[str, str]:
        return {
            statement: str(connection.exec_driver_sql(f"{explain} {statement}", parameters).all())
            for statement, parameters in executed.items()
            if not statement.startswith("BEGIN")
        }

    return await database.read(explain_each)
