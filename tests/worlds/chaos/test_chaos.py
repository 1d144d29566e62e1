"""Whatever dies or meets in a storm, a request is one mail.

`STORM_SECONDS` makes the storm longer (`just chaos`).
"""

import asyncio
import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.driver.beside import Beside
from tests.servers.databases import PostgresServer
from tests.servers.mail_providers.answers import PROXY_PAGE, RATE_LIMITED, Answer, Trouble, refusal
from tests.servers.mail_providers.resend import ResendServer
from tests.worlds.chaos.processes import API, WORKER, Process, environment_for

SECONDS = float(os.environ.get("STORM_SECONDS", "5"))
SETTLING = 90
PASSWORD = "a longer horse, and another battery"
_LINK = re.compile(r"/reset-password/([\w-]{43})")

TROUBLES: Sequence[Answer | Trouble | None] = (
    *[None] * 6,
    *(
        Trouble.DROP,
        Trouble.DROP_AFTER_ACCEPTING,
        Trouble.DROP_AFTER_ACCEPTING,
        Trouble.STALL_AFTER_ACCEPTING,
    ),
    *(refusal(500, "internal_server_error"), PROXY_PAGE, RATE_LIMITED),
)


class Weather(deque[Answer | Trouble]):
    """What happens to the next request, until it is calm: mostly nothing."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self.calm = False

    def __bool__(self) -> bool:
        return not self.calm

    def popleft(self) -> Any:
        return self._chance.choice(TROUBLES)


class Storm:
    """`api`: where people go.

    `requested`, `reset`: who was answered, and whose password was set.
    """

    api: Process

    def __init__(self, resend: ResendServer, url: str, chance: random.Random) -> None:
        self.resend = resend
        self.database = Beside(url)
        self.chance = chance
        self.requested: list[str] = []
        self.reset: list[str] = []
        self.statuses = Counter[int]()
        self.under_way = Counter[Process]()
        self._weather = Weather(chance)
        resend.coming = self._weather

    async def add_accounts(self, count: int) -> list[str]:
        emails = [f"person{number}@example.test" for number in range(count)]
        await self.database.add_accounts(emails)
        return emails

    async def people(self, emails: Sequence[str], seconds: float = SECONDS) -> None:
        """Let each person ask once, and use the link once it has come.

        The faults end with the last request.
        """
        async with httpx2.AsyncClient(timeout=30) as client, asyncio.TaskGroup() as group:
            for email in emails:
                group.create_task(self._person(client, email, self.chance.uniform(0, seconds)))
            await asyncio.sleep(seconds)
            self._weather.calm = True

    async def _person(self, client: httpx2.AsyncClient, email: str, pause: float) -> None:
        await asyncio.sleep(pause)
        if await self._post(client, "request-password-reset", {"email": email}) != 202:
            return
        self.requested.append(email)
        token = await self._token(email)
        status = None
        while token and status not in {
            200,
            400,
        }:  # a link works once, so what got no answer may be tried again
            status = await self._post(
                client, "reset-password", {"token": token, "password": PASSWORD}
            )
            await asyncio.sleep(0.1)
        if token:
            self.reset.append(email)

    async def _post(
        self, client: httpx2.AsyncClient, path: str, body: Mapping[str, str]
    ) -> int | None:
        api = self.api
        self.under_way[api] += 1
        try:
            answer = await client.post(f"{api.url}/api/auth/{path}", json=body)
        except httpx2.ConnectError:  # nobody heard it, so it may be said again
            await asyncio.sleep(0.2)
            return await self._post(client, path, body)
        except httpx2.HTTPError:
            return None
        finally:
            self.under_way[api] -= 1
        self.statuses[answer.status_code] += 1
        return answer.status_code

    async def _token(self, email: str) -> str | None:
        for _ in range(600):
            if mails := self.mails_to(email):
                found = _LINK.search(mails[0]["text"])
                assert found
                return found[1]
            await asyncio.sleep(0.1)
        return None

    def mails_to(self, email: str, template: str = "password_reset") -> list[Mapping[str, Any]]:
        tag = {"name": "template", "value": template}
        return [
            mail.fields
            for mail in self.resend.accepted
            if email in mail.fields["to"] and tag in mail.fields["tags"]
        ]

    async def end(self) -> None:
        async with asyncio.timeout(SETTLING):
            while await self.database.waiting():
                await asyncio.sleep(0.1)
        assert self.requested, f"nothing was accepted: {self.statuses}"
        for email in self.requested:
            assert len(self.mails_to(email)) == 1, email
        for email in self.reset:
            assert len(self.mails_to(email, "password_changed")) == 1, email
        twice = Counter(
            json.dumps([mail.fields["to"], mail.fields["subject"]]) for mail in self.resend.accepted
        )
        assert not [mail for mail, count in twice.items() if count > 1]
        assert await self.database.sealed_mails() == 0
        await self.database.close()


pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    ("databases", "commands"),
    [("postgresql", [API, WORKER, WORKER, WORKER]), ("sqlite", [("serve", "--port", "0")])],
    ids=["an api and three workers on postgresql", "one process on sqlite"],
    indirect=["databases"],
)
async def test_killed_processes_keep_promises(
    resend: ResendServer, database_url: str, commands: Sequence[Sequence[str]]
) -> None:
    """Kill one after the other while people come; then let things settle, and count."""
    said: list[str] = []
    environment = environment_for(resend, database_url)
    storm = Storm(resend, database_url, random.Random(20261120))
    with ExitStack() as stack:
        processes = [
            stack.enter_context(Process(command, environment, said)) for command in commands
        ]
        storm.api = processes[0]
        people = asyncio.create_task(storm.people(await storm.add_accounts(int(SECONDS * 4))))
        end = time.monotonic() + SECONDS
        while not people.done() and time.monotonic() < end:
            await asyncio.sleep(storm.chance.uniform(0.2, 1.2))
            victim = storm.chance.choice(processes)
            await asyncio.to_thread(victim.kill)
            await asyncio.to_thread(victim.start)
        await people
        await storm.end()
    assert not [line for line in said if "Traceback" in line]


CHECKOUT = Path(__file__).parents[3]


# An earlier version and this one on one PostgreSQL


class Version:
    """Keyturn from a folder with its source."""

    def __init__(self, environment: Mapping[str, str], folder: Path, said: list[str]) -> None:
        self._environment = {**environment, "PYTHONPATH": str(folder / "src")}
        self._said = said

    def migrate(self) -> None:
        command = [sys.executable, "-m", "keyturn", "migrate"]
        subprocess.run(
            command, env={**os.environ, **self._environment}, check=True, capture_output=True
        )

    def start(self, stack: ExitStack) -> list[Process]:
        """Start the API and a worker."""
        return [
            stack.enter_context(Process(command, self._environment, self._said))
            for command in (API, WORKER)
        ]


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the last release before HEAD or, as long as there is none, the commit before: a clone
    of one has HEAD.
    """
    release = _git("describe", "--tags", "--abbrev=0", "--match=v*", "HEAD^").stdout
    commit = (
        (release or _git("log", "-2", "--first-parent", "--format=%H").stdout).decode().split()[-1]
    )
    archive = _git(
        "archive", commit, "src", "migrations", "email_templates", "frontend", "pyproject.toml"
    )
    assert not archive.returncode, archive.stderr
    folder = tmp_path_factory.mktemp("earlier")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


def _git(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        ["git", "-C", str(CHECKOUT), *arguments], capture_output=True, check=False
    )


@pytest.mark.parametrize("is_upgrade", [True, False], ids=["upgraded", "taken-back"])
async def test_while_versions_meet_nobody_is_refused_and_each_promise_is_kept_once(
    postgresql: PostgresServer, resend: ResendServer, earlier: Path, *, is_upgrade: bool
) -> None:
    """Migrated by the newer first, as docs/operating.md says; then one version takes the other's
    place.
    """
    said: list[str] = []
    url = await asyncio.to_thread(postgresql.empty)
    environment = environment_for(resend, url)
    older, newer = (Version(environment, source, said) for source in (earlier, CHECKOUT))
    first, second = (older, newer) if is_upgrade else (newer, older)
    await asyncio.to_thread(first.migrate)
    storm = Storm(resend, url, random.Random(20261121))
    emails = await storm.add_accounts(int(SECONDS * 6))
    with ExitStack() as stack:
        api, worker = await asyncio.to_thread(first.start, stack)
        storm.api = api
        people = asyncio.create_task(storm.people(emails))
        async with readiness(api) as answers:
            await asyncio.to_thread(newer.migrate)
            after, _ = await asyncio.to_thread(second.start, stack)
            async with readiness(after) as later_answers:
                await asyncio.sleep(SECONDS / 4)  # both are at it
                storm.api = after  # as a load balancer does
                await asyncio.sleep(SECONDS / 4)
        while storm.under_way[api]:
            await asyncio.sleep(0.05)
        for process in (api, worker):
            assert await asyncio.to_thread(process.stop) == 0
        await people
        await storm.end()
        assert len(storm.requested) == len(emails)
        assert set(answers) == {200}
        assert set(later_answers) == {200}
    # A request that takes longer than the end of its process is cut, and uvicorn tells.
    assert not [
        line for line in said if "Traceback" in line and "graceful shutdown exceeded" not in line
    ]
    await asyncio.to_thread(postgresql.drop, url)


@asynccontextmanager
async def readiness(api: Process) -> AsyncIterator[Counter[int]]:
    answers = Counter[int]()

    async def ask() -> None:
        async with httpx2.AsyncClient(timeout=30) as client:
            while not is_over:
                answers[(await client.get(f"{api.url}/health/ready")).status_code] += 1
                await asyncio.sleep(0.05)

    is_over = False
    async with asyncio.TaskGroup() as group:
        group.create_task(ask())
        yield answers
        is_over = True
