"""Keyturn mounted into a Litestar app."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import cast
from urllib.parse import urlsplit

from litestar import Litestar, Router, route
from litestar.config.app import AppConfig
from litestar.handlers import HTTPRouteHandler
from litestar.plugins import InitPlugin
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Method, Middleware, Receive, Scope, Send

from keyturn.errors import Fault, SettingsInvalid
from keyturn.mail.port.email import Sender
from keyturn.service.container import Container
from keyturn.service.keyturn_app import KeyturnApp
from keyturn.service.pages.rendering import Pages
from keyturn.service.routes import api_router, pages_router
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import hosted_path, page_urls, without_secure_account_page
from keyturn.service.settings.reading import require_valid


class KeyturnPlugin(InitPlugin):
    """Adds Keyturn's routes to an app, and a lifespan that runs the worker and closes all
    resources.

    The app's middleware applies to these routes, but its guards and exception handlers do not
    (`_answered_by`). The database and the accounts are checked when the app starts, which raises
    SettingsInvalid, DatabaseUnready or AccountsUnready.

    `worker`: whether the app runs the worker, as `server.worker` says; otherwise run
    `keyturn worker`.
    `pages`: False leaves the hosted pages out. Mails then link to no hosted page that the settings
    do not name.
    `path`: the path of all routes in this app, by default that of `base_url`. Set it to "" behind a
    proxy that removes the path.
    `sender`: replaces `mail.transport` in tests. The worker then runs in this process.

    Raises SettingsInvalid.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        worker: bool = True,
        pages: bool = True,
        path: str | None = None,
        sender: Sender | None = None,
    ) -> None:
        settings = require_valid(settings, sending=sender is None)
        if not pages:
            settings = without_secure_account_page(settings)
            _require_own_pages(settings)
        self.container = Container(settings, sender=sender)
        self._runs_worker = worker
        self._pages = pages
        self._path = path

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        path = self._path_below(app_config.path) or "/"
        routers = [api_router(self.container)]
        if self._pages:
            routers.append(pages_router(Pages(self.container)))
        keyturn = KeyturnApp(
            self.container,
            worker=self._runs_worker,
            route_handlers=[Router(path, route_handlers=routers)],
            path=app_config.path,
            allowed_hosts=app_config.allowed_hosts,
            compression_config=app_config.compression_config,
            openapi_config=None,
        )
        places = Router(
            "/",
            route_handlers=list(_places_of(keyturn)),
            middleware=[_answered_by(keyturn)],
            opt={"exclude_from_auth": True},
        )
        app_config.route_handlers.append(places)
        app_config.plugins.append(_LifespanLast(lambda _: keyturn.lifespan()))
        return app_config

    def _path_below(self, app_path: str) -> str:
        """Return the path of the routes within an app that has this path itself.

        Raises SettingsInvalid.
        """
        if self._path is not None:
            return self._path
        above = app_path.rstrip("/")
        path = urlsplit(self.container.settings.base_url).path
        if path != above and not path.startswith(f"{above}/"):
            reason = (
                f"is not below {above}, the path of the app: add that path, or set path= if a "
                "proxy removes it"
            )
            raise SettingsInvalid.of("base_url", reason)
        return path.removeprefix(above)


def _places_of(keyturn: Litestar) -> Iterator[HTTPRouteHandler]:
    """Yield a route of the app for each of Keyturn's, so that the app's router finds them.

    The handlers have no names, since those of Keyturn's own handlers could clash with the app's.
    """

    async def answered_elsewhere() -> None: ...

    above = keyturn.path.rstrip("/")
    for place in keyturn.routes:
        if isinstance(place, HTTPRoute):
            path = place.path.removeprefix(above).replace("{", "{keyturn_")
            methods: list[Method] = []
            for handler in place.route_handlers:
                methods += handler.http_methods
            yield route(path, http_method=methods, include_in_schema=False)(answered_elsewhere)


def _answered_by(keyturn: ASGIApp) -> Middleware:
    """Return middleware that lets Keyturn's own application answer (`api/__init__.py`)."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        # The app's router has removed the root path.
        await keyturn(cast("Scope", {**scope, "root_path": ""}), receive, send)

    return lambda app: answer  # noqa: ARG005 - Litestar names it


class _LifespanLast(InitPlugin):
    """Adds a lifespan after those of all other plugins.

    It starts when the app's tables exist, and ends before the app's pool is closed.
    """

    def __init__(self, lifespan: Callable[[Litestar], AbstractAsyncContextManager[None]]) -> None:
        self._lifespan = lifespan

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        later = app_config.plugins[app_config.plugins.index(self) + 1 :]
        if all(isinstance(plugin, _LifespanLast) for plugin in later):
            app_config.lifespan.append(self._lifespan)
        else:
            app_config.plugins.append(_LifespanLast(self._lifespan))
        return app_config


def _require_own_pages(settings: Settings) -> None:
    """Raise SettingsInvalid for settings that name a hosted page: without pages, mails would link
    to nothing.
    """
    off = "is the path of a hosted page, which pages=False turns off: set it to a page of the app"
    hosted = [name for name, url in page_urls(settings).items() if hosted_path(url) is not None]
    faults = [Fault(name, off) for name in hosted]
    if faults:
        raise SettingsInvalid(faults)
