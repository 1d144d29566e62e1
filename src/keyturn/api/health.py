"""Whether the process lives, and whether it can do its work."""

from litestar import Controller, get
from litestar.di import NamedDependency

from keyturn.api.requests import ResetApi
from keyturn.api.schemas import Health
from keyturn.database.migrations import require_current


class HealthController(Controller):
    """Answers whoever watches the process: a load balancer, an orchestrator."""

    path = "/health"
    tags = ("Health",)

    @get("/live", summary="The process answers")
    async def live(self) -> Health:
        return Health()

    @get("/ready", summary="The database answers and is migrated")
    async def ready(self, api: NamedDependency[ResetApi]) -> Health:
        await require_current(api.database)
        return Health()
