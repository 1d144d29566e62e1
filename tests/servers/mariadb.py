"""A real MariaDB for tests, on a Unix socket."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import aiomysql
from tests.programs import search_path
from tests.servers.databases import in_memory
from tests.servers.postgresql_with_tls import unprivileged_user
from tests.servers.serving import make_certificates

# A power cut may lose the data of tests.
_OPTIONS = (
    "--no-defaults", "--skip-networking", "--log-warnings=0", "--performance-schema=off",
    "--skip-name-resolve", "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M",
    "--innodb-flush-log-at-trx-commit=0", "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_general_ci",
)  # fmt: skip


class MariadbServer:
    """Empty databases of one server. Its certificate names localhost, and `root` signs it."""

    def __init__(self, socket: Path, root: Path) -> None:
        self.socket, self.root = socket, root
        self._numbers = count()

    def empty(self) -> str:
        name = f"test_{next(self._numbers)}"
        asyncio.run(self._execute(f"CREATE DATABASE {name}"))
        return f"mysql://root@localhost/{name}?unix_socket={self.socket}"

    def drop(self, url: str) -> None:
        name = url.partition("?")[0].rpartition("/")[2]
        asyncio.run(self._execute(f"DROP DATABASE {name}"))

    async def _execute(self, statement: str) -> None:
        connection = await aiomysql.connect(unix_socket=str(self.socket), user="root")
        try:
            async with connection.cursor() as cursor:
                await cursor.execute(statement)
        finally:
            connection.close()


@contextmanager
def running_mariadb(mariadbd: str) -> Iterator[MariadbServer]:
    """Run the program `mariadbd` in a temporary folder.

    If root starts it, it runs as another user.
    """
    # pytest's own folder would be too long for the path of a Unix socket, which has at most 107
    # bytes (unix(7)).
    with TemporaryDirectory(prefix="keyturn-", dir=in_memory()) as folder:
        socket = Path(folder) / "mariadb.sock"
        make_certificates(Path(folder))
        tls = [f"--ssl-cert={folder}/server.pem", f"--ssl-key={folder}/server.key"]
        places = [
            f"--datadir={folder}/data",
            f"--socket={socket}",
            *_unprivileged(Path(folder)),
            *tls,
        ]
        installing = [
            "mariadb-install-db",
            *_OPTIONS,
            *places,
            "--auth-root-authentication-method=normal",
        ]
        subprocess.run(
            [*installing, "--skip-test-db"],
            check=True,
            capture_output=True,
            env={"PATH": search_path()},
        )
        server = subprocess.Popen([mariadbd, *_OPTIONS, *places], stderr=subprocess.PIPE, text=True)
        try:
            assert server.stderr
            if not any("ready for connections" in line for line in server.stderr):
                raise AssertionError("MariaDB ended before it was ready")
            yield MariadbServer(socket, Path(folder) / "root.pem")
        finally:
            server.terminate()
            server.communicate(timeout=30)


def _unprivileged(folder: Path) -> list[str]:
    user = unprivileged_user("mysql")
    if not user:
        return []
    for path in (folder, folder / "server.key"):
        shutil.chown(path, user)
    return [f"--user={user}"]
