"""Keyturn's processes, as an operator runs them, that can be killed at any moment and started again."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Self

API: Sequence[str] = ("serve", "--no-worker", "--port", "0")
WORKER: Sequence[str] = ("worker",)
_PATIENCE = 30
_ANSWERS_ON = re.compile(r"http://[\d.:]+")


def _unmeasured() -> dict[str, str]:
    """Return the environment without coverage's: who is killed reports nothing, and would only start more slowly."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


class Process:
    """One `keyturn ...` of `python`, which ends with its block. `said` is all that it and its predecessors wrote."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], said: list[str], python: str = sys.executable
    ) -> None:
        self._command = [python, "-m", "keyturn", *arguments]
        self._environment = {**_unmeasured(), **environment}
        self.said = said
        self.url = ""
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and return once it says that it is ready."""
        self._process = subprocess.Popen(
            self._command, env=self._environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        ready = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(ready,))
        self._reader.start()
        assert ready.wait(_PATIENCE), "".join(self.said[-20:])
        assert self._process.poll() is None, "".join(self.said[-20:])

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._wait()

    def stop(self) -> int:
        """End it as an operator would; return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._wait()
        return self._process.returncode

    def _wait(self) -> None:
        self._process.wait(_PATIENCE)
        self._reader.join(_PATIENCE)

    def _read(self, ready: threading.Event) -> None:
        assert self._process.stderr
        with self._process.stderr as stderr:
            for line in stderr:
                self.said.append(line)
                if "Keyturn answers" in line or "The worker is running" in line:
                    if found := _ANSWERS_ON.search(line):
                        self.url = found[0]
                    ready.set()
        ready.set()
