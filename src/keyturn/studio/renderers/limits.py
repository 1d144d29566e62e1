"""The work of a renderer, within its limits of seconds and memory."""

import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import ceil
from multiprocessing.connection import Connection
from pathlib import Path
from pickle import PicklingError
from time import process_time
from types import FrameType
from typing import Any, Literal, NamedTuple, NoReturn

from msgspec import Struct

from keyturn.errors import KeyturnError

PATIENCE = 3  # seconds by the clock for each second of the processor
# Seconds until an alarm is repeated that some code has caught and passed over, as `except
# Exception` may.
_AGAIN = 0.5
_SOON = 0.001  # seconds until an alarm that came due while another one counted


class Job(NamedTuple):
    """A call of a function of a module, with the state of the renderer before the arguments.

    `seconds`: of processor time that it may take.
    """

    seconds: float
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


class JobResult(NamedTuple):
    """The value of a job, or what it raised: LimitExceeded if it passed a limit."""

    value: Any
    error: Exception | None = None


class Limits(Struct, frozen=True):
    """How much one mail may take.

    `seconds`: of processor time; by the clock, PATIENCE times as many. `megabytes`: of memory,
    beyond what the renderer has when it starts.
    """

    seconds: float = 5
    megabytes: int = 512


class LimitExceeded(KeyturnError):
    """Work was stopped: it took too long, took too much memory, or ended its process ("crash")."""

    def __init__(self, limit: Literal["time", "memory", "crash"]) -> None:
        self.limit = limit
        super().__init__(limit)


class OutOfTime(Exception):
    """Raised within the work when its time is over, so that the line of the template is known."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        unit = "second" if seconds == 1 else "seconds"
        super().__init__(f"it takes longer than {seconds:g} {unit}")


class _Alarm:
    """The alarm of this process, if it is a renderer: in other processes the signal is not ours."""

    is_ours = False
    seconds = 0.0


def take_alarm() -> None:
    """Let `limited_time` interrupt the main thread of this process."""
    signal.signal(signal.SIGPROF, _end_work)
    _Alarm.is_ours = True


@contextmanager
def limited_time(seconds: float) -> Iterator[None]:
    """Raise OutOfTime after seconds of processor time, in renderers alone.

    An outer limit goes on afterwards.
    """
    if not _Alarm.is_ours:
        yield
        return
    outer = _Alarm.seconds
    start = process_time()
    _Alarm.seconds = seconds
    left, _ = signal.setitimer(signal.ITIMER_PROF, seconds, _AGAIN)
    try:
        yield
    finally:
        if left:
            left = max(left - (process_time() - start), _SOON)
        signal.setitimer(signal.ITIMER_PROF, left, _AGAIN)
        _Alarm.seconds = outer


def limit_processor(seconds: float) -> None:
    """Let the system end this process (SIGXCPU) if a job cannot be interrupted, as within a library
    in C.
    """
    import resource

    with suppress(OSError, ValueError):
        most = ceil(process_time() + seconds) + 1
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (most, hard))


def limit_memory(megabytes: int) -> None:
    """Limit the memory of this process beyond what it has now; more is a MemoryError.

    Only on Linux (RLIMIT_DATA).
    """
    if sys.platform != "linux":
        return
    import resource  # missing on Windows

    with suppress(OSError, ValueError):  # a lower limit is set
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[5])
        most = pages * resource.getpagesize() + megabytes * 1024**2
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _end_work(_: int, __: FrameType | None) -> NoReturn:
    raise OutOfTime(_Alarm.seconds)


def work(connection: "Connection[Any, Any]", state: object, limits: Limits) -> None:
    """Answer each `Job` of a connection with a `JobResult`, until the connection is closed."""
    take_alarm()
    limit_memory(limits.megabytes)
    with suppress(EOFError, OSError):
        while True:
            result = _do(connection.recv(), state)
            try:
                connection.send(result)
            except (PicklingError, AttributeError, TypeError) as error:
                connection.send(JobResult(None, TypeError(str(error))))


def _do(job: Job, state: object) -> JobResult:
    try:
        limit_processor(job.seconds)
        with limited_time(job.seconds):
            return JobResult(job.function(state, *job.arguments))
    except OutOfTime:
        return JobResult(None, LimitExceeded("time"))
    except MemoryError:
        return JobResult(None, LimitExceeded("memory"))
    except Exception as error:  # noqa: BLE001 - the requesting process handles it
        error.add_note("".join(traceback.format_exception(error)).rstrip())
        return JobResult(None, _as_sent(error))


def _as_sent(error: Exception) -> Exception:
    """Return an exception that can be pickled: some cannot be rebuilt from their arguments."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - it runs whatever code the exception's class has
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
