"""The database of services that run as processes, read and filled beside them."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, insert, select

from keyturn.service.accounts.builtin import AccountRow
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.outbox.models import WAITING, OutboxRow


class Beside:
    def __init__(self, url: str) -> None:
        self._database = Database(url)

    async def add_accounts(self, emails: Sequence[str]) -> None:
        row = {
            "name": "",
            "password_hash": "x",
            "provider": "",
            "kind": "",
            "locale": "",
            "active": True,
        }
        rows = [
            row | {"id": str(number), "email": email, "created_at": now()}
            for number, email in enumerate(emails)
        ]
        await self._database.transact(
            lambda connection: connection.execute(insert(AccountRow), rows)
        )

    async def waiting(self) -> int:
        return await self._count(OutboxRow.state == WAITING)

    async def sealed_mails(self) -> int:
        return await self._count(OutboxRow.sealed.is_not(None))

    async def _count(self, which: ColumnElement[bool]) -> int:
        statement = select(func.count()).select_from(OutboxRow).where(which)
        return await self._database.read(
            lambda connection: connection.execute(statement).scalar_one()
        )

    async def close(self) -> None:
        await self._database.close()
