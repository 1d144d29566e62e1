"""Rows that can be used once: one guarded UPDATE decides, so of concurrent callers exactly one succeeds."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, bindparam, update
from sqlalchemy.orm import InstrumentedAttribute

from keyturn.database.database import UtcDateTime

MOMENT = bindparam("moment", type_=UtcDateTime())
"""The time of a use, for conditions of `SingleUse`."""


class SingleUse:
    """Uses up rows, each once: a row whose `used_at` is None, which has the `key`, and for which `works` holds.

    `key`: compares columns with parameters, whose values come with each use.
    `works`: may compare with `MOMENT`.
    `returned`: columns that a use returns.
    """

    def __init__(
        self,
        used_at: InstrumentedAttribute[datetime | None],
        key: ColumnElement[bool],
        *works: ColumnElement[bool],
        returned: tuple[InstrumentedAttribute[Any], ...] = (),
    ) -> None:
        row = update(used_at.class_).where(key)
        used = row.where(used_at.is_(None), *works).values({used_at: MOMENT})
        self._used = used.returning(*(returned or (used_at,)))
        self._given_back = row.where(used_at == MOMENT).values({used_at: None})

    def use(self, connection: Connection, moment: datetime, **key: object) -> RowMapping | None:
        """Use the row up in the caller's transaction; None if another caller was quicker, or if it does not work."""
        return connection.execute(self._used, {"moment": moment, **key}).mappings().first()

    def give_back(self, connection: Connection, used_at: datetime, **key: object) -> None:
        """Let a row be used again whose use at that moment was undone."""
        connection.execute(self._given_back, {"moment": used_at, **key})
