"""A PostgreSQL with TLS, from Debian. The one from the wheel is built without TLS."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives import serialization
from tests.servers.databases import in_memory
from tests.servers.serving import held_ports, make_certificates

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}

_RULES = """
local all all trust
host by_password all all scram-sha-256
hostssl by_certificate all all cert
host by_certificate all all reject
host all all all trust
"""
"""The rules of sign-ins for each database (pg_hba.conf)."""


class TlsServer:
    """A server on 127.0.0.1 whose certificate names only localhost.

    `root`: the certificate authority that signed it.
    `other_root`: another authority.
    `certificate` and `key`: those of the user postgres.
    `locked_key`: the same key, encrypted with the password "hunter2".

    The database `by_certificate` requires a client certificate. For the name `by_password` no
    password is right.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.root, self.other_root = folder / "root.pem", folder / "other.pem"
        self.certificate, self.key, self.locked_key = (
            folder / name for name in ("user.crt", "user.key", "locked.key")
        )

    def address(self, host: str = "localhost", database: str = "postgres") -> str:
        return f"postgresql://postgres:hunter2@{host}:{self.port}/{database}"

    def create(self, database: str) -> None:
        asyncio.run(self._create(database))

    async def _create(self, database: str) -> None:
        import asyncpg

        connection = await asyncpg.connect(self.address(), ssl=False)
        await connection.execute(f"CREATE DATABASE {database}")
        await connection.close()


@contextmanager
def running_postgres_with_tls(postgres: str) -> Iterator[TlsServer]:
    """Run the program `postgres` in a temporary folder.

    If root starts it, it runs as another user.
    """
    initdb = Path(postgres).resolve().with_name("initdb")
    with TemporaryDirectory(prefix="keyturn-", dir=in_memory()) as name, held_ports(1) as (port,):
        folder, user = Path(name), unprivileged_user()
        server = TlsServer(folder, port)
        _make_certificates(server, folder)
        (folder / "pg_hba.conf").write_text(_RULES)
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, user) if user else None
        data = folder / "data"
        making: list[str | Path] = [
            initdb,
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        subprocess.run(
            making, check=True, capture_output=True, user=user, env=ENVIRONMENT, cwd=folder
        )
        options = {
            "listen_addresses": "127.0.0.1",
            "port": server.port,
            "unix_socket_directories": folder,
            "fsync": "off",
            "hba_file": folder / "pg_hba.conf",
            "ssl": "on",
            "ssl_cert_file": folder / "server.pem",
            "ssl_key_file": folder / "server.key",
            "ssl_ca_file": server.root,
        }
        with serving_postgres(postgres, data, options, user):
            server.create("by_certificate")
            yield server


@contextmanager
def serving_postgres(
    postgres: str | Path, data: Path, options: Mapping[str, object], user: str | None
) -> "Iterator[subprocess.Popen[str]]":
    """Run a server once it takes connections, until the block ends, or the test has ended it."""
    said = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
    command = [postgres, "-D", data, *said]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, user=user, env=ENVIRONMENT, cwd=data.parent
    )
    try:
        assert process.stderr
        lines: list[str] = []
        while not lines or "ready to accept" not in lines[-1]:
            lines.append(process.stderr.readline())
            assert lines[-1], f"PostgreSQL ended before it was ready: {''.join(lines)}"
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGQUIT)
            process.communicate(timeout=30)


def _make_certificates(server: TlsServer, folder: Path) -> None:
    user = make_certificates(folder).issue_cert("postgres", common_name="postgres")
    user.private_key_pem.write_to_path(server.key)
    user.cert_chain_pems[0].write_to_path(server.certificate)
    key = serialization.load_pem_private_key(server.key.read_bytes(), None)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    server.locked_key.write_bytes(
        key.private_bytes(*form, serialization.BestAvailableEncryption(b"hunter2"))
    )
    for file in (server.key, server.locked_key):
        file.chmod(0o600)


def unprivileged_user(name: str = "postgres") -> str | None:
    """Return a user for a program that root may not start, of that name if there is one."""
    if os.geteuid() != 0:
        return None
    return next(
        one for one in (name, "nobody") if one in {entry.pw_name for entry in pwd.getpwall()}
    )
