"""How long to wait before the next try."""

from datetime import timedelta

import pytest

from keyturn.service.outbox.attempts import backoff


@pytest.mark.parametrize(
    ("attempt", "shortest", "longest"),
    [(1, 0.5, 1), (2, 1, 2), (3, 2, 4), (4, 4, 8), (10, 256, 512), (11, 300, 600), (12, 300, 600), (10_000, 300, 600)],
)
def test_the_pause_doubles_up_to_ten_minutes(attempt: int, shortest: float, longest: float) -> None:
    assert backoff(attempt, 0.0) == timedelta(seconds=shortest)
    assert backoff(attempt, 0.5) == timedelta(seconds=(shortest + longest) / 2)
    assert backoff(attempt, 1.0) == timedelta(seconds=longest)
