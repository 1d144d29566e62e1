"""Hearing of new messages from other processes at once, on PostgreSQL. Polling stands behind it."""

import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.database import Database
from keyturn.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.outbox")

CHANNEL = "keyturn_outbox"


class Listener:
    """Hears of new messages by NOTIFY, on one connection of the pool for as long as the worker runs."""

    def __init__(self, database: Database, wake: Callable[[], None]) -> None:
        self._database = database
        self._wake = wake
        self._connection: AsyncConnection | None = None

    async def ensure(self) -> None:
        """Listen, if nobody does: at the start, and again after a connection was lost. Never raises for that."""
        if self._database.is_sqlite or (self._connection and not (await self._driver()).is_closed()):
            return
        await self.close()
        try:
            self._connection = await self._database.engine.connect()
            driver = await self._driver()
            await driver.add_listener(CHANNEL, lambda *_: self._wake())
        except Exception as error:  # noqa: BLE001 - whatever the driver says, polling stands behind it
            log.debug(LogEvent("outbox.not_listening", error=type(error).__name__))
            await self.close()

    async def close(self) -> None:
        if self._connection:
            connection, self._connection = self._connection, None
            # Not back into the pool: the next to use it would be a listener without knowing.
            await connection.invalidate()
            await connection.close()

    async def _driver(self) -> Any:
        assert self._connection  # both callers have one
        return (await self._connection.get_raw_connection()).driver_connection
