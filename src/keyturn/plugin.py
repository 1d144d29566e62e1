"""Keyturn mounted into a Litestar app."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from litestar import Litestar
from litestar.config.app import AppConfig
from litestar.plugins import InitPlugin

from keyturn.keys import derive
from keyturn.migrating import require_current
from keyturn.pages import Site, pages_router
from keyturn.parts import Parts
from keyturn.reset.api import api_router
from keyturn.reset.mounting import MountedOnce
from keyturn.settings import hosted_path


class KeyturnPlugin(InitPlugin):
    """Adds the routes, and a lifespan that starts the worker and closes what was opened."""

    def __init__(self, parts: Parts, *, worker: bool = True) -> None:
        self._parts = parts
        self._worker = worker

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        parts = self._parts
        routers = [
            api_router(parts.api, parts.settings.origin, parts.settings.server.max_body, parts.paths.api),
            pages_router(site_of(parts)),
        ]
        app_config.route_handlers.append(
            MountedOnce("/", route_handlers=routers, middleware=parts.tracing.request_notes())
        )
        app_config.lifespan.append(self._lifespan)
        return app_config

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Litestar) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._parts.close)
            await require_current(self._parts.database)
            await self._parts.accounts.require_ready()
            if self._worker:
                relay = asyncio.create_task(self._parts.work())
                stack.push_async_callback(_stop, relay)
            yield


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def site_of(parts: Parts) -> Site:
    """Return what the hosted pages need of the parts."""
    settings = parts.settings
    return Site(
        resets=parts.resets,
        sign_ins=parts.sign_ins,
        policy=parts.policy,
        languages=parts.languages,
        brand=settings.brand,
        palette=parts.appearance.palette,
        session_cookie=parts.session_cookie,
        csrf_secret=derive(parts.secrets[0], "forms").hex(),
        secure=settings.secure,
        token_ttl=settings.token.ttl,
        cooldown=settings.limits.mailbox_cooldown,
        paths=parts.paths,
        kinds=parts.kinds,
        sign_in_url="" if hosted_path(settings.sign_in_url) and parts.sign_ins else parts.addresses.sign_in(),
        forgot_url="" if hosted_path(settings.forgot_url) else parts.addresses.forgot(),
        prefix=urlsplit(settings.base_url).path.rstrip("/"),
    )
