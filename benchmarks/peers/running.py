"""The list of peers, and how each starts and ends."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from benchmarks.cores import Cores, pinned

ROOT = Path(__file__).parents[2]

_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
_START, _END = 120.0, 30.0


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """A program to measure.

    `title`: its name in tables and plots.
    `sends`: whether it makes mails.
    `is_keyturn`: whether its mails need a worker of Keyturn.
    """

    title: str
    command: Sequence[str]
    sends: bool = False
    is_keyturn: bool = False


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A peer that answers. `folder` holds its files of requests and its list of mails."""

    folder: Path
    url: str
    port: int
    pid: int

    def requests(self, operation: str) -> Path:
        return self.folder / f"{operation}.json"

    def sent(self) -> list[str]:
        """Return a line for each call of its sender: the address and the kind of mail."""
        file = self.folder / "sent"
        return file.read_text("utf-8").splitlines() if file.exists() else []


def python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.peers.{module}", *arguments]


PEERS: Mapping[str, Peer] = {
    "hello": Peer(title="hello", command=python("hello")),
    "keyturn": Peer(title="Keyturn", command=python("keyturn"), sends=True, is_keyturn=True),
    "keyturn-over-table": Peer(
        title="Keyturn, an app's table",
        command=python("keyturn", "--over-table"),
        sends=True,
        is_keyturn=True,
    ),
    "keyturn-in-memory": Peer(
        title="Keyturn, limits in memory",
        command=python("keyturn", "--in-memory"),
        sends=True,
        is_keyturn=True,
    ),
    "straight": Peer(title="Litestar + ORM", command=python("straight")),
    "django": Peer(title="Django", command=python("django_site"), sends=True),
}


@contextmanager
def running(peer: Peer, folder: Path, url: str, accounts: int, cores: Cores) -> Iterator[Running]:
    """Start a peer, on the server's core. Raises SystemExit with its log if it does not start."""
    folder.mkdir()
    with (folder / "log").open("wb") as log:
        command = pinned([*peer.command, str(folder), url, str(accounts)], cores.server)
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        port = _port(process, folder / "log", peer.title)
        yield Running(folder=folder, url=url, port=port, pid=process.pid)
    finally:
        end(process)


def _port(process: "subprocess.Popen[bytes]", log: Path, title: str) -> int:
    until = time.monotonic() + _START
    while not (found := _ADDRESS.search(log.read_text("utf-8", "replace"))):
        if process.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"{title} did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")
        time.sleep(0.05)
    return int(found[1])


def end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def keyturn_worker(keyturn: Running, *cores: int) -> Iterator["tuple[int, Callable[[], None]]"]:
    """Start a worker for `keyturn` on `cores`.

    Once it is warm, yield its process id and what lets it continue.
    """
    command = pinned(python("keyturn_worker", str(keyturn.folder)), *cores)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    log = (keyturn.folder / "worker.log").open("ab")
    with (
        log,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        ) as process,
    ):
        try:
            assert process.stdout
            assert process.stdin
            if process.stdout.readline() != b"ready\n":
                text = (keyturn.folder / "worker.log").read_text("utf-8", "replace")
                raise SystemExit(f"the worker did not start:\n{text[-2000:]}")
            yield process.pid, partial(_begin, process)
        finally:
            end(process)


def _begin(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin
    process.stdin.write(b"begin\n")
    process.stdin.flush()
