"""Keyturn mounted into a Litestar app."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from litestar import Litestar
from litestar.config.app import AppConfig
from litestar.plugins import InitPlugin

from keyturn.migrating import require_current
from keyturn.parts import Parts
from keyturn.reset.api import api_router


class KeyturnPlugin(InitPlugin):
    """Adds the routes, and a lifespan that starts the worker and closes what was opened."""

    def __init__(self, parts: Parts, *, worker: bool = True) -> None:
        self._parts = parts
        self._worker = worker

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        parts = self._parts
        app_config.route_handlers.append(api_router(parts.api, parts.settings.origin, parts.settings.server.max_body))
        app_config.lifespan.append(self._lifespan)
        return app_config

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Litestar) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._parts.close)
            await require_current(self._parts.database)
            if self._worker:
                relay = asyncio.create_task(self._parts.relay().run())
                stack.push_async_callback(_stop, relay)
            yield


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
