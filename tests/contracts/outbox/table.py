"""The messages of these tests, and the outbox's table as it is."""

from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select, text

from keyturn.service.database import Database
from keyturn.service.outbox.message import Message
from keyturn.service.outbox.models import OutboxRow

SETTLED = text(
    "INSERT INTO keyturn_outbox (key, kind, payload, state, attempts, faults, available_at, created_at, settled_at) "
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 20000) "
    "SELECT CAST(n AS VARCHAR(32)), 'note', '{}', 'sent', 1, 0, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, "
    "CURRENT_TIMESTAMP FROM numbers"
)


class Note(msgspec.Struct, frozen=True):
    text: str


def text_of(message: Message) -> str:
    return msgspec.json.decode(message.payload, type=Note).text


class Rows:
    """The rows in the order of their messages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Row[Any]]:
        table = OutboxRow.__table__
        every = select(table).order_by(table.c.id)
        return list(await self._database.read(lambda connection: connection.execute(every).all()))

    async def only(self) -> Row[Any]:
        (row,) = await self.all()
        return row

    async def states(self) -> list[str]:
        return [row.state for row in await self.all()]


async def make_due(database: Database) -> None:
    await database.execute(text("UPDATE keyturn_outbox SET available_at = created_at"))


async def settle_others(database: Database) -> None:
    """Write many messages that were sent and erased, as in a busy installation."""

    def write(connection: Connection) -> None:
        connection.execute(SETTLED)
        if not database.is_sqlite:  # whose autovacuum does it in a running installation
            connection.execute(text("ANALYZE"))

    await database.transact(write)
