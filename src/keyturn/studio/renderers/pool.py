"""The renderers of this process, any thread of which may ask one and waits for its answer, and
their spawner.

The spawner is a process with a single thread, unlike its parent. It is forked when the folder is
open and nothing runs yet, forks the renderers, and owns them: they end on request, and all of them
when the parent is gone, however it ended.
"""

import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, Generic, NamedTuple, NoReturn, TypeVar, TypeVarTuple, cast

from keyturn.studio.renderers.limits import PATIENCE, Job, JobResult, LimitExceeded, Limits, work

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)
Ts = TypeVarTuple("Ts")
R = TypeVar("R")

# Seconds by the clock beyond PATIENCE times the limit, so that a renderer on a busy machine can
# report the limit itself.
_GRACE = 5.0
_START = 0  # asks the spawner for a renderer; any other number is the process id of one to end
_OCTETS = 8  # of a number
_Serve = Callable[["Connection[Any, Any]"], None]  # serves a connection until it is closed


class _Renderer(NamedTuple):
    """A process that works on jobs, one at a time, and the connection for jobs and results."""

    pid: int
    connection: "Connection[Any, Any]"


class Runner(Generic[S_co]):
    """Calls functions with a state, one at a time: here in this process, without limits;
    `RendererPool` in others.
    """

    def __init__(self, state: S_co, limits: Limits | None = None) -> None:
        self._state = state
        self._limits = limits or Limits()
        self._turn = threading.RLock()

    def run(self, function: Callable[[S_co, *Ts], R], *args: *Ts) -> R:
        """Return the result of a function of a module.

        Raises LimitExceeded, and what the function raises.
        """
        return self.run_for(self._limits.seconds, function, *args)

    def run_for(
        self,
        seconds: float,  # noqa: ARG002 - in this process, nothing ends it
        function: Callable[..., R],
        *args: Any,
    ) -> R:
        """Do what `run` does, with a limit of its own in seconds of processor time."""
        with self._turn:
            return function(self._state, *args)

    def start(self) -> None:
        """Have one renderer ready before the first request."""

    def close(self) -> None:
        """End all work. Waiting threads get LimitExceeded."""


class RendererPool(Runner[S_co]):
    """Works in up to `most` processes, each with the `state` of the time when the pool was made.

    Make it before there are threads.
    """

    def __init__(self, state: S_co, limits: Limits, most: int) -> None:
        super().__init__(state, limits)
        self._most = most
        self._idle: list[_Renderer] = []
        self._busy: set[int] = set()  # process ids
        self._closed = False
        self._changed = threading.Condition()
        self._spawner = Spawner(lambda connection: work(connection, state, limits))

    def start(self) -> None:
        self._give_back(self._take())

    def run_for(self, seconds: float, function: Callable[..., R], *args: Any) -> R:
        renderer = self._take()
        result: JobResult | None = None
        try:
            renderer.connection.send(Job(seconds, function, args))
            if renderer.connection.poll(seconds * PATIENCE + _GRACE):
                result = renderer.connection.recv()
        except (EOFError, OSError):  # the other side has closed the pipe
            ended_by = self._discard(renderer)
            raise LimitExceeded("time" if ended_by == signal.SIGXCPU else "crash") from None
        except BaseException:
            self._discard(renderer)
            raise
        if result is None:
            self._discard(renderer)
            raise LimitExceeded("time")
        error = result.error
        if isinstance(error, LimitExceeded) and error.limit == "memory":
            self._discard(renderer)  # it may not return the memory to the system
        else:
            self._give_back(renderer)
        if error:
            raise error
        return cast("R", result.value)

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
            self._changed.wait_for(self._has_room)
            if self._closed:
                raise LimitExceeded("crash")
            try:
                renderer = self._idle.pop() if self._idle else self._spawner.start()
            except (OSError, EOFError) as error:
                raise LimitExceeded("crash") from error
            self._busy.add(renderer.pid)
            return renderer

    def _has_room(self) -> bool:
        return self._closed or bool(self._idle) or len(self._busy) < self._most

    def _give_back(self, renderer: _Renderer) -> None:
        with self._changed:
            self._busy.discard(renderer.pid)
            self._idle.append(renderer)
            self._changed.notify()

    def _discard(self, renderer: _Renderer) -> int:
        """End a renderer. Return the signal that ended it, or 0."""
        renderer.connection.close()
        with self._changed:
            self._busy.discard(renderer.pid)
            self._changed.notify()
            if self._closed:
                return 0
            return self._spawner.end(renderer.pid)


def renderers_for(state: S, limits: Limits, most: int) -> Runner[S]:
    """Return a pool of at most this many processes; where there is no fork, this process."""
    if hasattr(os, "fork"):
        return RendererPool(state, limits, most)
    return Runner(state)


class Spawner:
    """Starts renderers, which do `serve`.

    Its orders are numbers: `_START`, beside a pipe, or the process id to end.
    """

    def __init__(self, serve: _Serve) -> None:
        self._control, theirs = socket.socketpair()
        for end in (self._control, theirs):
            end.settimeout(None)  # a project may have set a default
        self._one_at_a_time = threading.Lock()
        self._pid = os.fork()
        if self._pid == 0:
            self._control.close()
            _be_spawner(theirs, serve)
        theirs.close()

    def start(self) -> _Renderer:
        """Return a new renderer. Raises OSError or EOFError if the spawner is gone."""
        ours, theirs = Pipe()
        with theirs, self._one_at_a_time:
            socket.send_fds(self._control, [_START.to_bytes(_OCTETS)], [theirs.fileno()])
            pid = _read_number(self._control.recv(_OCTETS, socket.MSG_WAITALL))
            return _Renderer(pid, ours)

    def end(self, pid: int) -> int:
        """End a renderer at once. Return the signal that ended it (SIGKILL or an earlier one), or
        0.
        """
        with suppress(OSError, EOFError), self._one_at_a_time:
            self._control.sendall(pid.to_bytes(_OCTETS))
            return _read_number(self._control.recv(_OCTETS, socket.MSG_WAITALL))
        return 0

    def close(self) -> None:
        with self._one_at_a_time:
            self._control.close()
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _read_number(octets: bytes) -> int:
    if len(octets) < _OCTETS:
        raise EOFError  # the other side is closed
    return int.from_bytes(octets)


def _be_spawner(control: socket.socket, serve: _Serve) -> NoReturn:
    renderers: set[int] = set()
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends it
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        gc.freeze()  # or a collection would write to every page that is shared
        while True:  # until the parent has closed the socket: an EOFError
            octets, handles, *_ = socket.recv_fds(control, _OCTETS, 1, socket.MSG_WAITALL)
            order = _read_number(octets)
            if order == _START:
                answer = _fork_renderer(control, handles[0], serve)
                renderers.add(answer)
            else:
                renderers.remove(order)
                answer = _kill(order)
            control.sendall(answer.to_bytes(_OCTETS))
    finally:
        for pid in renderers:
            _kill(pid)
        os._exit(0)


def _fork_renderer(control: socket.socket, handle: int, serve: _Serve) -> int:
    pid = os.fork()
    if pid:
        os.close(handle)
        return pid
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        control.close()
        with Connection(handle) as connection:
            serve(connection)
    finally:
        os._exit(0)


def _kill(pid: int) -> int:
    with suppress(OSError):
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status):
            return os.WTERMSIG(status)
    return 0
