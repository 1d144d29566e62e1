"""Reads that are each a statement by themselves, whatever has the connection."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Executable, RowMapping


class Reader(Protocol):
    """Asks statements that change nothing, each outside any transaction.

    One that is asked often is built once, and `given` its values each time: for SQLAlchemy to see that one is the same
    as the last takes several times what SQLite takes to answer it.
    """

    async def fetch(self, statement: Executable, given: Mapping[str, Any] | None = None) -> Sequence[RowMapping]:
        """Return the rows. Raises what the driver does."""
        ...
