"""The process that forks renderers and ends them. It has a single thread, unlike its parent.

It is forked when the folder is open and nothing runs yet. It owns its renderers: they end on request, and all of them
when the parent is gone, however it ended. Until then it keeps their process ids from being reused.
"""

import gc
import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import NoReturn

_START, _END = b"s", b"e"
_NUMBER = 8
"""Octets of a process id in a message."""

Serve = Callable[["Connection[object, object]"], None]
"""Serves a connection until it is closed."""


class Spawner:
    """Starts renderers, which do `serve`."""

    def __init__(self, serve: Serve) -> None:
        self._control, theirs = socket.socketpair()
        self._one_at_a_time = threading.Lock()
        self._pid = os.fork()
        if self._pid == 0:
            self._control.close()
            _be_spawner(theirs, serve)
        theirs.close()

    def start(self) -> tuple[int, "Connection[object, object]"]:
        """Return the process id of a new renderer, and its connection. Raises OSError if the spawner is gone."""
        ours, theirs = Pipe()
        with self._one_at_a_time, theirs:
            socket.send_fds(self._control, [_START + bytes(_NUMBER)], [theirs.fileno()])
            answer = self._control.recv(_NUMBER, socket.MSG_WAITALL)
        if len(answer) < _NUMBER:
            raise ConnectionResetError("the process that starts the renderers has ended")
        return int.from_bytes(answer, "big"), ours

    def end(self, pid: int) -> int:
        """End a renderer at once. Return the signal that ended it: an earlier one, or SIGKILL."""
        with suppress(OSError), self._one_at_a_time:
            self._control.sendall(_END + pid.to_bytes(_NUMBER, "big"))
            return int.from_bytes(self._control.recv(_NUMBER, socket.MSG_WAITALL), "big")
        return 0

    def close(self) -> None:
        with self._one_at_a_time:
            self._control.close()
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _be_spawner(control: socket.socket, serve: Serve) -> NoReturn:
    renderers: set[int] = set()
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends it
        signal.signal(signal.SIGTERM, _exit)
        gc.freeze()  # or a collection would write to every page that is shared
        _spawn(control, serve, renderers)
    finally:
        for pid in renderers:
            _kill(pid)
        os._exit(0)


def _spawn(control: socket.socket, serve: Serve, renderers: set[int]) -> None:
    while True:
        message, handles, _, _ = socket.recv_fds(control, 1 + _NUMBER, 1)
        if len(message) <= _NUMBER:
            return
        if message[:1] == _START:
            pid = _fork_renderer(control, handles[0], serve)
            renderers.add(pid)
            control.sendall(pid.to_bytes(_NUMBER, "big"))
        elif (pid := int.from_bytes(message[1:], "big")) in renderers:
            renderers.remove(pid)
            control.sendall(_kill(pid).to_bytes(_NUMBER, "big"))


def _fork_renderer(control: socket.socket, handle: int, serve: Serve) -> int:
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
        status = os.waitpid(pid, 0)[1]
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return 0


def _exit(_: int, __: object) -> NoReturn:
    raise SystemExit
