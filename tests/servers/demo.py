"""`keyturn demo` as a newcomer starts it: a process of its own, in an empty folder."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_PATIENCE = 30
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


class Demo:
    """`greeting` is what it printed once it was ready; `url` is where it answers."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.greeting = self._read_greeting()
        self.url = re.findall(r"http://[\d.:]+", _ESCAPES.sub("", self.greeting))[0]

    def address_of(self, row: str) -> str:
        """Return the address of a row of the greeting, such as "Studio"."""
        return str(re.findall(rf"^  {row} +(http\S+)", _ESCAPES.sub("", self.greeting), re.MULTILINE)[0])

    def _read_greeting(self) -> str:
        assert self.process.stdout
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                return "".join(lines)
        raise AssertionError(f"the demo ended before it was ready:\n{''.join(lines)}")

    def interrupt(self) -> tuple[int, str]:
        """Press Ctrl-C; return the exit code and what was printed after."""
        self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=_PATIENCE)
        return self.process.returncode, rest


@contextmanager
def running_demo(command: Sequence[str], folder: Path, **environment: str) -> Iterator[Demo]:
    """Run `command` in `folder`; end it if the test did not."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Demo(process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(_PATIENCE)
        if process.stdout:
            process.stdout.close()
