"""Whether the process lives, and whether it can do its work."""

from litestar import Controller, get
from litestar.di import NamedDependency

from keyturn.database import Database
from keyturn.migrating import require_current
from keyturn.reset.wire import Health


class HealthController(Controller):
    path = "/health"
    tags = ("Health",)

    @get("/live", summary="The process answers")
    async def live(self) -> Health:
        return Health()

    @get("/ready", summary="The database answers and is migrated")
    async def ready(self, database: NamedDependency[Database]) -> Health:
        await require_current(database)
        return Health()
