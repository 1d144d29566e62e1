"""Engines as both databases need them: opened here, or an app's own."""

import contextlib
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from keyturn.database.lost_connections import replace_lost_connections
from keyturn.database.sqlite_locks import try_until_free
from keyturn.database.unready import is_met_by_the_end
from keyturn.database.urls import DatabaseUrl, read_url
from keyturn.database.urls.tls import CertificateRefused, Roots, certificate_error
from keyturn.errors import Fault, SettingsInvalid
from keyturn.packaging import requires_extra
from keyturn.private_files import make_private_file, make_private_folder
from keyturn.settings.url_rules import database_fault

SQLITE_ARGUMENTS = {"timeout": 30, "isolation_level": None}

_SECONDS_TO_BEGIN_A_LOG = 1


def open_engine(text: str, pool_size: int, timeout: timedelta | None) -> AsyncEngine:
    if message := database_fault(text, for_our_tables=True):
        raise SettingsInvalid([Fault("database.url", message)])
    read = read_url(text, "database.url")
    options = _engine_options(read, pool_size, timeout)
    with requires_extra("postgres", "postgresql", "database.url"):
        engine = create_async_engine(read.url, hide_parameters=True, **options)
    if read.kind == "sqlite":
        keep_file_private(engine.sync_engine)
    else:
        replace_lost_connections(engine)
        _throw_frozen_away(engine)
    refuse_what_no_driver_takes(engine, "database.url", read.roots)
    return engine


def keep_file_private(engine: Any) -> None:
    """Make SQLite's file before SQLite does, which would let others read it.

    The files of its log have the rights of this one (https://sqlite.org/src/file?name=src/os_unix.c,
    findCreateFileMode). Of what cannot be made, SQLite tells.
    """

    @event.listens_for(engine, "do_connect")
    def make_file(_: object, __: object, arguments: Any, ___: object) -> None:
        file = str(arguments[0])
        if not file.startswith((":memory:", "file:")):
            with contextlib.suppress(OSError):
                make_private_file(Path(file))


def refuse_what_no_driver_takes(engine: AsyncEngine, setting: str, roots: Roots) -> None:
    """Make a connection raise SettingsInvalid by the setting where its driver cannot read the address.

    A server's certificate that does not hold by these roots raises CertificateRefused.

    What the driver says may hold a part of it, and a password has parts after an "@" or a "?" that was not escaped.
    """

    @event.listens_for(engine.sync_engine, "do_connect")
    def connect(dialect: Any, _: object, arguments: Any, options: Any) -> Any:
        try:
            return dialect.connect(*arguments, **options)
        except Exception as error:
            if refused := certificate_error(error):
                raise CertificateRefused(refused, roots) from None
            if isinstance(error, OSError) or not isinstance(error, TypeError | ValueError):
                raise
            message = "the driver cannot read it: look at the port, what follows the ?, and for an @ that is not %40"
            raise SettingsInvalid([Fault(setting, message)]) from None


def engine_for_our_statements(engine: AsyncEngine, schema: str) -> AsyncEngine:
    """Return the engine, over the same pool, with what Keyturn's own statements need and nobody else's get.

    They are written for READ COMMITTED and for real transactions, which another app's engine need not have.
    """
    options: dict[str, Any] = {"schema_translate_map": {None: schema}} if schema else {}
    ours = engine.execution_options(isolation_level="READ COMMITTED", **options)
    ours.sync_engine.hide_parameters = True  # among them are hashes of passwords, and addresses
    return ours


def _throw_frozen_away(engine: AsyncEngine) -> None:
    """Have a connection closed whose statement took too long: its answer may still come, to the next who asks."""

    @event.listens_for(engine.sync_engine, "handle_error")
    def is_lost(context: Any) -> None:
        if isinstance(context.original_exception, TimeoutError):
            context.is_disconnect = True
            context.invalidate_pool_on_disconnect = False  # the others are asked by themselves
        elif is_met_by_the_end(context.original_exception):
            context.is_disconnect = True


def _engine_options(read: DatabaseUrl, pool_size: int, timeout: timedelta | None) -> dict[str, Any]:
    if read.kind == "postgresql":
        seconds = timeout.total_seconds() if timeout else None
        limits = {"timeout": seconds, "command_timeout": seconds} if seconds else {}
        # Who waits for a connection of the pool waits no longer than the one that has it may.
        waits = {"pool_timeout": seconds} if seconds else {}
        arguments = {**limits, **read.arguments}
        return {
            "connect_args": arguments, "pool_size": pool_size, "max_overflow": 0, **waits,
        }  # fmt: skip
    if read.url.database:
        try:
            make_private_folder(Path(read.url.database).parent)
        except OSError as error:
            raise SettingsInvalid([Fault("database.url", f"its folder cannot be made: {error.strerror}")]) from None
    return {"connect_args": SQLITE_ARGUMENTS}


def configure_sqlite(engine: Any) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        try:
            cursor = connection.cursor()
            # With the write-ahead log, readers never wait for the writer; FULL, because a 202 means committed, also
            # when the power fails the moment after (https://sqlite.org/pragma.html#pragma_synchronous).
            # A file that is new is made one with a log by whoever comes first, and SQLite lets nobody else wait for it.
            try_until_free(lambda: cursor.execute("PRAGMA journal_mode = WAL"), _SECONDS_TO_BEGIN_A_LOG)
            cursor.execute("PRAGMA synchronous = FULL")
            cursor.execute("PRAGMA foreign_keys = ON")
            cursor.close()
            # SQLite has one of its own since 3.41 (https://sqlite.org/lang_corefunc.html#unhex).
            connection.create_function("unhex", 1, _unhex, deterministic=True)
        except BaseException:  # the file is no database: its connection has a thread, which nobody else would end
            connection.close()
            raise


def _unhex(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def begin_writing(connection: Any) -> None:
    if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
        return  # a reader, which takes no lock
    # A transaction here is one that writes. Taking the lock at its start means it never fails half way with
    # SQLITE_BUSY because somebody wrote after it had read (https://sqlite.org/lang_transaction.html).
    connection.exec_driver_sql("BEGIN IMMEDIATE")
