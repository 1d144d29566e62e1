"""`keyturn serve`, `keyturn worker` and apps as processes of their own."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

_PATIENCE = 30


class Running:
    """A process whose standard error is read as it comes. `said` holds its lines so far."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.said: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            with self._changed:
                self.said.append(line.rstrip())
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(self, words: str, times: int = 1) -> str:
        """Return the first line that holds the words, as soon as it is there; or the second, or a later one."""

        def found() -> str | None:
            return next(iter([line for line in self.said if words in line][times - 1 :]), None)

        with self._changed:
            self._changed.wait_for(lambda: found() or self._ended, _PATIENCE)
            line = found()
        assert line, f"no line with {words!r} in:\n" + "\n".join(self.said)
        return line

    @property
    def url(self) -> str:
        """Where `keyturn serve` or uvicorn answers, as soon as it says so."""
        return self.wait_for(" on http://").partition(" on ")[2].split()[0]

    def refusal(self) -> str:
        """Return the one line that a command that does not start says before it ends with 1."""
        assert self.process.wait(_PATIENCE) == 1
        self._reader.join()
        (line,) = self.said
        return line

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(_PATIENCE)
        self._reader.join()
        if self.process.stderr:
            self.process.stderr.close()
        return code


def running(*arguments: str, **environment: str) -> AbstractContextManager[Running]:
    """Run a command of Keyturn's; end it where the test did not."""
    return running_program([sys.executable, "-m", "keyturn", *arguments], None, **environment)


@contextmanager
def running_program(words: Sequence[str], folder: Path | None, **environment: str) -> Iterator[Running]:
    """Run any program, by default in this folder; stop it after the test."""
    process = subprocess.Popen(
        words,
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    command = Running(process)
    try:
        yield command
    finally:
        command.end()
