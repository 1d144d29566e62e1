"""The loop of the simulation: virtual time, processes that are killed or frozen, threads that answer later."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextvars import copy_context
from random import Random
from typing import Any

import pytest
from tests.simulation.loop import PROCESS, Deadlock, SimulatedLoop


@pytest.fixture
def loop_of() -> Iterator[Callable[..., SimulatedLoop]]:
    """Return a function that makes loops, in which a thread takes half a second to begin and half to answer."""
    loops: list[SimulatedLoop] = []

    def make(seed: int = 0) -> SimulatedLoop:
        loops.append(SimulatedLoop(Random(seed), lambda _, work: work(), lambda _: 0.5))
        return loops[-1]

    yield make
    for loop in loops:
        loop.close()


@pytest.fixture
def loop(loop_of: Callable[..., SimulatedLoop]) -> SimulatedLoop:
    return loop_of()


def start(loop: SimulatedLoop, process: str, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    context = copy_context()
    context.run(PROCESS.set, process)
    return loop.create_task(work, context=context)


def run(loop: SimulatedLoop, work: Coroutine[Any, Any, None]) -> None:
    loop.run_until(loop.create_task(work))


def test_an_hour_passes_at_once(loop: SimulatedLoop) -> None:
    run(loop, asyncio.sleep(3600))
    assert loop.time() == 3600


def test_callbacks_of_a_process_keep_their_order_and_a_seed_orders_processes(
    loop_of: Callable[..., SimulatedLoop],
) -> None:
    def order(seed: int) -> list[tuple[str, int]]:
        done: list[tuple[str, int]] = []

        async def steps(name: str) -> None:
            for number in range(5):
                done.append((name, number))
                await asyncio.sleep(0)

        loop = loop_of(seed)
        tasks = [start(loop, name, steps(name)) for name in ("a", "b")]
        for task in tasks:
            loop.run_until(task)
        return done

    assert order(1) == order(1)
    assert order(1) != order(2)
    for name in ("a", "b"):
        assert [number for one, number in order(1) if one == name] == list(range(5))


def test_a_killed_process_never_runs_again_not_even_its_finally(loop: SimulatedLoop) -> None:
    done: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(10)
            done.append("slept")
        finally:
            done.append("cleaned up")

    task = start(loop, "worker", work())
    run(loop, asyncio.sleep(1))
    loop.kill("worker")
    loop.keep(task)
    run(loop, asyncio.sleep(100))
    assert done == []


def test_a_frozen_process_goes_on_later(loop: SimulatedLoop) -> None:
    moments: list[float] = []

    async def tick() -> None:
        for _ in range(3):
            await asyncio.sleep(1)
            moments.append(asyncio.get_running_loop().time())

    task = start(loop, "worker", tick())
    run(loop, asyncio.sleep(1.5))
    loop.freeze("worker", 10)
    loop.run_until(task)
    assert moments == [1, 11.5, 12.5]


def test_a_thread_begins_and_answers_later(loop: SimulatedLoop) -> None:
    moments: list[float] = []

    def in_thread(note: Callable[[float], None]) -> str:
        note(loop.time())
        return "done"

    async def work() -> None:
        assert await asyncio.to_thread(in_thread, moments.append) == "done"
        moments.append(loop.time())

    run(loop, work())
    assert moments == [0.5, 1.0]


def test_work_of_a_killed_process_may_be_done_without_an_answer(loop: SimulatedLoop) -> None:
    done: list[str] = []

    async def work() -> None:
        await asyncio.to_thread(done.append, "committed")
        done.append("answered")

    task = start(loop, "worker", work())
    run(loop, asyncio.sleep(0.7))
    loop.kill("worker")
    loop.keep(task)
    run(loop, asyncio.sleep(10))
    assert done == ["committed"]


def test_a_world_that_waits_for_nothing_is_a_deadlock(loop: SimulatedLoop) -> None:
    with pytest.raises(Deadlock):
        loop.run_until(loop.create_future())
