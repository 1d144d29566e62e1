"""A commit that happened, and whose answer was lost on the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import OperationalError


@contextmanager
def losing_commits(monkeypatch: pytest.MonkeyPatch, *, only: int = 0) -> Iterator[None]:
    """Lose the answer to every commit within, as a connection does that breaks while the server writes.

    `only`: the number of the one commit whose answer is lost; 0 for all.
    """
    commit: Any = DefaultDialect.do_commit
    numbers = count(1)

    def commit_and_lose(dialect: DefaultDialect, connection: Any) -> None:
        commit(dialect, connection)
        if only not in {0, next(numbers)}:
            return
        raise OperationalError("COMMIT", None, ConnectionResetError(), connection_invalidated=True)

    with monkeypatch.context() as lost:
        lost.setattr(DefaultDialect, "do_commit", commit_and_lose)
        yield
