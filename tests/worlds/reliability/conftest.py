"""Two PostgreSQL servers, one of which copies the other."""

from collections.abc import Iterator

import pytest
from tests.programs import require_program
from tests.worlds.reliability.postgresql_pair import Pair, running_pair


@pytest.fixture
def replicated_postgresql(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Start a primary and a standby; `indirect` True makes the primary wait for the standby."""
    postgres = require_program("postgres", "postgresql")
    with running_pair(postgres, is_synchronous=getattr(request, "param", False)) as pair:
        yield pair
