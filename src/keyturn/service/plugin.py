"""Keyturn mounted into a Litestar app."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import msgspec
from litestar import Litestar
from litestar.config.app import AppConfig
from litestar.plugins import InitPlugin
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from keyturn.errors import Fault, SettingsInvalid
from keyturn.mail.port.email import Sender
from keyturn.packaging import requires_extra
from keyturn.service.accounts.port import AccountStore
from keyturn.service.accounts.store_factory import hash_doubt, is_async
from keyturn.service.api.edge import behind_proxies, edge
from keyturn.service.api.mounting import MountedApart
from keyturn.service.api.responses import (
    SERVICE_KEY,
    SESSION,
    service_key_scheme,
    session_scheme,
    with_security_schemes,
)
from keyturn.service.api.router import api_router
from keyturn.service.child_worker.supervisor import Supervisor
from keyturn.service.database import Database
from keyturn.service.database.migrations import require_current
from keyturn.service.pages import pages_router
from keyturn.service.parts import Parts
from keyturn.service.reset.ground import FromApp
from keyturn.service.reset.limits.counting_alone import counting_alone
from keyturn.service.reset.reset_hook import BeforeReset
from keyturn.service.sending.senders import require_libraries
from keyturn.service.settings import (
    AccountSettings,
    DatabaseSettings,
    Secret,
    SecureAccountSettings,
    Settings,
    TableSettings,
)
from keyturn.service.settings.database_urls import read_url
from keyturn.service.settings.paths import hosted_path
from keyturn.service.settings.reading import require_valid
from keyturn.service.telemetry.logs import LogEvent, redact_access_logs
from keyturn.service.web_parts import reset_api_of, site_of
from keyturn.service.webhooks.events import (
    AccountSecured,
    Callback,
    PasswordChanged,
    PasswordResetRequested,
    SecondStepFailed,
)

if TYPE_CHECKING:
    from advanced_alchemy.config import SQLAlchemyAsyncConfig


# The database of the app, as its own configuration opens it


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
        raise _fault(
            "database.url",
            "is set, but alchemy= gives the plugin the app's database: remove [database] from keyturn.toml,"
            " or remove alchemy=",
        )
    url = make_url(alchemy.connection_string) if alchemy.connection_string else alchemy.get_engine().url
    address = Secret(url.render_as_string(hide_password=False))
    settings = msgspec.structs.replace(settings, database=msgspec.structs.replace(settings.database, url=address))
    match url.get_backend_name(), url.get_driver_name():
        case "sqlite", _:
            return settings, _own_connections(settings.database)
        case "postgresql", "asyncpg":
            with requires_extra("postgres", "postgresql+asyncpg", "alchemy"):
                engine = alchemy.get_engine()
            return settings, Database(engine, schema=settings.database.schema, timeout=settings.database.timeout)
        case "postgresql", driver:
            raise _fault("alchemy", f"its driver is {driver}, but Keyturn needs postgresql+asyncpg: {_INSTEAD}")
        case name, _:
            raise _fault("alchemy", f"Keyturn's own tables cannot be in {name}: {_INSTEAD}")


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


def _own_connections(settings: DatabaseSettings) -> Database:
    if not read_url(settings.url, "alchemy").url.database:
        raise _fault("alchemy", f"a database in memory exists only for one connection: use a file, or {_INSTEAD}")
    return Database(settings.url, schema=settings.schema)


def _fault(name: str, message: str) -> SettingsInvalid:
    return SettingsInvalid([Fault(name, message)])


log = logging.getLogger(__name__)

_EVENTS = {
    "on_password_changed": "password.changed",
    "on_password_reset_requested": "password.reset_requested",
    "on_account_secured": "account.secured",
    "on_second_step_failed": "second_step.failed",
}


_CHOICES = (
    'the worker is a process of its own (server.worker = "child"), which cannot have it: say worker=False and run '
    '`litestar keyturn worker`, or set server.worker = "inside", where the time of the app\'s answers tells strangers '
    "who has an account, since a mail is prepared in between"
)


@dataclass(kw_only=True)
class KeyturnConfig:
    """An app's configuration of its Keyturn.

    `alchemy`: the app's own configuration of its database, which then holds Keyturn's tables, too.
    `accounts`: a store of the app's, or what `table_of` makes of its user model, instead of the settings' store.
    `worker`: whether the app sends the mails, as `server.worker` says; `litestar keyturn worker` is the alternative.
    `pages`: without them there is only the API, and no mail links to a hosted page that the settings do not name.
    `path`: path of all routes in this app; by default that of `base_url`, and "" behind a proxy that strips it.
    `sender`: replaces `mail.transport` in tests, whose worker runs in this process.
    `parts`: parts that `create_app` has already built.
    `on_...`: async functions that are told, at least once, by the process that sends the mails.
    `before_reset`: an async function that is asked before a link is used up, and may refuse with a sentence.
    """

    settings: Settings = field(kw_only=False)
    alchemy: "SQLAlchemyAsyncConfig | None" = None
    accounts: AccountStore | TableSettings | None = None
    worker: bool = True
    pages: bool = True
    path: str | None = None
    sender: Sender | None = None
    parts: Parts | None = None
    on_password_changed: Callback[PasswordChanged] | None = None
    on_password_reset_requested: Callback[PasswordResetRequested] | None = None
    on_account_secured: Callback[AccountSecured] | None = None
    on_second_step_failed: Callback[SecondStepFailed] | None = None
    before_reset: BeforeReset | None = None

    @property
    def told(self) -> Mapping[str, Callback[Any] | None]:
        """The callbacks of events, by their names in this class."""
        return {name: getattr(self, name) for name in _EVENTS}


class KeyturnPlugin(InitPlugin):
    """Adds the routes, and a lifespan that starts the worker and closes its resources.

    The app's settings for its own routes do not apply to these, but its middleware does (`MountedApart`). Raises
    SettingsInvalid. The database is checked when the app starts, which raises SettingsInvalid or DatabaseUnready.
    """

    command = "litestar keyturn"
    """The command that messages suggest to users."""

    def __init__(self, config: KeyturnConfig) -> None:
        settings = config.settings
        if not config.parts:
            settings = require_valid(_with_accounts(settings, config.accounts), sending=config.sender is None)
        if not config.pages:
            settings = _without_default_pages(settings)
            _require_own_pages(settings)
        callbacks = _callbacks(config.told, config.before_reset)
        self.shares_database = config.alchemy is not None
        self.parts = config.parts or _build_parts(settings, config, callbacks)
        self._is_alone = config.parts is None  # `serve`, which brings parts, has checked before it started anything
        self._worker = _place_of_worker(self.parts, wanted=config.worker)
        self._supervisor: Supervisor | None = None
        if self._worker == "child":
            _require_what_a_child_can_have(config, self.parts)
            self._supervisor = Supervisor(self.parts, self.parts.settings)
        if self._worker != "none" and not self.parts.sender:
            require_libraries(self.parts.settings)
        self._pages = config.pages
        self._base_path = urlsplit(settings.base_url).path
        self._path = config.path

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        redact_access_logs()
        parts, server = self.parts, self.parts.settings.server
        api = reset_api_of(parts)
        routers = [api_router(api, parts.settings.origin, parts.paths.api)]
        if self._pages:
            routers.append(pages_router(site_of(parts)))
        app_config.route_handlers.append(
            MountedApart(
                self._path_below(app_config.path) or "/",
                route_handlers=routers,
                middleware=[
                    partial(edge, secure=parts.settings.secure, hosts=parts.settings.answered_hosts),
                    partial(behind_proxies, proxies=server.trusted_proxies),
                ],
                # None of the app's own, and none that its plugins would find for a type.
                dto=None,
                return_dto=None,
            )
        )
        schemes = {SESSION: session_scheme(api.sessions.cookie.name)} if api.sessions else {}
        if api.invitations.over_http:
            schemes[SERVICE_KEY] = service_key_scheme()
        if app_config.openapi_config and schemes:
            app_config.openapi_config = with_security_schemes(app_config.openapi_config, schemes)
        app_config.plugins.append(_LifespanLast(self._lifespan))
        return app_config

    def _path_below(self, app_path: str) -> str:
        """Return the path of the routes within an app that has this path itself. Raises SettingsInvalid."""
        if self._path is not None:
            return self._path
        above = app_path.rstrip("/")
        if self._base_path != above and not self._base_path.startswith(f"{above}/"):
            reason = f"is not below {above}, the path of the app: add that path, or set path= if a proxy removes it"
            raise SettingsInvalid([Fault("base_url", reason)])
        return self._base_path.removeprefix(above)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Litestar) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.parts.close)
            await require_current(self.parts.database, command=self.command)
            await self.parts.accounts.require_ready()
            if self._is_alone and (doubt := await hash_doubt(self.parts.settings, self.parts.accounts)):
                log.warning(LogEvent("accounts.other_hashes", reason=doubt))
            if second_step := self.parts.second_step:
                await second_step.step.require_ready()
            if self._is_alone:
                in_memory = self.parts.settings.limits.in_memory
                stack.enter_context(counting_alone(self.parts.database, in_memory=in_memory))
            if self._supervisor:
                stack.push_async_callback(self._supervisor.stop)
                self._supervisor.start()
            elif self._worker == "inside":
                relay = asyncio.create_task(self.parts.work())
                stack.push_async_callback(_cancel, relay)
            yield


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


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _place_of_worker(parts: Parts, *, wanted: bool) -> Literal["child", "inside", "none"]:
    """Return where this app's mails are sent. A sender of the app, as in tests, exists in this process alone."""
    if not wanted:
        return "none"
    return "inside" if parts.sender else parts.settings.server.worker


def _require_what_a_child_can_have(config: KeyturnConfig, parts: Parts) -> None:
    """Raise SettingsInvalid for what a worker needs and the settings cannot pass to another process."""
    found = {name: "is a function of this process" for name, function in config.told.items() if function}
    if config.accounts is not None and not isinstance(config.accounts, TableSettings):
        found["accounts"] = "is an object of this process"
    if config.alchemy and (reason := tied_to_its_process(parts.settings, config.alchemy)):
        found["alchemy"] = reason
    if found:
        raise SettingsInvalid([Fault(name, f"{reason}; {_CHOICES}") for name, reason in found.items()])


def _build_parts(settings: Settings, config: KeyturnConfig, callbacks: Mapping[str, Callback[Any]]) -> Parts:
    """Return the parts, whose settings name the database in use."""
    database = None
    if config.alchemy:
        settings, database = share_database(settings, config.alchemy)
    return Parts(
        settings,
        app=FromApp(
            database=database,
            accounts=None if isinstance(config.accounts, TableSettings) else config.accounts,
            callbacks=callbacks,
            before_reset=config.before_reset,
        ),
        sender=config.sender,
    )


def _callbacks(
    arguments: Mapping[str, Callback[Any] | None], before_reset: BeforeReset | None
) -> dict[str, Callback[Any]]:
    """Return the given callbacks, by event. Raises SettingsInvalid for a function that would block the event loop."""
    given = {name: told for name, told in arguments.items() if told is not None}
    asked = {"before_reset": before_reset} if before_reset else {}
    faults = [
        Fault(name, "must be an async function, because a plain one would block all other requests")
        for name, function in {**given, **asked}.items()
        if not is_async(function)
    ]
    if faults:
        raise SettingsInvalid(faults)
    return {_EVENTS[name]: told for name, told in given.items()}


def _with_accounts(settings: Settings, accounts: AccountStore | TableSettings | None) -> Settings:
    """Return the settings with the store in use. Raises SettingsInvalid if they already name a store."""
    if accounts is None:
        return settings
    own, default = settings.accounts, AccountSettings()
    if own.table != default.table or own.store != default.store:
        name = "accounts.table" if own.table != default.table else "accounts.store"
        reason = (
            "is set, but accounts= gives the plugin a store: remove [accounts] from keyturn.toml, or remove accounts="
        )
        raise SettingsInvalid([Fault(name, reason)])
    if isinstance(accounts, TableSettings):
        used = msgspec.structs.replace(own, store="table", table=accounts)
    else:
        used = msgspec.structs.replace(own, store=f"{type(accounts).__module__}:{type(accounts).__name__}")
    return msgspec.structs.replace(settings, accounts=used)


def _without_default_pages(settings: Settings) -> Settings:
    """Return the settings without the page that is on by default and was not set explicitly."""
    if settings.secure_account.url != SecureAccountSettings().url:
        return settings
    return msgspec.structs.replace(settings, secure_account=msgspec.structs.replace(settings.secure_account, url=""))


def _require_own_pages(settings: Settings) -> None:
    """Raise SettingsInvalid for settings that name hosted pages, which are left out: mails would link to nothing."""
    faults = [
        Fault(name, "is the path of a hosted page, which pages=False turns off: set it to a page of the app")
        for name in _settings_of_own_pages(settings)
    ]
    if faults:
        raise SettingsInvalid(faults)


def _settings_of_own_pages(settings: Settings) -> Iterator[str]:
    pages = {
        "reset_url": settings.reset_url,
        "forgot_url": settings.forgot_url,
        "sign_in_url": settings.sign_in_page,
        "secure_account.url": settings.secure_account.url,
    }
    for name, pattern in pages.items():
        if hosted_path(pattern) is not None:
            yield name
    for kind, own in settings.kinds.items():
        if own.settings_url and hosted_path(own.settings_url) is not None:
            yield f"kinds.{kind}.settings_url"
