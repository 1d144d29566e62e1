"""A provider that is down is left alone by mails that it has never seen."""

import pytest

from keyturn.service.sending.pace import PAUSE, TRIAL, Breaker

pytestmark = pytest.mark.slow


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    """Return one whose provider has failed twice, so that once more is too often."""
    breaker = Breaker(3, clock)
    breaker.count_failure()
    breaker.count_failure()
    return breaker


def test_a_provider_gets_nothing_new_after_so_many_failures_in_a_row_until_it_works(breaker: Breaker) -> None:
    assert breaker.admits()
    breaker.count_success()
    breaker.count_failure()
    assert breaker.admits(), "they are not in a row"
    breaker.count_failure()
    breaker.count_failure()
    assert not breaker.admits()

    breaker.count_success()
    assert breaker.admits()


def test_one_mail_a_pause_is_risked_and_the_next_waits_for_a_moment_if_it_was_never_sent(
    breaker: Breaker, clock: Clock
) -> None:
    breaker.count_failure()
    for wait in (PAUSE, TRIAL):
        clock.time += wait
        assert [breaker.admits() for _ in range(3)] == [True, False, False]
