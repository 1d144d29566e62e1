"""Two PostgreSQL servers from Debian: a primary, and a standby that copies it. The primary can be lost."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
from tests.driver.operator import migrate_database
from tests.servers.databases import in_memory
from tests.servers.postgresql_with_tls import ENVIRONMENT, serving_postgres, unprivileged_user
from tests.servers.serving import held_ports

_PATIENCE = 30


class Pair:
    """A primary and its standby, to which it answers a commit first if it `is_synchronous`. `url` names both."""

    def __init__(self, programs: Path, folder: Path, ports: Sequence[int], *, is_synchronous: bool) -> None:
        self._programs = programs
        self._folder = folder
        self._is_synchronous = is_synchronous
        self._user = unprivileged_user()
        self._sender = 0
        self._ports = ports
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        self.url = f"postgresql://postgres@{hosts}/keyturn?target_session_attrs=primary"

    def start(self, stack: ExitStack) -> None:
        if self._user:
            shutil.chown(self._folder, self._user)
        primary, standby = self._folder / "primary", self._folder / "standby"
        self._run("initdb", "-D", primary, "-U", "postgres", "-A", "trust", "--no-sync")
        self._primary = self._serve(primary, self._ports[0], stack)
        asyncio.run(self._ask(0, "CREATE DATABASE keyturn"))
        asyncio.run(migrate_database(f"postgresql://postgres@127.0.0.1:{self._ports[0]}/keyturn"))
        source = f"host=127.0.0.1 port={self._ports[0]} user=postgres application_name=standby"
        self._run(
            "pg_basebackup", "-d", source, "-D", standby, "--write-recovery-conf", "--checkpoint=fast", "--no-sync"
        )
        self._serve(standby, self._ports[1], stack)
        asyncio.run(self._connect_standby())

    async def _connect_standby(self) -> None:
        await self._until("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'")
        if self._is_synchronous:
            await self._ask(0, "ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            await self._ask(0, "SELECT pg_reload_conf()")
            await self._until("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'")

    async def lose_what_follows(self) -> None:
        """Wait until the standby has all that is committed, and send it nothing more."""
        await self._until("SELECT 1 FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()")
        await self.cut_off()

    async def cut_off(self) -> None:
        """Send the standby nothing from now on: what follows is lost if the primary is."""
        ((self._sender,),) = await self._ask(0, "SELECT pid FROM pg_stat_replication")
        os.kill(self._sender, signal.SIGSTOP)

    async def lose_primary(self) -> None:
        """End the primary as a power cut would, after `cut_off`."""
        self._primary.send_signal(signal.SIGQUIT)
        # The server waits five seconds for a process that is stopped, and must not wake it.
        os.kill(self._sender, signal.SIGKILL)
        await asyncio.to_thread(self._primary.communicate, timeout=_PATIENCE)

    async def promote(self) -> None:
        await self._ask(1, "SELECT pg_promote()")

    async def _until(self, question: str) -> None:
        async with asyncio.timeout(_PATIENCE):
            while not await self._ask(0, question):
                await asyncio.sleep(0.02)

    async def _ask(self, server: int, statement: str) -> list[Any]:
        connection = await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{self._ports[server]}/postgres")
        try:
            rows: list[Any] = await connection.fetch(statement)
            return rows
        finally:
            await connection.close()

    def _serve(self, data: Path, port: int, stack: ExitStack) -> "subprocess.Popen[str]":
        own = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": ""}
        options = {**own, "fsync": "off", "autovacuum": "off"}
        return stack.enter_context(serving_postgres(self._programs / "postgres", data, options, self._user))

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [self._programs / program, *arguments]
        subprocess.run(command, check=True, capture_output=True, user=self._user, env=ENVIRONMENT, cwd=self._folder)


@contextmanager
def running_pair(postgres: str, *, is_synchronous: bool = False) -> Iterator[Pair]:
    with TemporaryDirectory(prefix="keyturn-", dir=in_memory()) as folder, ExitStack() as stack:
        ports = stack.enter_context(held_ports(2))
        pair = Pair(Path(postgres).resolve().parent, Path(folder), ports, is_synchronous=is_synchronous)
        pair.start(stack)
        yield pair
