"""Connections that were lost while nobody used them: they are found without a trip for each use."""

import time
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine

_TRUSTED = 5.0
"""Seconds after its last use for which a connection that is open is taken to work."""


class Trust:
    """Tells whether an open connection is taken to work, or is to be asked.

    A server that ends or restarts closes its connections, which the driver has heard of by then. What says nothing,
    such as a firewall that forgot, does so after a while of silence: what has lain idle is asked, with a trip, as is
    what was used before another one was lost.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._lost_at = 0.0
        event.listen(engine.sync_engine, "handle_error", self._note_loss)

    def _note_loss(self, context: Any) -> None:
        error = context.original_exception
        # Whoever was cancelled has lost a connection, too, and says nothing of the others.
        if isinstance(error, TimeoutError) or (context.is_disconnect and isinstance(error, Exception)):
            self._lost_at = time.monotonic()

    def covers(self, used_at: float) -> bool:
        """Tell whether a connection that was used last at that time (`time.monotonic`) need not be asked."""
        return used_at >= max(self._lost_at, time.monotonic() - _TRUSTED)


def replace_lost_connections(engine: AsyncEngine) -> None:
    """Have asyncpg's connections checked when they are taken from the pool, and those that are lost replaced."""
    dialect: Any = engine.dialect
    trust = Trust(engine)

    @event.listens_for(engine.sync_engine, "checkin")
    def note_use(_: object, record: Any) -> None:
        record.info["used_at"] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def require_alive(connection: Any, record: Any, _: object) -> None:
        is_trusted = trust.covers(record.info.get("used_at", time.monotonic()))
        if connection.driver_connection.is_closed() or not (is_trusted or _answers(connection)):
            raise InvalidatePoolError  # the others that are as old are replaced, too

    def _answers(connection: Any) -> bool:
        try:
            return bool(dialect.do_ping(connection))
        except dialect.loaded_dbapi.Error:
            return False
