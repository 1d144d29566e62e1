"""Renderers: what they are asked, what ends them, and that nothing is left of them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from keyturn.errors import TemplateInvalid
from keyturn.studio.renderers import LimitExceeded, Limits, RendererPool
from keyturn.studio.renderers.limits import OutOfTime, limited_time

pytestmark = pytest.mark.long

State = dict[str, int]


@pytest.fixture(scope="module")
def workers() -> Iterator[RendererPool[State]]:
    with RendererPool({"answer": 42}, Limits(seconds=120, megabytes=64), most=2) as workers:
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


def take_memory(_: State) -> int:
    return len(bytearray(200_000_000))


def die(_: State) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(_: State) -> None:
    raise TemplateInvalid("a.mjml", 3, "it is broken")


def answer_badly(_: State) -> object:
    return lambda: None


def wait(_: State) -> None:
    time.sleep(600)


def meet(_: State, barrier: str) -> int:
    """Return this process once another one came here, too."""
    (Path(barrier) / str(os.getpid())).touch()
    while len([*Path(barrier).iterdir()]) < 2:
        time.sleep(0.001)
    return os.getpid()


def limit_each(_: State) -> list[str]:
    """Do two things, the first of which never ends."""
    done = []
    for steps in (10**12, 1):
        try:
            with limited_time(0.05):
                for _step in range(steps):
                    pass
            done.append("done")
        except OutOfTime as error:
            done.append(str(error))
    return done


def test_a_worker_has_the_state_and_is_kept_for_the_next_job(workers: RendererPool[State]) -> None:
    assert workers.run(read, "answer") == 42
    assert workers.run(number) == workers.run(number) != os.getpid()


def test_what_a_job_raises_is_raised(workers: RendererPool[State]) -> None:
    before = workers.run(number)
    with pytest.raises(KeyError, match="question"):
        workers.run(read, "question")
    with pytest.raises(TemplateInvalid, match=r"a\.mjml:3: it is broken") as raised:
        workers.run(refuse)
    assert raised.value.line == 3
    with pytest.raises(TypeError, match="pickle"):
        workers.run(answer_badly)
    assert workers.run(number) == before


@pytest.mark.parametrize(
    ("job", "limit", "replaced"),
    [
        (loop, "time", False),
        (loop_once_more, "time", False),
        (loop_on, "time", True),
        (loop_deaf, "time", True),
        (wait, "time", True),
        (take_memory, "memory", True),
        (die, "crash", True),
    ],
)
def test_a_worker_that_passes_a_limit_is_replaced(
    workers: RendererPool[State],
    job: Callable[[State], object],
    limit: str,
    replaced: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("keyturn.studio.renderers.pool._GRACE", 0.2 if job is wait else 60)
    before = workers.run(number)
    with pytest.raises(LimitExceeded) as exceeded:
        workers.run_for(0.1, job)
    assert exceeded.value.limit == limit
    after = workers.run(number)
    assert (after != before) is replaced
    if replaced:
        _wait_for_end(before)
    assert workers.run(read, "answer") == 42


def test_limits_lie_within_each_other(workers: RendererPool[State]) -> None:
    assert workers.run(limit_each) == ["it takes longer than 0.05 seconds", "done"]


def test_when_nothing_is_asked_for_a_while_one_worker_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyturn.studio.renderers.pool._QUIET", 0.05)
    with RendererPool[State]({}, Limits(seconds=120), most=2) as workers, ThreadPoolExecutor(2) as threads:
        first, second = threads.map(lambda _: workers.run(meet, str(tmp_path)), range(2))
        kept = workers.run(number)
        _wait_for_end(second if kept == first else first)

        assert workers.run(number) == kept


_PARENT = """
import os, sys, threading
from keyturn.studio.renderers import Limits, RendererPool
from tests.emails.renderers.test_renderers import loop, number
workers = RendererPool({}, Limits(seconds=600), most=1)
print(workers.run(number), workers._spawner._pid, flush=True)
workers.run(loop)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_parent_however_it_ends(how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT],
        cwd=Path.cwd(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        if how == signal.SIGINT:
            os.killpg(parent.pid, how)  # as a terminal does it
        else:
            parent.send_signal(how)
        parent.wait(60)
    for pid in pids:
        _wait_for_end(pid)


def _wait_for_end(pid: int) -> None:
    """Wait until there is no such process, or only what is left of one."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state in "ZX":
            return
        time.sleep(0.005)
    raise AssertionError(f"process {pid} is still there")
