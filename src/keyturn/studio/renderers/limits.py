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
from typing import Any, Literal, NoReturn

from msgspec import Struct

from keyturn.errors import KeyturnError

PATIENCE = 3
# seconds until an alarm is repeated that some code has caught and passed over, as `except
# Exception` may
_AGAIN = 0.5
_SOON = 0.001  # seconds until an alarm that came due while another one counted
# The seconds that it may take, a function, and its arguments.
Job = tuple[float, Callable[..., Any], tuple[Any, ...]]
# The value of a job, or what it raised: LimitExceeded if it passed a limit.
JobResult = tuple[Any, Exception | None]


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
        super().__init__(f"it takes longer than {seconds:g} second{'' if seconds == 1 else 's'}")


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
    outer, start = _Alarm.seconds, process_time()
    _Alarm.seconds = seconds
    left = signal.setitimer(signal.ITIMER_PROF, seconds, _AGAIN)[0]
    try:
        yield
    finally:
        signal.setitimer(
            signal.ITIMER_PROF, max(left - (process_time() - start), _SOON) if left else 0, _AGAIN
        )
        _Alarm.seconds = outer


def limit_processor(seconds: float) -> None:
    """Let the system end this process (SIGXCPU) if a job cannot be interrupted, as within a library
    in C.
    """
    import resource

    with suppress(OSError, ValueError):
        most = ceil(process_time() + seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))


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
        resource.setrlimit(
            resource.RLIMIT_DATA, (most, resource.getrlimit(resource.RLIMIT_DATA)[1])
        )


def _end_work(_: int, __: FrameType | None) -> NoReturn:
    raise OutOfTime(_Alarm.seconds)


def work(connection: "Connection[Any, Any]", state: object, limits: Limits) -> None:
    take_alarm()
    limit_memory(limits.megabytes)
    with suppress(EOFError, OSError):
        while True:
            answer = _do(connection.recv(), state)
            try:
                connection.send(answer)
            except (PicklingError, AttributeError, TypeError) as error:
                connection.send((None, TypeError(str(error))))


def _do(job: Job, state: object) -> JobResult:
    seconds, function, arguments = job
    try:
        limit_processor(seconds)
        with limited_time(seconds):
            return function(state, *arguments), None
    except OutOfTime:
        return None, LimitExceeded("time")
    except MemoryError:
        return None, LimitExceeded("memory")
    except Exception as error:  # noqa: BLE001 - the requesting process handles it
        error.add_note("".join(traceback.format_exception(error)).rstrip())
        return None, _as_sent(error)


def _as_sent(error: Exception) -> Exception:
    """Return an exception that can be pickled: some cannot be rebuilt from their arguments."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - it runs whatever code the exception's class has
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
