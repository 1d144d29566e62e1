"""docs/reliability.md, "PostgreSQL fails over": what a standby that lost the last second means for
users.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import pytest
from tests.driver.elsewhere import Elsewhere
from tests.driver.operator import migrate_database
from tests.driver.routes import REQUEST
from tests.driver.service import (
    NEW_PASSWORD,
    NO_COOLDOWN,
    NOBODY,
    PASSWORD,
    Service,
    problem,
    running,
    settings_for,
)
from tests.programs import require_program
from tests.servers.databases import in_memory
from tests.servers.mail_providers.answers import Mail
from tests.servers.mail_providers.resend import API_KEY, ResendServer
from tests.servers.postgresql_with_tls import ENVIRONMENT, serving_postgres, unprivileged_user
from tests.servers.serving import held_ports

from keyturn import Account, AccountStore

_PATIENCE = 30


class Pair:
    """A primary and its standby, to which it answers a commit first if it `is_synchronous`.

    `url` names both.
    """

    def __init__(
        self, programs: Path, folder: Path, ports: Sequence[int], *, is_synchronous: bool
    ) -> None:
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
        self._run(
            "initdb", "-D", primary, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"
        )
        self._primary = self._serve(primary, self._ports[0], stack)
        asyncio.run(self._ask(0, "CREATE DATABASE keyturn"))
        asyncio.run(migrate_database(f"postgresql://postgres@127.0.0.1:{self._ports[0]}/keyturn"))
        source = f"host=127.0.0.1 port={self._ports[0]} user=postgres application_name=standby"
        copying = (
            "-d",
            source,
            "-D",
            standby,
            "--write-recovery-conf",
            "--checkpoint=fast",
            "--no-sync",
        )
        self._run("pg_basebackup", *copying)
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
        await self._until(
            "SELECT 1 FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()"
        )
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
        connection = await asyncpg.connect(
            f"postgresql://postgres@127.0.0.1:{self._ports[server]}/postgres"
        )
        try:
            rows: list[Any] = await connection.fetch(statement)
            return rows
        finally:
            await connection.close()

    def _serve(self, data: Path, port: int, stack: ExitStack) -> "subprocess.Popen[str]":
        own = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": ""}
        options = {**own, "fsync": "off", "autovacuum": "off"}
        return stack.enter_context(
            serving_postgres(self._programs / "postgres", data, options, self._user)
        )

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [self._programs / program, *arguments]
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            user=self._user,
            env=ENVIRONMENT,
            cwd=self._folder,
        )


pytestmark = pytest.mark.long

ADA, BO, CY, DI = (
    "ada@northwind.test",
    "bo@northwind.test",
    "cy@northwind.test",
    "di@northwind.test",
)


@pytest.fixture
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Start a primary and a standby; `indirect` True makes the primary wait for the standby."""
    programs = Path(require_program("postgres", "postgresql")).resolve().parent
    with TemporaryDirectory(prefix="keyturn-", dir=in_memory()) as folder, ExitStack() as stack:
        ports = stack.enter_context(held_ports(2))
        pair = Pair(programs, Path(folder), ports, is_synchronous=getattr(request, "param", False))
        pair.start(stack)
        yield pair


@asynccontextmanager
async def serving(
    pair: Pair,
    resend: ResendServer,
    store: AccountStore | None = None,
    *,
    patience: timedelta = timedelta(seconds=20),
) -> AsyncIterator[Service]:
    """Run a service that sends through Resend, with four accounts.

    Its worker runs when a test calls `deliver`.

    `store`: accounts in another system, in place of the four.
    `patience`: how long it waits for a database. Tests in which none answers wait that long.
    """
    settings = settings_for(
        pair.url,
        database={"url": pair.url, "timeout": patience},
        mail={"transport": "resend", "from": "Northwind School <no-reply@northwind.example>"},
        resend={"api_url": resend.url, "api_key": API_KEY, "rate": 1000},
        limits=NO_COOLDOWN,
    )
    async with running(settings, accounts=store, sends=True) as service:
        for email in () if store else (ADA, BO, CY, DI):
            await service.add(email)
        yield service


def mails_to(resend: ResendServer, email: str) -> list[Mail]:
    return [mail for mail in resend.accepted if mail.fields["to"] == [email]]


def templates(resend: ResendServer, email: str) -> list[str]:
    return [
        tag["value"]
        for mail in mails_to(resend, email)
        for tag in mail.fields["tags"]
        if tag["name"] == "template"
    ]


def newest_token(resend: ResendServer, email: str) -> str:
    text = mails_to(resend, email)[-1].fields["text"]
    (token,) = re.findall(r"/(?:reset-password|secure-your-account)/([\w-]{43})", text)
    return str(token)


async def link(service: Service, resend: ResendServer, email: str) -> str:
    await service.ask(email)
    await service.deliver()
    return newest_token(resend, email)


async def fail_over(pair: Pair, service: Service) -> None:
    await pair.lose_primary()
    await pair.promote()
    await answers_again(service)


async def answers_again(service: Service) -> None:
    while (await service.anywhere().get("/health/ready")).status_code != 200:
        pass


async def test_what_was_replicated_and_limits_go_on_under_the_new_primary(
    pair: Pair, resend: ResendServer
) -> None:
    async with serving(pair, resend) as service:
        token = await link(service, resend, ADA)
        await service.ask(BO)
        client = service.at("198.51.100.7")
        answers = [
            (await client.post(REQUEST, json={"email": NOBODY})).status_code for _ in range(4)
        ]
        assert answers == [202, 202, 202, 429]
        await pair.lose_what_follows()
        await fail_over(pair, service)

        assert (await client.post(REQUEST, json={"email": NOBODY})).status_code == 429
        await service.deliver()
        assert len(mails_to(resend, BO)) == 1
        assert (await service.reset(token)).status_code == 200
        await service.deliver()
        assert templates(resend, ADA) == ["password_reset", "password_changed"]


async def test_a_request_of_the_lost_second_is_gone_and_its_user_asks_again(
    pair: Pair, resend: ResendServer
) -> None:
    async with serving(pair, resend, patience=timedelta(seconds=5)) as service:
        await pair.lose_what_follows()
        await service.ask(DI)
        await pair.lose_primary()
        assert (
            problem(await service.anywhere().post(REQUEST, json={"email": DI})) == "503 unavailable"
        )
        await pair.promote()
        await answers_again(service)
        await service.deliver()
        assert mails_to(resend, DI) == []
        assert await service.works(await link(service, resend, DI))


async def test_a_mail_of_the_lost_second_is_sent_again_and_a_reset_is_undone(
    pair: Pair, resend: ResendServer
) -> None:
    async with serving(pair, resend) as service:
        token = await link(service, resend, CY)
        await service.ask(BO)
        await pair.lose_what_follows()
        assert (await service.reset(token)).status_code == 200
        await service.deliver()
        lost, button = newest_token(resend, BO), newest_token(resend, CY)
        await fail_over(pair, service)
        assert not await service.works(lost)
        assert await service.knows(PASSWORD, CY)
        assert await service.press(button) == "400 security-link-dead"

        assert (await service.reset(token, NEW_PASSWORD)).status_code == 200
        assert not await service.works(token)
        await service.deliver()
        assert templates(resend, CY) == ["password_reset", "password_changed", "password_changed"]
        assert len(mails_to(resend, BO)) == 2
        assert await service.works(newest_token(resend, BO))
        assert {(message.state, message.reason) for message in await service.messages()} == {
            ("sent", None)
        }


async def test_a_lost_reset_stays_elsewhere_and_its_link_works_again(
    pair: Pair, resend: ResendServer
) -> None:
    store = Elsewhere(Account(id="cy", email=CY))
    async with serving(pair, resend, store) as service:
        token = await link(service, resend, CY)
        await pair.lose_what_follows()
        assert (await service.reset(token)).status_code == 200
        await fail_over(pair, service)
        assert store.passwords == {"cy": NEW_PASSWORD}
        assert await service.works(token)
        await service.deliver()
        assert templates(resend, CY) == ["password_reset"]


@pytest.mark.parametrize("pair", [True], indirect=True)
async def test_a_synchronous_standby_loses_nothing_that_was_answered(
    pair: Pair, resend: ResendServer
) -> None:
    async with serving(pair, resend, patience=timedelta(seconds=5)) as service:
        await service.ask(ADA)
        await pair.cut_off()
        assert (
            problem(await service.anywhere().post(REQUEST, json={"email": DI})) == "503 unavailable"
        )
        await fail_over(pair, service)
        await service.deliver()
        assert len(mails_to(resend, ADA)) == 1
        assert mails_to(resend, DI) == []
