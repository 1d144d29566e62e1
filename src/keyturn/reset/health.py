"""Whether the process lives, and whether it can do its work."""

from litestar import Controller, get
from litestar.di import NamedDependency

from keyturn.migrating import require_current
from keyturn.reset.http import ResetApi
from keyturn.reset.wire import Health


class HealthController(Controller):
    path = "/health"
    tags = ("Health",)

    @get("/live", summary="The process answers")
    async def live(self) -> Health:
        return Health()

    @get("/ready", summary="The database answers and is migrated")
    async def ready(self, api: NamedDependency[ResetApi]) -> Health:
        await require_current(api.database)
        return Health()
