"""A provider that is down is left alone by mails that it has never seen."""

import pytest

from keyturn.service.sending.pace import PAUSE, TRIAL, Breaker

pytestmark = pytest.mark.slow


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def failing(times: int, clock: Clock) -> Breaker:
    breaker = Breaker(3, clock)
    for _ in range(times):
        breaker.count_failure()
    return breaker


def test_fewer_failures_in_a_row_than_that_change_nothing() -> None:
    breaker = failing(2, Clock())
    assert breaker.admits()

    breaker.count_success()
    breaker.count_failure()
    assert breaker.admits()


def test_a_provider_that_fails_as_often_in_a_row_gets_nothing_new_until_it_works() -> None:
    breaker = failing(3, Clock())
    assert not breaker.admits()

    breaker.count_success()
    assert breaker.admits()


def test_one_mail_a_pause_is_risked_where_nobody_hears_from_the_provider() -> None:
    clock = Clock()
    breaker = failing(3, clock)
    clock.time += PAUSE

    assert [breaker.admits() for _ in range(3)] == [True, False, False]


def test_a_mail_that_was_risked_and_never_sent_keeps_the_next_waiting_for_a_moment_alone() -> None:
    clock = Clock()
    breaker = failing(3, clock)
    clock.time += PAUSE
    breaker.admits()

    clock.time += TRIAL
    assert [breaker.admits() for _ in range(2)] == [True, False]
