"""A command whose output is a terminal."""

import os
import pty
import subprocess
import sys


def in_a_terminal(*arguments: str, **environment: str) -> str:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "keyturn", *arguments]
    done = subprocess.run(command, env={**os.environ, **environment}, stdout=theirs, stderr=theirs, check=False)
    assert done.returncode in {0, 1}
    os.close(theirs)
    shown = b""
    while part := _read(ours):
        shown += part
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 100_000)
    except OSError:  # EIO: the other side is closed
        return b""
