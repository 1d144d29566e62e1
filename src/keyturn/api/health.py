"""Whether the process lives, and whether it can do its work."""

from collections.abc import Awaitable, Callable

from litestar import Router, get

from keyturn.api.mounting import MountedOnce
from keyturn.api.problems import problem_responses
from keyturn.api.schemas import Health


def health_router(require_ready: Callable[[], Awaitable[None]]) -> Router:
    """Return what whoever watches the process asks: a load balancer, an orchestrator.

    `require_ready` raises where the process cannot do its work.
    """

    @get("/live", summary="The process answers", operation_id="checkLiveness")
    async def live() -> Health:
        return Health(status="ok")

    @get(
        "/ready",
        summary="The process can do its work: its database, the accounts and its worker answer",
        operation_id="checkReadiness",
        responses=problem_responses(has_body=False),
    )
    async def ready() -> Health:
        await require_ready()
        return Health(status="ok")

    return MountedOnce("/health", route_handlers=[live, ready], tags=["Health"], security=[{}])
