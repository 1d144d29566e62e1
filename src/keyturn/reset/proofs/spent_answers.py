"""Which answers to a challenge were taken already, in the database that all processes share."""

from datetime import datetime

from sqlalchemy import LargeBinary, select
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.database import Database, Model
from keyturn.database.inserts import insert_if


class SpentAnswerRow(Model):
    """An answer that was taken, by a digest. It is of no use to anybody after `expires_at`."""

    __tablename__ = "keyturn_spent_answers"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SpentAnswerStore:
    """Remembers them with one statement each, which decides."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_spent(self, digest: bytes) -> bool:
        """Tell whether it was taken; a no may be otherwise a moment later, so that `spend` decides."""
        found = select(SpentAnswerRow.digest).where(SpentAnswerRow.digest == digest)
        return bool(await self._database.fetch(found))

    async def spend(self, digest: bytes, until: datetime) -> bool:
        """Remember it until then; tell whether it was not yet: of any number at once exactly one is told True."""
        insert = insert_if(self._database, SpentAnswerRow, ("digest", "expires_at")).on_conflict_do_nothing()
        row = {"digest": digest, "expires_at": until, "wanted": True}
        return bool(await self._database.execute(insert.returning(SpentAnswerRow.digest), row))
