"""Connections of a pool that were lost while nobody used them: they are found without a trip for each use."""

import time
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine

TRUSTED = 5.0
"""Seconds after its last use for which a connection that is open is taken to work."""


def replace_lost_connections(engine: AsyncEngine) -> None:
    """Have asyncpg's connections checked when they are taken, and those that are lost replaced.

    A server that ends or restarts closes its connections, which the driver has heard of by then. What says nothing,
    such as a firewall that forgot, does so after a while of silence: what has lain idle is asked, with a trip, as is
    what was used before another one was lost.
    """
    dialect: Any = engine.dialect
    doubted_at = 0.0

    @event.listens_for(engine.sync_engine, "handle_error")
    def doubt(context: Any) -> None:
        nonlocal doubted_at
        if context.is_disconnect:
            doubted_at = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkin")
    def note_use(_: object, record: Any) -> None:
        record.info["used_at"] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def require_alive(connection: Any, record: Any, _: object) -> None:
        if connection.driver_connection.is_closed() or (_is_doubtful(record) and not _answers(connection)):
            raise InvalidatePoolError  # the others that are as old are replaced, too

    def _is_doubtful(record: Any) -> bool:
        used_at: float = record.info.get("used_at", time.monotonic())
        return used_at < max(doubted_at, time.monotonic() - TRUSTED)

    def _answers(connection: Any) -> bool:
        try:
            return bool(dialect.do_ping(connection))
        except dialect.loaded_dbapi.Error:
            return False
