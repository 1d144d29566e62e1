"""Where a demo keeps what people do in it."""

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keyturn.errors import KeyturnError
from keyturn.private_files import make_private_file, make_private_folder
from keyturn.settings import Secret

FOLDER = Path(".keyturn")


class DemoRuns(KeyturnError):
    """Another demo runs in the folder."""


class DemoFolder:
    """`.keyturn/`, or a folder in it: its owner's alone, since captured mails hold links that work."""

    def __init__(self, example: str = "") -> None:
        self.path = FOLDER / example

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep a second demo out: one could mail the links of the other. Raises DemoRuns."""
        with (self.create() / "lock").open("w") as lock:
            if sys.platform != "win32":
                import fcntl  # not to be had on Windows

                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise DemoRuns("a demo runs in this folder already; end it, or start this one elsewhere") from None
            yield

    def secret(self) -> Secret:
        """Return the demo's own secret key, the same at every start, so that it can open what it sealed."""
        file = self.create() / "secret"
        if not file.exists():
            make_private_file(file, secrets.token_hex(32).encode())
        return Secret(file.read_text())

    def sqlite(self, name: str) -> Secret:
        return Secret(f"sqlite:///{self.path / name}")

    def create(self) -> Path:
        return make_private_folder(self.path)
