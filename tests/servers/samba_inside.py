"""Runs Samba in a network namespace of its own, where its ports are free, and leads Unix sockets to
them.
"""

import fcntl
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Thread


def forward(listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
    """Answer each connection by another one, until the listener is closed."""
    with suppress(OSError):  # the listener is closed at the end
        while True:
            here, _ = listener.accept()
            try:
                there = connect()
            except OSError:
                here.close()
                continue
            Thread(target=_join, args=(here, there), daemon=True).start()


def _join(here: socket.socket, there: socket.socket) -> None:
    with here, there:
        back = Thread(target=_pump, args=(there, here), daemon=True)
        back.start()
        _pump(here, there)
        back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _start_loopback() -> None:
    """Set the flag IFF_UP of `lo` (netdevice(7)), as `ip link set lo up` does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8914, struct.pack("16sh14x", b"lo", 0x1))


def run(folder: Path, command: Sequence[str]) -> None:
    """Run Samba until the input ends, and lead Unix sockets to its ports."""
    _start_loopback()
    silent = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent) as samba:
        for port in (389, 636):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(folder / str(port)))
            listener.listen()
            connect = partial(socket.create_connection, ("127.0.0.1", port))
            while True:
                try:
                    connect().close()
                    break
                except ConnectionRefusedError:
                    if samba.poll() is not None:
                        return
            Thread(target=forward, args=(listener, connect), daemon=True).start()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()
        samba.terminate()


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2:])
