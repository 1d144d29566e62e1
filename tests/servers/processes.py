"""`keyturn` and other programs as processes of their own: run to their end, or while a test
lasts.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

KEYTURN = (sys.executable, "-m", "keyturn")

_PATIENCE = 50
"""Seconds for a start, an answer or an end.

A worker gets more to its end, and so a wait for that is noticed.
"""

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def run(
    words: Sequence[str], folder: Path | None = None, stdin: str = "", /, **environment: str
) -> "subprocess.CompletedProcess[str]":
    everything = {**os.environ, **environment}
    return subprocess.run(
        words,
        cwd=folder,
        env=everything,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def output_of(
    words: Sequence[str], folder: Path | None = None, stdin: str = "", /, **environment: str
) -> str:
    done = run(words, folder, stdin, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Running:
    """A process whose output is read as it comes. `said` holds its lines so far."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.said: list[str] = []
        self._output = process.stdout or process.stderr
        self._changed = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._output
        for line in self._output:
            with self._changed:
                self.said.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(self, words: str, times: int = 1) -> str:
        """Return the first line that holds the words, as soon as it is there; or the second, or a
        later one.
        """

        def found() -> str | None:
            return next(iter([line for line in self.said if words in line][times - 1 :]), None)

        with self._changed:
            self._changed.wait_for(lambda: found() or self._ended, _PATIENCE)
            line = found()
        assert line, f"no line with {words!r} in:\n" + "\n".join(self.said)
        return line

    @property
    def url(self) -> str:
        return self.wait_for(" on http://").partition(" on ")[2].split()[0]

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return httpx2.get(f"{self.url}{path}", timeout=_PATIENCE, **more)

    def post(self, path: str, **more: Any) -> httpx2.Response:
        return httpx2.post(f"{self.url}{path}", timeout=_PATIENCE, **more)

    def refusal(self) -> str:
        """Return the one line that a command that does not start says before it ends with 1."""
        assert self.process.wait(_PATIENCE) == 1
        self._reader.join()
        (line,) = self.said
        return line

    def end(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(_PATIENCE)
        self._reader.join()
        if self._output:
            self._output.close()
        return code


class Demo(Running):
    """`keyturn demo` or `keyturn studio`, whose standard output is read as well."""

    @cached_property
    def greeting(self) -> str:
        last = self.wait_for("Ctrl-C")
        return _text(self.said[: self.said.index(last) + 1])

    @property
    def url(self) -> str:
        """The address for programs, which may not resolve a name of localhost as browsers do."""
        return f"http://127.0.0.1:{urlsplit(self.address_for_browsers).port}"

    @property
    def address_for_browsers(self) -> str:
        return str(re.findall(r"http://[\w.-]+:\d+", _ESCAPES.sub("", self.greeting))[0])

    def visit(self, row: str) -> httpx2.Response:
        """Open the address of a row of the greeting, as a browser does, which finds its host on
        this machine.
        """
        path = self.address_of(row).removeprefix(self.address_for_browsers)
        return self.get(
            path,
            headers={"host": urlsplit(self.address_for_browsers).netloc},
            follow_redirects=True,
        )

    def address_of(self, row: str) -> str:
        """Return the address of a row of the greeting, such as "Studio"."""
        return str(
            re.findall(rf"^  {row} +(http\S+)", _ESCAPES.sub("", self.greeting), re.MULTILINE)[0]
        )

    def interrupt(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Press Ctrl-C, or send another signal; return the exit code and what was printed after."""
        code = self.end(number)
        return code, _text(self.said).removeprefix(self.greeting)


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def running(*arguments: str, **environment: str) -> AbstractContextManager[Running]:
    return running_program([*KEYTURN, *arguments], None, **environment)


@contextmanager
def running_program(
    words: Sequence[str], folder: Path | None, **environment: str
) -> Iterator[Running]:
    command = Running(_started(words, folder, environment, stderr=subprocess.PIPE))
    try:
        yield command
    finally:
        command.end()


@contextmanager
def running_demo(command: Sequence[str], folder: Path, **environment: str) -> Iterator[Demo]:
    everything = {
        "XDG_CACHE_HOME": str(folder / ".cache"),
        **environment,
    }  # where a studio keeps its token
    demo = Demo(
        _started(command, folder, everything, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    )
    try:
        assert demo.greeting
        yield demo
    finally:
        demo.end(signal.SIGINT)


def _started(
    words: Sequence[str],
    folder: Path | None,
    environment: dict[str, str],
    stderr: int,
    stdout: int | None = None,
) -> "subprocess.Popen[str]":
    everything = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
    return subprocess.Popen(
        words, cwd=folder, env=everything, text=True, stdout=stdout, stderr=stderr
    )
