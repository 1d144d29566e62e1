"""Keyturn mounted into a Litestar app."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import msgspec
from litestar import Litestar, Router, route
from litestar.config.app import AppConfig
from litestar.handlers import HTTPRouteHandler
from litestar.plugins import InitPlugin
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Middleware, Receive, Scope, Send
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from keyturn.errors import Fault, SettingsInvalid
from keyturn.mail.port.email import Sender
from keyturn.packaging import requires_extra
from keyturn.service.accounts.port import AccountStore
from keyturn.service.accounts.store_factory import is_async
from keyturn.service.api.json_routes import with_security_schemes
from keyturn.service.database import Database
from keyturn.service.keyturn_app import KeyturnApp, Lifetime
from keyturn.service.pages.rendering import Pages
from keyturn.service.parts import FromApp, Parts
from keyturn.service.reset import events
from keyturn.service.reset.events import EVENTS, BeforeReset, Callback
from keyturn.service.rooms import PAGE, api_router, pages_router
from keyturn.service.settings import AccountSettings, DatabaseSettings, Secret, Settings
from keyturn.service.settings.database_urls import read_url
from keyturn.service.settings.paths import hosted_path, page_urls, without_default_pages
from keyturn.service.settings.reading import require_valid

if TYPE_CHECKING:
    from advanced_alchemy.config import SQLAlchemyAsyncConfig


_HOW_TO_CONNECT = ("connect_args", "module", "plugins", "pool")
"""Options of an engine that decide how it reaches its server, and are in no address."""

_INSTEAD = "remove alchemy=, and set database.url to a PostgreSQL or SQLite database for Keyturn"


def share_database(settings: Settings, alchemy: "SQLAlchemyAsyncConfig") -> tuple[Settings, Database]:
    """Return the app's database as Keyturn's, and the settings with its address.

    On PostgreSQL that is the app's engine and pool. On SQLite only the file is shared: Keyturn's connections use
    write-ahead logging, full synchronisation and one writer, which should not be imposed on the app's. Raises
    SettingsInvalid if Keyturn's tables cannot be there, or if the settings name a database, too.
    """
    if settings.database.url != DatabaseSettings().url:
        raise SettingsInvalid.of(
            "database.url",
            "is set, but alchemy= gives the plugin the app's database: remove [database] from keyturn.toml,"
            " or remove alchemy=",
        )
    url = make_url(alchemy.connection_string) if alchemy.connection_string else alchemy.get_engine().url
    address = Secret(url.render_as_string(hide_password=False))
    settings = msgspec.structs.replace(settings, database=msgspec.structs.replace(settings.database, url=address))
    match url.get_backend_name(), url.get_driver_name():
        case "sqlite", _:
            if not read_url(settings.database.url, "alchemy").url.database:
                reason = f"a database in memory exists only for one connection: use a file, or {_INSTEAD}"
                raise SettingsInvalid.of("alchemy", reason)
            return settings, Database(settings.database.url)
        case "postgresql", "asyncpg":
            with requires_extra("postgres", "postgresql+asyncpg", "alchemy"):
                engine = alchemy.get_engine()
            return settings, Database(engine, timeout=settings.database.timeout)
        case "postgresql", driver:
            reason = f"its driver is {driver}, but Keyturn needs postgresql+asyncpg: {_INSTEAD}"
            raise SettingsInvalid.of("alchemy", reason)
        case name, _:
            raise SettingsInvalid.of("alchemy", f"Keyturn's own tables cannot be in {name}: {_INSTEAD}")


def tied_to_its_process(settings: Settings, alchemy: "SQLAlchemyAsyncConfig") -> str:
    """Return what prevents another process from opening the app's database as the app does, or "" if nothing does.

    `settings`: as returned by `share_database`. SQLite is opened by its file in every process.
    """
    if make_url(settings.database.url).get_backend_name() == "sqlite":
        return ""
    if alchemy.connection_string is None or alchemy.create_engine_callable is not create_async_engine:
        return "is an engine that the app builds itself"
    if given := [name for name in _HOW_TO_CONNECT if alchemy.engine_config_dict.get(name)]:
        return f"has {given[0]} in its engine_config, which an address cannot contain"
    try:
        read_url(settings.database.url, "alchemy")
    except SettingsInvalid as error:
        return f"has an address that Keyturn's own connections cannot use ({error.faults[0].message})"
    return ""


_EVENTS = {f"on_{event.replace('.', '_')}": event for event in EVENTS}

_CHOICES = (
    'the worker is a process of its own (server.worker = "child"), which cannot have it: say worker=False and run '
    '`litestar keyturn worker`, or set server.worker = "inside", where the time of the app\'s answers tells strangers '
    "who has an account, since a mail is prepared in between"
)


@dataclass(kw_only=True)
class KeyturnConfig:
    """An app's configuration of its Keyturn.

    `alchemy`: the app's own configuration of its database, which then holds Keyturn's tables, too.
    `accounts`: a store of the app's, instead of the one that the settings name.
    `worker`: whether the app sends the mails, as `server.worker` says; `litestar keyturn worker` is the alternative.
    `pages`: without them there is only the API, and no mail links to a hosted page that the settings do not name.
    `path`: path of all routes in this app; by default that of `base_url`, and "" behind a proxy that strips it.
    `sender`: replaces `mail.transport` in tests, whose worker runs in this process.
    `on_...`: async functions that are told, at least once, by the process that sends the mails.
    `before_reset`: an async function that is asked before a link is used up, and may refuse with a sentence.
    """

    settings: Settings = field(kw_only=False)
    alchemy: "SQLAlchemyAsyncConfig | None" = None
    accounts: AccountStore | None = None
    worker: bool = True
    pages: bool = True
    path: str | None = None
    sender: Sender | None = None
    on_password_changed: Callback[events.PasswordChanged] | None = None
    on_password_reset_requested: Callback[events.PasswordResetRequested] | None = None
    on_account_secured: Callback[events.AccountSecured] | None = None
    on_second_step_failed: Callback[events.SecondStepFailed] | None = None
    before_reset: BeforeReset | None = None


class KeyturnPlugin(InitPlugin):
    """Adds the routes, and a lifespan that starts the worker and closes its resources.

    The app's settings for its own routes do not apply to these, but its middleware does (`_answered_by`). Raises
    SettingsInvalid. The database is checked when the app starts, which raises SettingsInvalid or DatabaseUnready.
    """

    command = "litestar keyturn"

    def __init__(self, config: KeyturnConfig) -> None:
        settings = require_valid(_with_accounts(config.settings, config.accounts), sending=config.sender is None)
        if not config.pages:
            settings = without_default_pages(settings)
            _require_own_pages(settings)
        callbacks, database = _callbacks(config), None
        if config.alchemy:
            settings, database = share_database(settings, config.alchemy)
        self.shares_database = database is not None
        app = FromApp(
            database=database, accounts=config.accounts, callbacks=callbacks, before_reset=config.before_reset
        )
        self.parts = Parts(settings, app=app, sender=config.sender)
        self._lifetime = Lifetime(self.parts, worker=config.worker, command=self.command)
        if self._lifetime.worker == "child":
            _require_what_a_child_can_have(config, self.parts)
        self._config = config

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        path, api = self._path_below(app_config.path) or "/", api_router(self.parts)
        pages = [pages_router(Pages(self.parts))] if self._config.pages else []
        keyturn = KeyturnApp(
            self.parts,
            self._lifetime,
            route_handlers=[Router(path, route_handlers=[api, *pages])],
            path=app_config.path,
            allowed_hosts=app_config.allowed_hosts,
            compression_config=app_config.compression_config,
            openapi_config=None,
        )
        app_config.route_handlers.append(
            Router(
                "/",
                route_handlers=[Router(path, route_handlers=[api]), *_places_of_pages(keyturn)],
                middleware=[_answered_by(keyturn)],
                opt={"exclude_from_auth": True},
                # None of the app's own, and none that its plugins would find for a type.
                dto=None,
                return_dto=None,
            )
        )
        if app_config.openapi_config:
            app_config.openapi_config = with_security_schemes(app_config.openapi_config, self.parts)
        app_config.plugins.append(_LifespanLast(lambda _: keyturn.lifespan()))
        return app_config

    def _path_below(self, app_path: str) -> str:
        """Return the path of the routes within an app that has this path itself. Raises SettingsInvalid."""
        if self._config.path is not None:
            return self._config.path
        above, path = app_path.rstrip("/"), urlsplit(self.parts.settings.base_url).path
        if path != above and not path.startswith(f"{above}/"):
            reason = f"is not below {above}, the path of the app: add that path, or set path= if a proxy removes it"
            raise SettingsInvalid.of("base_url", reason)
        return path.removeprefix(above)


def _places_of_pages(keyturn: Litestar) -> Iterator[HTTPRouteHandler]:
    """Yield what the app's router needs to find the pages.

    Their handlers have names for parameters and dependencies, which could clash with the app's.
    """

    async def answered_elsewhere() -> None: ...

    above = keyturn.path.rstrip("/")
    for page in keyturn.routes:
        if isinstance(page, HTTPRoute) and any(PAGE in handler.opt for handler in page.route_handlers):
            path = page.path.removeprefix(above).replace("{", "{keyturn_")
            methods = [method for handler in page.route_handlers for method in handler.http_methods]
            yield route(path, http_method=methods, include_in_schema=False)(answered_elsewhere)


def _answered_by(keyturn: ASGIApp) -> Middleware:
    """Return middleware that lets an application of Keyturn's own answer, instead of what follows in the app.

    So nothing applies that the app has for its own routes, such as guards and handlers of errors (`api/__init__.py`).
    The app has the routes, too: its router finds them, and its OpenAPI document describes them.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        # The app's router has removed the root path.
        await keyturn(cast("Scope", {**scope, "root_path": ""}), receive, send)

    return lambda app: answer  # noqa: ARG005 - Litestar names it


class _LifespanLast(InitPlugin):
    """Adds a lifespan after those of all other plugins, including plugins that other plugins add.

    It begins after the app's own tables have been created, and ends before its connection pool is closed.
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


def _require_what_a_child_can_have(config: KeyturnConfig, parts: Parts) -> None:
    """Raise SettingsInvalid for what a worker needs and the settings cannot pass to another process."""
    found = {name: "is a function of this process" for name in _EVENTS if getattr(config, name)}
    if config.accounts is not None:
        found["accounts"] = "is an object of this process"
    if config.alchemy and (reason := tied_to_its_process(parts.settings, config.alchemy)):
        found["alchemy"] = reason
    if found:
        raise SettingsInvalid([Fault(name, f"{reason}; {_CHOICES}") for name, reason in found.items()])


def _callbacks(config: KeyturnConfig) -> dict[str, Callback[Any]]:
    """Return the callbacks by event. Raises SettingsInvalid for a function that would block the event loop."""
    functions = {name: function for name in (*_EVENTS, "before_reset") if (function := getattr(config, name))}
    blocking = "must be an async function, because a plain one would block all other requests"
    if faults := [Fault(name, blocking) for name, function in functions.items() if not is_async(function)]:
        raise SettingsInvalid(faults)
    return {event: functions[name] for name, event in _EVENTS.items() if name in functions}


def _with_accounts(settings: Settings, accounts: AccountStore | None) -> Settings:
    """Return the settings with the store in use. Raises SettingsInvalid if they already name a store."""
    if accounts is None:
        return settings
    own, default = settings.accounts, AccountSettings()
    for name in ("table", "store"):
        if getattr(own, name) != getattr(default, name):
            fix = "remove [accounts] from keyturn.toml, or remove accounts="
            raise SettingsInvalid.of(f"accounts.{name}", f"is set, but accounts= gives the plugin a store: {fix}")
    used = msgspec.structs.replace(own, store=f"{type(accounts).__module__}:{type(accounts).__name__}")
    return msgspec.structs.replace(settings, accounts=used)


def _require_own_pages(settings: Settings) -> None:
    """Raise SettingsInvalid for settings that name hosted pages, which are left out: mails would link to nothing."""
    off = "is the path of a hosted page, which pages=False turns off: set it to a page of the app"
    if faults := [Fault(name, off) for name, url in page_urls(settings).items() if hosted_path(url) is not None]:
        raise SettingsInvalid(faults)
