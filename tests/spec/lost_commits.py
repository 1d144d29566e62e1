"""A commit that happened, and whose answer was lost on the way."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import RootTransaction
from sqlalchemy.exc import OperationalError


@contextmanager
def losing_commits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lose the answer to every commit within, as a connection does that breaks while the server writes."""
    commit = RootTransaction.commit

    def commit_and_lose(transaction: RootTransaction) -> None:
        commit(transaction)
        raise OperationalError("COMMIT", None, ConnectionResetError(), connection_invalidated=True)

    with monkeypatch.context() as lost:
        lost.setattr(RootTransaction, "commit", commit_and_lose)
        yield
