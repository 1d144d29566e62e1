"""Connections to servers: PostgreSQL, and MySQL and MariaDB for an app's own database."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Executable, Row, event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

from keyturn.errors import Fault, SettingsInvalid
from keyturn.packaging import requires_extra
from keyturn.service.database.sqlite import returned
from keyturn.service.database.unready import CertificateRefused, certificate_error, is_met_by_the_end
from keyturn.service.settings.database_urls import DatabaseUrl, Roots

DEADLINE: ContextVar[asyncio.Timeout | None] = ContextVar("DEADLINE", default=None)
"""The time limit of the current work."""

_GOOD_BYE = "57P"
"""PostgreSQL's codes for a server that stops, or a connection that an operator ends (its manual, appendix A)."""

_TRUSTED = 5.0
"""Seconds after its last use for which an open connection is assumed to work."""

_Result = TypeVar("_Result")


class PooledConnections:
    """Runs work on connections of a pool: while a plain function waits for the server, the event loop continues.

    The whole work, from the pool and back, is one piece for the event loop, as with SQLAlchemy's `run_sync`. `reads`
    commits each statement by itself, over the pool of `transactions`.
    """

    def __init__(self, transactions: AsyncEngine, reads: AsyncEngine) -> None:
        self.dialect = transactions.dialect
        self._transactions = transactions
        self._reads = reads

    async def read(self, work: Callable[[Connection], _Result]) -> _Result:
        """Return the result of `work`, which changes nothing. If its connection was lost, repeat it once."""
        try:
            return await self._run(work)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            return await self._run(work)

    async def execute(self, statement: Executable, given: Mapping[str, Any] | None) -> Sequence[Row[Any]]:
        return await self._run(lambda connection: returned(connection, statement, given))

    async def _run(self, work: Callable[[Connection], _Result]) -> _Result:
        return await greenlet_spawn(_run, self._reads.sync_engine, work)

    async def transact(self, work: Callable[[Connection], _Result]) -> _Result:
        def transact(connection: Connection) -> _Result:
            with connection.begin():
                return work(connection)

        return await greenlet_spawn(_run, self._transactions.sync_engine, transact)

    async def close(self) -> None:
        """Close the connections in the pool. Later work opens new ones."""
        await self._transactions.dispose()


def _run(engine: Engine, work: Callable[[Connection], _Result]) -> _Result:
    pool = engine.pool
    with engine.connect() as connection:
        try:
            return work(connection)
        finally:
            if engine.pool is not pool and not connection.invalidated:
                connection.detach()  # the pool was closed, and would not close this connection


def open_engine(read: DatabaseUrl, setting: str, extra: str, **options: Any) -> AsyncEngine:
    """Return an engine for a server, whose driver is in the `extra`; `options` are SQLAlchemy's."""
    with requires_extra(extra, read.url.get_backend_name(), setting):
        engine = create_async_engine(read.url, hide_parameters=True, max_overflow=0, pool_use_lifo=True, **options)
    if read.kind == "postgresql":
        _LostConnections(engine.sync_engine)
    refuse_what_no_driver_takes(engine.sync_engine, setting, read.roots)
    return engine


def refuse_what_no_driver_takes(engine: Engine, setting: str, roots: Roots) -> None:
    """Make a connection raise SettingsInvalid for the setting if the driver cannot read the address.

    If the server's certificate is not valid by these roots, it raises CertificateRefused. The driver's message is not
    repeated. It may hold a part of the address, and a password can extend past an "@" or a "?" that was not escaped.
    """

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _: object, arguments: Any, options: Any) -> Any:
        try:
            return dialect.connect(*arguments, **options)
        except Exception as error:
            if refused := certificate_error(error):
                raise CertificateRefused(refused, roots) from None
            if isinstance(error, OSError) or not isinstance(error, TypeError | ValueError):
                raise
            message = "the driver cannot read it: check the port, the text after the ?, and an @ that is not %40"
            raise SettingsInvalid([Fault(setting, message)]) from None


def engine_for_our_statements(engine: AsyncEngine, schema: str, level: str = "READ COMMITTED") -> AsyncEngine:
    """Return the engine, over the same pool, with options for Keyturn's own statements alone.

    Transactions are written for READ COMMITTED, in the strict sense, which another app's engine need not provide.
    """
    options: dict[str, Any] = {"schema_translate_map": {None: schema}} if schema else {}
    ours = engine.execution_options(isolation_level=level, **options)
    ours.sync_engine.hide_parameters = True  # parameters include hashes of passwords, and addresses
    return ours


class _LostConnections:
    """Checks asyncpg's connections when they leave their pools, and replaces lost ones, mostly without a trip.

    A server that stops or restarts closes its connections, which the driver then knows. A firewall drops an idle
    connection silently. So a connection that was idle for some seconds is pinged with a trip, as is a connection whose
    last use was before another's loss.
    """

    def __init__(self, engine: Engine) -> None:
        self._lost_at = 0.0
        self._dialect: Any = engine.dialect
        event.listen(engine, "handle_error", self._note_loss)
        event.listen(engine, "checkin", _note_use)
        event.listen(engine, "checkout", self._require_alive)

    def _note_loss(self, context: Any) -> None:
        error, deadline = context.original_exception, DEADLINE.get()
        context.invalidate_pool_on_disconnect = False  # each other connection is pinged
        if isinstance(error, TimeoutError) or (deadline and deadline.expired()):
            # The server is frozen, and would not answer a farewell either. Its answer may still arrive for the next
            # statement: the connection is closed.
            context.is_disconnect = True
            if context.connection and not context.connection.invalidated:
                context.connection.connection.driver_connection.terminate()
            self._lost_at = time.monotonic()
        elif (
            is_met_by_the_end(error)
            or str(getattr(error, "sqlstate", "")).startswith(_GOOD_BYE)  # which SQLAlchemy does not detect
            or (context.is_disconnect and isinstance(error, Exception))
        ):
            context.is_disconnect = True
            # A cancelled caller has lost its connection, too; that is no sign for the others.
            self._lost_at = time.monotonic()

    def _require_alive(self, connection: Any, record: Any, _: object) -> None:
        used_at = record.info.get("used_at")
        is_trusted = used_at is None or used_at >= max(self._lost_at, time.monotonic() - _TRUSTED)
        if connection.driver_connection.is_closed() or not (is_trusted or self._answers(connection)):
            raise InvalidatePoolError  # replaces the other connections of the same age, too

    def _answers(self, connection: Any) -> bool:
        try:
            return bool(self._dialect.do_ping(connection))
        except self._dialect.loaded_dbapi.Error:
            return False


def _note_use(_: object, record: Any) -> None:
    record.info["used_at"] = time.monotonic()
