"""A commit that happened, and whose answer was lost on the way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import OperationalError


@contextmanager
def losing_the_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lose the answer to the first commit within, and reach no database after it."""

    def fail(*_: Any) -> None:
        raise _lost("BEGIN")

    with losing_commits(
        monkeypatch, then=lambda patch: patch.setattr(DefaultDialect, "do_begin", fail)
    ):
        yield


@contextmanager
def losing_commits(
    monkeypatch: pytest.MonkeyPatch,
    *,
    only: int = 0,
    then: Callable[[pytest.MonkeyPatch], None] = lambda _: None,
) -> Iterator[None]:
    """Lose the answer to every commit within, as a connection does that breaks while the server
    writes.

    `only`: the number of the one commit whose answer is lost; 0 for all. `then`: is called when one
    was lost.
    """
    commit: Any = DefaultDialect.do_commit
    numbers = count(1)

    def commit_and_lose(dialect: DefaultDialect, connection: Any) -> None:
        commit(dialect, connection)
        if only not in {0, next(numbers)}:
            return
        then(lost)
        raise _lost("COMMIT")

    with monkeypatch.context() as lost:
        lost.setattr(DefaultDialect, "do_commit", commit_and_lose)
        yield


def _lost(statement: str) -> OperationalError:
    return OperationalError(statement, None, ConnectionResetError(), connection_invalidated=True)
