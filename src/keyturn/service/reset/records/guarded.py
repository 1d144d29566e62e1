"""Guarded statements for rows that can be used once, and for counts within a day: one statement decides."""

from datetime import datetime, timedelta
from typing import Any

from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import BindParameter, ColumnElement, Connection, RowMapping, bindparam, case, literal, update
from sqlalchemy.orm import InstrumentedAttribute

MOMENT = bindparam("moment", type_=DateTimeUTC())
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


DAY = timedelta(days=1)


class DailyCounter:
    """Tells an upsert how a `count` since `since` continues: by one more, or from one if its day is over."""

    def __init__(self, count: InstrumentedAttribute[int], since: InstrumentedAttribute[Any]) -> None:
        self._count = count
        self._since = since

    def begins_anew(self, day_ago: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
        return self._since.is_(None) | (self._since <= day_ago)

    def has_room(self, day_ago: datetime | BindParameter[datetime], most: int) -> ColumnElement[bool]:
        """Return whether one more is within the `most` of a day."""
        return self.begins_anew(day_ago) | (self._count < most)

    def raised(
        self, day_ago: datetime | BindParameter[datetime], moment: datetime | BindParameter[datetime]
    ) -> dict[str, ColumnElement[Any]]:
        """Return the columns' values after one more."""
        begins_anew = self.begins_anew(day_ago)
        now = moment if isinstance(moment, BindParameter) else literal(moment, self._since.type)
        return {
            self._count.key: case((begins_anew, 1), else_=self._count + 1),
            self._since.key: case((begins_anew, now), else_=self._since),
        }
