"""The routes for health and metrics."""

import asyncio
import hmac
import logging
from collections.abc import Mapping
from contextlib import suppress

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException

from keyturn.service.api.openapi import ANYONE
from keyturn.service.api.problem_schemas import problem_responses
from keyturn.service.api.requests import AnyRequest, bearer_of
from keyturn.service.api.schemas import Health
from keyturn.service.container import Container
from keyturn.service.database import Database
from keyturn.service.outbox.overview import backlog_of
from keyturn.service.problems.requests import DatabaseUnready, Unavailable
from keyturn.service.settings.paths import FixedRoute
from keyturn.service.telemetry.logs import LogEvent


class HealthController(Controller):
    """Checks for load balancers and orchestrators."""

    path = FixedRoute.HEALTH
    tags = ("Health",)
    security = ANYONE

    @get("/live", summary="Check that the process answers")
    async def check_liveness(self) -> Health:
        return Health(status="ok")

    @get(
        "/ready",
        summary="Check that the database, the accounts and the worker are ready",
        responses=problem_responses(has_body=False),
    )
    async def check_readiness(self, container: NamedDependency[Container]) -> Health:
        await container.require_ready()
        return Health(status="ok")


log = logging.getLogger("keyturn.metrics")

_TEXT = "text/plain; version=0.0.4"
"""The text format, to which Litestar adds the character set
(https://prometheus.io/docs/instrumenting/exposition_formats/)."""

_PATIENCE = 5
"""Seconds for each question of a scrape. Prometheus gives up after ten, and would then have no
metric at all.
"""


@get(FixedRoute.METRICS, include_in_schema=False)
async def read_metrics(
    request: AnyRequest, container: NamedDependency[Container]
) -> Response[bytes]:
    """Answer a client that sends `metrics.token`; all others get 404 (OWASP ASVS 13.4.5).

    The metric `keyturn_ready` makes the checks of /health/ready.
    """
    token = container.settings.metrics.token
    # In constant time: the time of a comparison must not tell how many characters are right
    # (CWE-208).
    if not token or not hmac.compare_digest(bearer_of(request).encode(), token.encode()):
        raise NotFoundException
    ready, backlog = await asyncio.gather(_is_ready(container), _backlog(container.database))
    return Response(
        container.meters.exposition(ready=ready, **backlog),
        media_type=_TEXT,
        headers={"Cache-Control": "no-store"},
    )


async def _is_ready(container: Container) -> bool:
    with suppress(Unavailable, TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            await container.require_ready()
            return True
    return False


async def _backlog(database: Database) -> Mapping[str, float]:
    """Return the figures of the outbox, or none if the database does not answer.

    The other metrics must still be served then: an outage is when they matter most.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            return await backlog_of(database)
    except (DatabaseUnready, TimeoutError) as error:
        log.warning(LogEvent("metrics.backlog_unknown", reason=error))
        return {}
