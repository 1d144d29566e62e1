"""The renderers of this process. Any thread may ask one, and waits for its answer."""

import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pickle import PicklingError
from typing import Any, Concatenate, Generic, Literal, ParamSpec, TypeVar

from msgspec import Struct

from keyturn.studio.renderers.limits import (
    PATIENCE,
    LimitExceeded,
    Limits,
    OutOfTime,
    limit_memory,
    limit_processor,
    limited_time,
    take_alarm,
)
from keyturn.studio.renderers.spawner import Spawner

Job = tuple[float, Callable[..., Any], tuple[Any, ...]]
"""The seconds that it may take, a function, and its arguments."""


class JobResult(Struct, frozen=True):
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
    seconds, function, arguments = job
    try:
        limit_processor(seconds)
        with limited_time(seconds):
            return JobResult(function(state, *arguments))
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


S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)
P = ParamSpec("P")
R = TypeVar("R")

_GRACE = 5.0
"""Seconds by the clock beyond that, so that a renderer on a busy machine can report the limit itself."""

_Renderer = tuple[int, "Connection[Any, Any]"]


class Runner(Generic[S_co]):
    """Does work on the `state` that it was made with: here in the requesting process, within the sandbox alone.

    Functions are named by their module, arguments are pickled.
    """

    def __init__(self, state: S_co, limits: Limits | None = None) -> None:
        self._state = state
        self._limits = limits or Limits()

    def run(self, function: Callable[Concatenate[S_co, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the result of the function. Raises LimitExceeded, and what the function raises."""
        return self.run_for(self._limits.seconds, partial(function, **kwargs) if kwargs else function, *args)

    def run_for(self, seconds: float, function: Callable[..., R], *args: Any) -> R:  # noqa: ARG002 - nothing ends it
        """Do the same with another time limit."""
        return function(self._state, *args)

    def start(self) -> None:
        """Get ready for the first request."""

    def close(self) -> None:
        """End all work. Waiting threads get LimitExceeded."""


class RendererPool(Runner[S_co]):
    """Has work done in up to `most` processes, each with the `state` at the time when this was made.

    Make it before there are threads. A renderer is started when no other is free, and ended when it passes a limit.
    """

    def __init__(self, state: S_co, limits: Limits, most: int) -> None:
        super().__init__(state, limits)
        self._most = most
        self._idle: list[_Renderer] = []
        self._busy: set[int] = set()
        self._closed = False
        self._changed = threading.Condition()
        self._spawner = Spawner(lambda connection: work(connection, state, limits))

    def start(self) -> None:
        """Have one renderer ready before the first request."""
        self._give_back(self._take())

    def run_for(self, seconds: float, function: Callable[..., R], *args: Any) -> R:
        renderer = self._take()
        try:
            answer = _ask(renderer[1], (seconds, function, args))
        except EOFError:
            ended_by = self._discard(renderer)
            raise LimitExceeded("time" if ended_by == signal.SIGXCPU else "crash") from None
        except BaseException:
            self._discard(renderer)
            raise
        if answer.limit == "memory":  # the process may not return the memory
            self._discard(renderer)
        else:
            self._give_back(renderer)
        if answer.limit:
            raise LimitExceeded(answer.limit)
        if answer.raised:
            raise answer.raised
        value: R = answer.value
        return value

    def close(self) -> None:
        with self._changed:
            if self._closed:
                return
            self._closed = True
            for pid in self._busy:
                self._spawner.end(pid)
            self._changed.notify_all()
        self._spawner.close()

    def _take(self) -> _Renderer:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._idle or len(self._busy) < self._most)
            if self._closed:
                raise LimitExceeded("crash")
            try:
                renderer = self._idle.pop() if self._idle else self._spawner.start()
            except OSError as error:
                raise LimitExceeded("crash") from error
            self._busy.add(renderer[0])
            return renderer

    def _give_back(self, renderer: _Renderer) -> None:
        with self._changed:
            self._busy.discard(renderer[0])
            self._idle.append(renderer)
            self._changed.notify()

    def _discard(self, renderer: _Renderer) -> int:
        """End a renderer; return the signal that ended it."""
        renderer[1].close()
        with self._changed:
            self._busy.discard(renderer[0])
            self._changed.notify()
            return 0 if self._closed else self._spawner.end(renderer[0])


def renderers_for(state: S, limits: Limits, most: int) -> Runner[S]:
    return RendererPool(state, limits, most) if hasattr(os, "fork") else Runner(state)


def _ask(connection: "Connection[Any, Any]", job: Job) -> JobResult:
    try:
        connection.send(job)
        if not connection.poll(job[0] * PATIENCE + _GRACE):
            raise LimitExceeded("time")
        answer: JobResult = connection.recv()
    except OSError as error:  # a pipe that the other side has closed
        raise EOFError from error
    return answer
