"""docs/reliability.md, "SQLite and its disk": what a disk that fails means for users, and how
Keyturn goes on.
"""

import asyncio
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.driver.database import lose_connections
from tests.driver.routes import REQUEST, RESET, VALIDATE
from tests.driver.service import ADA, GRACE, NEW_PASSWORD, Start, problem, running, settings_for
from tests.processes.serve.workers import PRODUCTION
from tests.programs import leave_out
from tests.servers.mail_providers.resend import ResendServer
from tests.servers.processes import run
from tests.worlds.chaos.processes import Process, environment_for

pytestmark = [pytest.mark.long, pytest.mark.parametrize("databases", ["sqlite"], indirect=True)]

FIRST, SECOND = "first@northwind.test", "second@northwind.test"


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


# A full disk

MOUNT = (
    'mount -t tmpfs -o size="$1" keyturn "$2" && cp "$3" "$2/keyturn.db" && shift 3 && exec "$@"'
)


def require_namespaces() -> None:
    """Skip the test if this user may not mount anything, not even for one process."""
    tried = subprocess.run(["unshare", "-rm", "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        leave_out(f"no process can have a disk of its own here: {tried.stderr.strip()}")


class SmallDisk:
    """A disk of 3 MB for the processes whose Python is `python`, in a mount namespace of theirs,
    with a database.
    """

    def __init__(self, folder: Path, database: Path) -> None:
        self.folder = folder / "disk"
        self.folder.mkdir()
        self.python = folder / "python-on-a-small-disk"
        inside = f"sh -c '{MOUNT}' sh 3m '{self.folder}' '{database}' '{sys.executable}'"
        self.python.write_text(f'#!/bin/sh\nexec unshare -rm {inside} "$@"\n')
        self.python.chmod(0o700)
        self.url = f"sqlite:///{self.folder / 'keyturn.db'}"

    def fill(self, process: Process) -> None:
        """Write until the disk has no room. dd then fails, as it should."""
        filled = self._inside(
            process, ["dd", "if=/dev/zero", f"of={self.folder / 'ballast'}", "bs=512"]
        )
        assert b"No space left" in filled.stderr

    def make_room(self, process: Process) -> None:
        self._inside(process, ["rm", str(self.folder / "ballast")]).check_returncode()

    def _inside(self, process: Process, command: list[str]) -> "subprocess.CompletedProcess[bytes]":
        entered = [
            "nsenter",
            "-t",
            str(process.pid),
            "-U",
            "-m",
            "--preserve-credentials",
            *command,
        ]
        return subprocess.run(entered, capture_output=True, check=False)


async def test_a_full_disk_gets_503_and_loses_nothing(
    database_url: str, resend: ResendServer, tmp_path: Path
) -> None:
    require_namespaces()
    async with running(settings_for(database_url)) as service:
        for number in range(40):
            await service.add(f"person{number}@northwind.test")
    disk = SmallDisk(tmp_path, file_of(database_url))
    said: list[str] = []
    environment = environment_for(resend, disk.url)
    process = await asyncio.to_thread(
        Process, ["serve", "--port", "0"], environment, said, str(disk.python)
    )
    try:
        async with httpx2.AsyncClient(base_url=process.url, timeout=30) as client:
            answers = await fill_and_ask(disk, process, client, resend)
    finally:
        assert await asyncio.to_thread(process.stop) == 0
    assert not [line for line in said if "Traceback" in line]
    accepted = {email for email, status in answers.items() if status == 202}
    assert set(answers.values()) == {202, 503}
    links = [
        mail.fields["to"][0]
        for mail in resend.accepted
        if "password_reset" in str(mail.fields["tags"])
    ]
    assert sorted(links) == sorted(accepted)


async def fill_and_ask(
    disk: SmallDisk, process: Process, client: httpx2.AsyncClient, resend: ResendServer
) -> dict[str, int]:
    """Request links before, while and after the disk is full; return the answers.

    A link of before sets a password.
    """
    people = [f"person{number}@northwind.test" for number in range(40)]
    answers: dict[str, int] = {}

    async def ask(email: str) -> int:
        answers[email] = (await client.post(REQUEST, json={"email": email})).status_code
        return answers[email]

    assert await ask(people.pop()) == 202
    await mailed(resend, 1)
    (token,) = re.findall(r"/reset-password/([\w-]{43})", resend.accepted[-1].fields["text"])
    await asyncio.to_thread(disk.fill, process)
    while await ask(people.pop()) == 202:
        pass
    reset = {"token": token, "newPassword": NEW_PASSWORD}
    assert (await client.post(VALIDATE, json={"token": token})).json()["valid"]
    assert problem(await client.post(RESET, json=reset)) == "503 unavailable"

    await asyncio.to_thread(disk.make_room, process)
    assert await ask(people.pop()) == 202
    assert (await client.post(RESET, json=reset)).status_code == 200
    assert (await client.post(RESET, json=reset)).json()["reason"] == "used"
    await mailed(resend, sum(status == 202 for status in answers.values()) + 1)
    return answers


async def mailed(resend: ResendServer, count: int) -> None:
    async with asyncio.timeout(60):
        while len(resend.accepted) < count:
            await asyncio.sleep(0.05)


# A folder that cannot be written


def test_serve_does_not_start_in_a_folder_that_cannot_be_written(
    database_url: str, tmp_path: Path
) -> None:
    require_namespaces()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "keyturn.db").write_bytes(file_of(database_url).read_bytes())
    mount = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
    command = ["unshare", "-rm", "sh", "-c", mount, "sh", str(folder)]
    command += [sys.executable, "-m", "keyturn", "serve", "--port", "0"]
    ended = run(
        command, tmp_path, **PRODUCTION, KEYTURN_DATABASE_URL=f"sqlite:///{folder / 'keyturn.db'}"
    )
    assert ended.returncode == 1
    assert re.fullmatch(
        r"keyturn: the database cannot be reached: .*: unable to open database file\n", ended.stderr
    )


# A file that another process has locked


@contextmanager
def locked(file: Path) -> Iterator[Callable[[], None]]:
    """Lock the file for writing in another process. Yield a function that ends the process."""
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('BEGIN IMMEDIATE'); print('locked', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(file)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "locked\n"
        try:
            yield process.stdin.close
        finally:
            process.stdin.close()


async def test_a_request_waits_for_a_file_that_is_locked(start: Start, database_url: str) -> None:
    service = await start()
    token = await service.link()
    with locked(file_of(database_url)) as unlock:
        asking = asyncio.create_task(service.ask(GRACE))
        assert await service.works(token)
        done, _ = await asyncio.wait({asking}, timeout=1)
        assert not done
        unlock()
        await asking
    await service.deliver()
    assert len(service.inbox.sent_to(GRACE)) == 1


@pytest.mark.nightly  # it waits for half a minute
async def test_a_request_waits_for_long_then_gets_503_and_is_not_written(
    start: Start, database_url: str
) -> None:
    service = await start()
    with locked(file_of(database_url)) as unlock:
        asking = [
            asyncio.create_task(service.anywhere().post(REQUEST, json={"email": email}))
            for email in (ADA, GRACE)
        ]
        done, _ = await asyncio.wait(asking, timeout=10)
        assert not done
        assert [problem(answer) for answer in await asyncio.gather(*asking)] == [
            "503 unavailable"
        ] * 2
        unlock()
    await service.deliver()
    assert service.inbox.sent_to(ADA) == []
    await service.ask()
    await service.deliver()
    assert len(service.inbox.sent_to(ADA)) == 1


# A power cut in the middle of a write


async def test_a_service_on_a_torn_file_sends_what_it_accepted(
    start: Start, database_url: str, tmp_path: Path
) -> None:
    """Accept two requests, and copy the files as a power cut leaves them, within the second's write
    to the log.
    """
    service, file = await start(), file_of(database_url)
    await service.ask(FIRST)
    first = len(await asyncio.to_thread(Path(f"{file}-wal").read_bytes))
    await service.ask(SECOND)
    async with running(
        settings_for(f"sqlite:///{torn(file, tmp_path / 'copy.db', first)}")
    ) as service:
        await service.add(FIRST)
        await service.add(SECOND)
        await service.deliver()
        assert [mail.to for mail in service.inbox.mails] == [FIRST]


def torn(file: Path, copy: Path, begins: int) -> Path:
    """Return a copy whose log ends within the write that began there.

    A sector of other bytes follows.
    """
    log = Path(f"{copy}-wal")
    shutil.copyfile(file, copy)
    shutil.copyfile(f"{file}-wal", log)
    end = log.stat().st_size
    middle = (begins + end) // 2
    overwrite(log, middle, min(512, end - middle))
    os.truncate(log, min(middle + 512, end))
    return copy


def overwrite(file: Path, start: int, length: int) -> None:
    with file.open("r+b") as damaged:
        damaged.seek(start)
        damaged.write(os.urandom(length))


# A file that is damaged


async def test_a_damaged_file_gets_503_until_it_is_replaced(
    start: Start, database_url: str, tmp_path: Path
) -> None:
    file, copy = file_of(database_url), tmp_path / "copy.db"
    service = await start()
    await service.ask(FIRST)
    await service.add(FIRST)
    with closing(sqlite3.connect(file)) as database:
        database.execute("VACUUM INTO ?", (str(copy),))
    await lose_connections(service)
    overwrite(file, 4096, 100_000)
    assert problem(await service.anywhere().post(REQUEST, json={"email": ADA})) == "503 unavailable"
    await lose_connections(service)
    put_in_place(copy, file)
    await service.ask(ADA)
    await service.deliver()
    assert {mail.to for mail in service.inbox.mails} == {FIRST, ADA}


def put_in_place(copy: Path, file: Path) -> None:
    """Restore a copy: the log of the file that it replaces must go."""
    for left in ("-wal", "-shm"):
        Path(f"{file}{left}").unlink(missing_ok=True)
    copy.replace(file)
