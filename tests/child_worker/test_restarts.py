"""The pause before a process that ended by itself is started again."""

from keyturn.child_worker.restarts import Restarts


def test_pauses_grow_from_one_failure_to_the_next_up_to_half_a_minute() -> None:
    restarts = Restarts()
    assert [restarts.pause(lived=0) for _ in range(8)] == [0.5, 1, 2, 5, 10, 30, 30, 30]


def test_a_process_that_worked_for_a_minute_begins_with_the_shortest_pause_again() -> None:
    restarts = Restarts()
    restarts.pause(lived=0)

    assert restarts.pause(lived=60) == 1
    assert restarts.pause(lived=60.1) == 0.5
    assert restarts.pause(lived=0) == 1
