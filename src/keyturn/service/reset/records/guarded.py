"""Counts within a day, which one statement decides."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, case, literal
from sqlalchemy.orm import InstrumentedAttribute

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
