"""The loop of a renderer: one job after the other, each within its limits, until the connection closes."""

import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pickle import PicklingError
from typing import Any, Literal

from keyturn.emails.workers.limits import Limits, OutOfTime, limit_memory, limit_processor, limited_time, take_alarm


@dataclass(frozen=True, slots=True)
class Job:
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class JobResult:
    """The outcome of a job: its value, its exception, or the limit that it passed."""

    value: Any = None
    raised: BaseException | None = None
    limit: Literal["", "time", "memory"] = ""


def work(connection: "Connection[Any, Any]", state: object, limits: Limits) -> None:
    take_alarm()
    limit_memory(limits.megabytes)
    while True:
        try:
            job = connection.recv()
        except (EOFError, OSError):
            return
        answer = _do(job, state)
        try:
            connection.send(answer)
        except (PicklingError, AttributeError, TypeError) as error:
            connection.send(JobResult(raised=TypeError(str(error))))


def _do(job: Job, state: object) -> JobResult:
    try:
        limit_processor(job.seconds)
        with limited_time(job.seconds):
            return JobResult(job.function(state, *job.arguments))
    except OutOfTime:
        return JobResult(limit="time")
    except MemoryError:
        return JobResult(limit="memory")
    except Exception as error:  # noqa: BLE001 - the requesting process handles it
        error.add_note("".join(traceback.format_exception(error)).rstrip())
        return JobResult(raised=_as_sent(error))


def _as_sent(error: Exception) -> Exception:
    """Return an exception that can be pickled: some cannot be rebuilt from their arguments."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - it runs whatever code the exception's class has
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
