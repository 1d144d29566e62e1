"""What an operator does to a service, as the commands of `keyturn` do it."""

from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.database.migrations import migrate
from keyturn.service.outbox.history import hold, release
from keyturn.service.pages.assets import FrontendModule
from keyturn.service.parts import Parts
from keyturn.service.reset.records.messages import MAILS_ALONE


class Operator:
    """Runs commands beside a service, on its database."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._database = parts, parts.database

    async def hold_mails(self) -> int:
        """`keyturn outbox hold`: return how many mails are held."""
        return await hold(self._database, MAILS_ALONE, now())

    async def release_mails(self) -> tuple[int, int]:
        """`keyturn outbox release`: return how many mails wait again, and how many are too old."""
        return await release(self._database, now())

    def script_tag(self) -> str:
        """`keyturn doctor`: return the tag by which a page pins keyturn.js."""
        return FrontendModule(self._parts.themes.general).script_tag(self._parts.settings.base_url)


async def migrate_database(url: str) -> None:
    """`keyturn migrate` on a database that was never migrated."""
    database = Database(url)
    try:
        assert await migrate(database) is None
    finally:
        await database.close()
