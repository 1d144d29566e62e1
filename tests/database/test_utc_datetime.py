"""Times as columns hold them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import literal, select
from sqlalchemy.exc import StatementError
from tests.driver.connections import connected

from keyturn.service.database import Database
from keyturn.service.database.database import UtcDateTime

MOMENT = datetime(2026, 11, 20, 14, 7, 3, 250, tzinfo=UTC)


async def read_back(database: Database, moment: datetime | None) -> datetime | None:
    async with connected(database) as connection:
        found: datetime | None = await connection.scalar(select(literal(moment, UtcDateTime())))
        return found


@pytest.mark.parametrize("hours", [0, 3, -11])
async def test_a_time_is_read_in_utc_whatever_zone_it_was_written_in(database: Database, hours: int) -> None:
    found = await read_back(database, MOMENT.astimezone(timezone(timedelta(hours=hours))))

    assert found == MOMENT
    assert found
    assert found.utcoffset() == timedelta(0)
    assert await read_back(database, None) is None


async def test_a_time_without_a_zone_is_not_written(database: Database) -> None:
    with pytest.raises(StatementError, match="without a zone"):
        await read_back(database, MOMENT.replace(tzinfo=None))
