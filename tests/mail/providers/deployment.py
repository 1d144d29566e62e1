"""The parts of a service that sends through servers of these tests, and can be replaced as a deploy does."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, select, text

from keyturn.service.outbox.models import OutboxRow
from keyturn.service.parts import Parts
from keyturn.service.reset.records.client import Client
from keyturn.service.settings import Secret, Settings

ADA = "ada@northwind.test"
GRACE = "grace@northwind.test"
DISCARD = 9
NOWHERE = f"http://127.0.0.1:{DISCARD}"
"""The port of the discard service (RFC 863), on which no server listens."""

SECRET_KEY = Secret("an old secret key of some length")


class Deployment:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.parts = Parts(settings)

    async def deploy(self, **changes: Any) -> None:
        """End the process and start another, with other settings, on the same database."""
        await self.parts.close()
        self._settings = msgspec.structs.replace(self._settings, **changes)
        self.parts = Parts(self._settings)

    async def ask(self, email: str = ADA) -> None:
        await self.parts.requests.accept(email, Client(ip_address="192.0.2.1"))

    async def work(self) -> None:
        """Work everything off, as if every pause were over."""
        await self.parts.database.execute(text("UPDATE keyturn_outbox SET available_at = created_at"))
        await self.parts.worker.drain()

    async def message(self) -> Row[Any]:
        (row,) = await self.messages()
        return row

    async def messages(self) -> Sequence[Row[Any]]:
        """Return all of them, the oldest first."""
        table = OutboxRow.__table__
        return await self.parts.database.read(
            lambda connection: connection.execute(select(table).order_by(table.c.id)).all()
        )
