"""A disk of a few megabytes for one process, in a mount namespace of its own, which a test can fill."""

import subprocess
import sys
from pathlib import Path

from tests.programs import leave_out
from tests.worlds.chaos.processes import Process

_MOUNT = 'mount -t tmpfs -o size="$1" keyturn "$2" && cp "$3" "$2/keyturn.db" && shift 3 && exec "$@"'


def require_namespaces() -> None:
    """Skip the test if this user may not mount anything, not even for one process."""
    tried = subprocess.run(["unshare", "-rm", "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        leave_out(f"no process can have a disk of its own here: {tried.stderr.strip()}")


class SmallDisk:
    """A disk that is mounted at `folder` for the processes whose Python is `python`. It begins with a database."""

    def __init__(self, folder: Path, database: Path, *, size: str) -> None:
        self.folder = folder / "disk"
        self.folder.mkdir()
        self.python = folder / "python-on-a-small-disk"
        self.python.write_text(
            "#!/bin/sh\n"
            f"exec unshare -rm sh -c '{_MOUNT}' sh {size} '{self.folder}' '{database}' '{sys.executable}' \"$@\"\n"
        )
        self.python.chmod(0o700)
        self.url = f"sqlite:///{self.folder / 'keyturn.db'}"

    def fill(self, process: Process) -> None:
        """Write until the disk has no room. dd then fails, as it should."""
        filled = self._inside(process, ["dd", "if=/dev/zero", f"of={self.folder / 'ballast'}", "bs=512"])
        assert b"No space left" in filled.stderr

    def make_room(self, process: Process) -> None:
        self._inside(process, ["rm", str(self.folder / "ballast")]).check_returncode()

    def _inside(self, process: Process, command: list[str]) -> "subprocess.CompletedProcess[bytes]":
        entered = ["nsenter", "-t", str(process.pid), "-U", "-m", "--preserve-credentials", *command]
        return subprocess.run(entered, capture_output=True, check=False)
