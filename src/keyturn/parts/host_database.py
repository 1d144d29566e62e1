"""Puts Keyturn's tables into the database of an app that configures it with Advanced Alchemy."""

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from keyturn.database import Database
from keyturn.database.urls import read_url
from keyturn.errors import Fault, SettingsInvalid
from keyturn.packaging import requires_extra
from keyturn.settings import DatabaseSettings, Secret, Settings

if TYPE_CHECKING:
    from advanced_alchemy.config import SQLAlchemyAsyncConfig

_HOW_TO_CONNECT = ("connect_args", "module", "plugins", "pool")
"""Options of an engine that decide how it reaches its server, and are in no address."""

_INSTEAD = "leave alchemy out, and set database.url to a PostgreSQL or SQLite for Keyturn"


def share_database(settings: Settings, alchemy: "SQLAlchemyAsyncConfig") -> tuple[Settings, Database]:
    """Return the app's database as Keyturn's, and the settings with its address.

    On PostgreSQL that is the app's engine and pool. On SQLite only the file is shared: Keyturn's connections use
    write-ahead logging, full synchronisation and one writer, which should not be imposed on the app's. Raises
    SettingsInvalid if Keyturn's tables cannot be there, or if the settings name a database, too.
    """
    if settings.database.url != DatabaseSettings().url:
        raise _fault(
            "database.url",
            "is set, but the plugin has the app's database (alchemy=): remove [database] from keyturn.toml,"
            " or alchemy=",
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
    if alchemy.connection_string is None:  # with one, Advanced Alchemy also keeps its engine in `engine_instance`
        return "is an engine that the app has made itself"
    if alchemy.create_engine_callable is not create_async_engine:
        return "has a function of the app's that makes its engine (create_engine_callable)"
    if given := [name for name in _HOW_TO_CONNECT if alchemy.engine_config_dict.get(name)]:
        return f"has {given[0]} in its engine_config, which no address holds"
    try:
        read_url(settings.database.url, "alchemy")
    except SettingsInvalid as error:
        return f"has an address that Keyturn's own connections cannot use ({error.faults[0].message})"
    return ""


def _own_connections(settings: DatabaseSettings) -> Database:
    if not read_url(settings.url, "alchemy").url.database:
        raise _fault("alchemy", f"a database in memory is there for one connection alone: use a file, or {_INSTEAD}")
    return Database(settings.url, schema=settings.schema)


def _fault(name: str, message: str) -> SettingsInvalid:
    return SettingsInvalid([Fault(name, message)])
