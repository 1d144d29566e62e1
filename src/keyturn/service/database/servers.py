"""Connections to servers: PostgreSQL, and MySQL and MariaDB for an app's own database."""

from collections.abc import Callable
from ssl import SSLCertVerificationError
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from keyturn.errors import Fault, SettingsInvalid
from keyturn.packaging import requires_extra
from keyturn.service.database.unready import describe_error, first_cause, is_read_only
from keyturn.service.settings.database_urls import DatabaseUrl

_Result = TypeVar("_Result")


class ServerConnections:
    """Runs work on connections of a pool: while a plain function waits for the server, the event loop continues.

    `transactions` and `reads` are engines over one pool. Each statement of `reads` commits by itself.
    """

    def __init__(self, transactions: AsyncEngine, reads: AsyncEngine) -> None:
        self.dialect = transactions.dialect
        self.transactions = transactions
        self._reads = reads
        ours = [engine.sync_engine for engine in (transactions, reads)]

        @event.listens_for(ours[0], "handle_error")
        def replace_read_only(context: ExceptionContext) -> None:
            """Let the pool replace its connections once a server takes no more writes: another may be the primary."""
            if context.engine in ours and is_read_only(context.original_exception):
                context.is_disconnect = True

    async def read(self, work: Callable[[Connection], _Result]) -> _Result:
        async with self._reads.connect() as connection:
            return await connection.run_sync(work)

    async def transact(self, work: Callable[[Connection], _Result]) -> _Result:
        async with self.transactions.begin() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        """Close the connections in the pool. Later work opens new ones."""
        await self.transactions.dispose()


def open_engine(read: DatabaseUrl, setting: str, extra: str, *, seconds: float | None, **options: Any) -> AsyncEngine:
    """Return an engine for a server, whose driver is in the `extra`.

    `seconds`: how long a caller waits for all of its work. `options`: of SQLAlchemy's function.
    """
    if seconds:
        # A wait for a connection ends before the caller's time is up: Python 3.11 may lose a cancellation that
        # coincides with a connection becoming free (https://github.com/python/cpython/issues/86296).
        options["pool_timeout"] = seconds * 0.9
    options |= {"connect_args": read.arguments, "max_overflow": 0, "pool_pre_ping": True, "hide_parameters": True}
    with requires_extra(extra, read.url.get_backend_name(), setting):
        engine = create_async_engine(read.url, **options)
    _refuse_what_no_driver_takes(engine.sync_engine, setting, read.roots)
    return engine


def _refuse_what_no_driver_takes(engine: Engine, setting: str, roots: str) -> None:
    """Make a connection raise SettingsInvalid for the setting if the driver cannot read the address.

    The driver's message is not repeated. It may hold a part of the address, and a password can extend past an "@" or a
    "?" that was not escaped. If the server's certificate is not valid, the error names the roots.
    """

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _: object, arguments: Any, options: Any) -> Any:
        try:
            return dialect.connect(*arguments, **options)
        except Exception as error:
            if isinstance(first_cause(error), SSLCertVerificationError):
                used = roots or "not set: this machine's roots"
                raise ConnectionError(f"{describe_error(error)} (sslrootcert is {used})") from None
            if isinstance(error, OSError) or not isinstance(error, TypeError | ValueError):
                raise
            message = "the driver cannot read it: check the port, the text after the ?, and an @ that is not %40"
            raise SettingsInvalid([Fault(setting, message)]) from None


def engine_for_our_statements(engine: AsyncEngine, level: str = "READ COMMITTED") -> AsyncEngine:
    """Return the engine, over the same pool, with options for Keyturn's own statements alone.

    Transactions are written for READ COMMITTED, in the strict sense, which another app's engine need not provide.
    """
    ours = engine.execution_options(isolation_level=level)
    ours.sync_engine.hide_parameters = True  # parameters include hashes of passwords, and addresses
    return ours
