"""What ends a renderer that is deaf to its limit of time; commands/mails/test_check_limits.py has
the other limits.
"""

import os
import resource
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from keyturn.studio.renderers import LimitExceeded, Limits, RendererPool, Runner

pytestmark = pytest.mark.long

State = dict[str, int]


@pytest.fixture(scope="module")
def workers() -> Iterator[RendererPool[State]]:
    with closing(
        RendererPool({"answer": 42}, Limits(seconds=120, megabytes=64), most=2)
    ) as workers:
        yield workers


def read(state: State, name: str) -> int:
    return state[name]


def number(_: State) -> int:
    return os.getpid()


def loop(_: State) -> None:
    while True:
        pass


def loop_on(_: State) -> None:
    while True:
        with suppress(Exception):
            loop(_)


def loop_once_more(_: State) -> None:
    with suppress(Exception):
        loop(_)
    loop(_)


def loop_deaf(_: State) -> None:
    signal.signal(signal.SIGPROF, signal.SIG_IGN)
    while True:
        pass


def wait(_: State) -> None:
    time.sleep(600)


@pytest.mark.parametrize(
    ("job", "replaced"),
    [(loop, False), (loop_once_more, False), (loop_on, True), (loop_deaf, True), (wait, True)],
)
def test_a_worker_that_passes_a_limit_is_replaced(
    workers: RendererPool[State],
    job: Callable[[State], object],
    replaced: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("keyturn.studio.renderers.pool._GRACE", 0.2 if job is wait else 60)
    before = workers.run(number)
    ending = os.pidfd_open(before)
    with pytest.raises(LimitExceeded) as exceeded:
        workers.run_for(0.1, job)
    assert exceeded.value.limit == "time"
    after = workers.run(number)
    assert (after != before) is replaced
    assert select.select([ending], [], [], 60 if replaced else 0)[0] == [ending] * replaced
    os.close(ending)
    assert workers.run(read, "answer") == 42


@pytest.mark.parametrize("left", [0, 1])
def test_a_worker_starts_once_there_are_file_descriptors_again(left: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with closing(RendererPool({"answer": 42}, Limits(), most=1)) as workers:
        with ExitStack() as files:
            files.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
            resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
            spare = [files.enter_context(Path(os.devnull).open()) for _ in range(left)]
            with suppress(OSError):
                while True:
                    files.enter_context(Path(os.devnull).open())
            for file in spare:
                file.close()
            with pytest.raises(LimitExceeded):
                workers.run(number)
        assert workers.run(read, "answer") == 42


def test_a_default_timeout_of_a_project_is_not_one_of_its_workers() -> None:
    with ExitStack() as reset:
        reset.callback(socket.setdefaulttimeout, socket.getdefaulttimeout())
        socket.setdefaulttimeout(0.0)
        with closing(RendererPool({"answer": 42}, Limits(), most=1)) as workers:
            assert workers.run(read, "answer") == 42


def test_a_renderer_without_a_process_serves_one_thread_at_a_time() -> None:
    """Two that were in it together would meet."""
    runner, meeting = Runner({"answer": 42}), threading.Barrier(2)

    def meet(_: State) -> bool:
        with suppress(threading.BrokenBarrierError):
            meeting.wait(0.2)
            return True
        return False

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lambda _: runner.run(meet), range(2))) == [False, False]
