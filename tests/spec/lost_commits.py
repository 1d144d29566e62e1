"""A commit that happened, and whose answer was lost on the way."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession


@contextmanager
def losing_commits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lose the answer to every commit within, as a connection does that breaks while the server writes."""
    commit = AsyncSession.commit

    async def commit_and_lose(session: AsyncSession) -> None:
        await commit(session)
        raise OperationalError("COMMIT", None, ConnectionResetError(), connection_invalidated=True)

    with monkeypatch.context() as lost:
        lost.setattr(AsyncSession, "commit", commit_and_lose)
        yield
