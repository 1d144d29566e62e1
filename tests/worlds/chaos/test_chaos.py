"""Whatever dies or meets under load, a request is one mail. `STORM_SECONDS` makes the storm longer (`just chaos`)."""

import asyncio
import os
import random
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
from tests.servers.databases import PostgresServer
from tests.servers.mail_providers.resend import ResendServer
from tests.versions import empty_environment, uv
from tests.worlds.chaos.processes import API, WORKER, Process, environment_for
from tests.worlds.chaos.storm import SECONDS, Storm

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
        processes = [stack.enter_context(Process(command, environment, said)) for command in commands]
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


# The commit before (or `STORM_BEFORE`) or the last release, and this version on one PostgreSQL


class Source(NamedTuple):
    """Where a version is: the folders that Python imports from before it looks elsewhere, and that Python."""

    path: str
    python: str


HERE = Source(str(CHECKOUT / "src"), sys.executable)


class Version:
    def __init__(self, environment: Mapping[str, str], source: Source, said: list[str]) -> None:
        self._environment = {**environment, "PYTHONPATH": source.path}
        self._python = source.python
        self._said = said

    def migrate(self) -> None:
        command = [self._python, "-m", "keyturn", "migrate"]
        subprocess.run(command, env={**os.environ, **self._environment}, check=True, capture_output=True)

    def start(self, stack: ExitStack) -> "tuple[Process, Process]":
        api, worker = (
            stack.enter_context(Process(command, self._environment, self._said, self._python))
            for command in (API, WORKER)
        )
        return api, worker


@pytest.fixture(scope="module", params=["commit", "release"])
def earlier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Source:
    folder = tmp_path_factory.mktemp("earlier")
    source = _commit_before(folder) if request.param == "commit" else _last_release(folder)
    for migration in (folder / "migrations" / "versions").glob("*.py"):
        here = CHECKOUT / "migrations" / "versions" / migration.name
        if not here.exists() or here.read_bytes() != migration.read_bytes():
            pytest.skip(f"the earlier version has {migration.name}, which was changed before its release")
    return source


def _commit_before(folder: Path) -> Source:
    """Take the files of the commit before: of HEAD where something was changed since, else of its parent."""
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", "src", "migrations").stdout
    commit = os.environ.get("STORM_BEFORE") or ("HEAD" if changed else "HEAD^")
    _unpack(folder, commit, "src", "migrations", "email_templates", "frontend", "pyproject.toml")
    return Source(str(folder / "src"), sys.executable)


def _last_release(folder: Path) -> Source:
    """Build the wheel of the release, and install it with what it asks for into an environment of its own."""
    released = tomllib.loads((CHECKOUT / "released.toml").read_text("utf-8"))
    _unpack(folder, released["commit"])
    subprocess.run(["uv", "build", "--quiet", "--wheel", "--out-dir", folder / "dist"], cwd=folder, check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    assert wheel.name.startswith(f"keyturn-{released['version']}-")
    python = empty_environment(folder / "environment", sys.executable)
    uv("pip", "install", "--python", python, f"keyturn[postgres] @ {wheel.as_uri()}")
    return Source("", python)


def _unpack(folder: Path, commit: str, *names: str) -> None:
    archive = _git("archive", commit, *names)
    if archive.returncode:
        pytest.skip(f"this checkout does not have the commit {commit}")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)


def _git(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["git", "-C", str(CHECKOUT), *arguments], capture_output=True, check=False)


@pytest.mark.parametrize("is_upgrade", [True, False], ids=["upgraded", "taken-back"])
async def test_while_versions_meet_nobody_is_refused_and_each_promise_is_kept_once(
    postgresql: PostgresServer, resend: ResendServer, earlier: Source, *, is_upgrade: bool
) -> None:
    """Migrated by the newer first, as docs/operating.md says; then one version takes the other's place."""
    said: list[str] = []
    url = await asyncio.to_thread(postgresql.empty)
    environment = environment_for(resend, url)
    older, newer = (Version(environment, source, said) for source in (earlier, HERE))
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
        for process in (api, worker):
            assert await asyncio.to_thread(process.stop) == 0
        await people
        await storm.end()
        assert len(storm.requested) == len(emails)
        assert set(answers) == {200}
        assert set(later_answers) == {200}
    # A request that takes longer than the end of its process is cut, and uvicorn tells.
    assert not [line for line in said if "Traceback" in line and "graceful shutdown exceeded" not in line]
    await asyncio.to_thread(postgresql.drop, url)


@asynccontextmanager
async def readiness(api: Process) -> AsyncIterator[Counter[int]]:
    answers = Counter[int]()

    async def ask() -> None:
        async with httpx2.AsyncClient() as client:
            while True:
                answers[(await client.get(f"{api.url}/health/ready")).status_code] += 1
                await asyncio.sleep(0.05)

    asking = asyncio.create_task(ask())
    yield answers
    asking.cancel()
