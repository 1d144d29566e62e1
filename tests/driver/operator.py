"""What an operator does to a service, as the commands of `keyturn` do it."""

from keyturn.clock import now
from keyturn.database import Database
from keyturn.database.migrations import migrate
from keyturn.outbox.history import hold, release
from keyturn.reset.records.messages import MAILS_ALONE


class Operator:
    """Runs commands beside a service, on its database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def hold_mails(self) -> int:
        """`keyturn outbox hold`: return how many mails are held."""
        return await hold(self._database, MAILS_ALONE, now())

    async def release_mails(self) -> tuple[int, int]:
        """`keyturn outbox release`: return how many mails wait again, and how many are too old."""
        return await release(self._database, now())


async def migrate_database(url: str) -> None:
    """`keyturn migrate` on a database that was never migrated."""
    database = Database(url)
    try:
        assert await migrate(database) is None
    finally:
        await database.close()
