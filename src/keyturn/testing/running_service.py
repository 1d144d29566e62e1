"""Keyturn in a test's process, over HTTP, with a clock, random bytes and a sender of the test.

docs/inbox.md has an example.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import bcrypt
import httpx2
import msgspec
from litestar import Litestar

from keyturn.errors import KeyturnError, SendFailed
from keyturn.mail.port.email import Email, Sender
from keyturn.service.accounts.builtin import BuiltinAccounts
from keyturn.service.accounts.port import Account, AccountStore
from keyturn.service.app import create_app
from keyturn.service.clock import Clock, MovableClock, Random, replaced
from keyturn.service.container import Container
from keyturn.service.database import Database
from keyturn.service.database.migrations import migrate
from keyturn.service.outbox.worker import Worker
from keyturn.service.settings import Settings
from keyturn.service.settings.reading import require_valid
from keyturn.service.worker_queues import build_worker

CHEAPEST = 4
"""The lowest cost of bcrypt, for speed. keyturn.toml does not allow it."""


class MemorySender:
    """A sender that keeps the mails in `sent`, in order."""

    name = "memory"

    def __init__(self) -> None:
        self.sent: list[Email] = []
        self._ids: dict[str, str] = {}
        self._refusals: list[SendFailed] = []

    async def send(self, email: Email, idempotency_key: str) -> str:
        if self._refusals:
            raise self._refusals.pop(0)
        # As with a provider, a second call with the same key sends nothing.
        if idempotency_key not in self._ids:
            self.sent.append(email)
            self._ids[idempotency_key] = f"memory-{len(self.sent)}"
        return self._ids[idempotency_key]

    def refuse(self, error: SendFailed) -> None:
        """Make the next mail fail with this error."""
        self._refusals.append(error)

    async def close(self) -> None:
        pass


class RunningService:
    """A service that has started.

    `container`: its objects, which may change with every version of Keyturn.
    """

    def __init__(
        self, app: Litestar, container: Container, sender: MemorySender, clock: MovableClock
    ) -> None:
        self.app = app
        self.container = container
        self.sender = sender
        self.clock = clock
        self._hosts = count(1)
        self._worker: Worker | None = None

    def client(self, ip_address: str = "", **options: Any) -> httpx2.AsyncClient:
        """Return an HTTP client with cookies of its own.

        `ip_address`: by default a new one for each client, so that limits do not matter.
        """
        number = next(self._hosts)
        address = ip_address or f"198.18.{number % 256}.{1 + number // 256}"  # RFC 2544
        client = (address, 40_000)
        transport = httpx2.ASGITransport(self.app, client=client)  # type: ignore[arg-type]
        return httpx2.AsyncClient(
            transport=transport, base_url=self.container.settings.base_url, **options
        )

    async def add_account(
        self,
        email: str,
        password: str | None = None,
        *,
        password_hash: str | None = None,
        **fields: Any,
    ) -> Account:
        """Add an account to the built-in store.

        `fields`: further fields of `Account`. Raises KeyturnError if the accounts are elsewhere.
        """
        if not isinstance(self.container.accounts, BuiltinAccounts):
            raise KeyturnError("the accounts are not in Keyturn's own table")
        if password is not None:
            cost = self.container.settings.hashing.cost
            password_hash = bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()
        return await self.container.accounts.add(
            Account(id="", email=email, **fields), password_hash
        )

    async def deliver(self) -> None:
        """Send everything that waits and is due, unless the worker runs by itself."""
        if self._worker is None:
            self._worker = build_worker(self.container)
        await self._worker.drain()

    async def close_worker(self) -> None:
        """Close what `deliver` has opened."""
        if self._worker:
            await self._worker.close()
            self._worker = None


@asynccontextmanager
async def service(
    settings: Mapping[str, Any] | Settings | None = None,
    *,
    clock: Clock | None = None,
    random: Random | None = None,
    sender: Sender | None = None,
    fallback: Sender | None = None,
    accounts: AccountStore | None = None,
    worker: bool = False,
) -> AsyncIterator[RunningService]:
    """Start Keyturn, and stop it at the end of the block.

    `settings`: sections and keys as in keyturn.toml. Without `database.url` the database is a new
    SQLite file.
    `clock`: the clock of all services in the process; by default a `MovableClock`, which runs only
    if `worker` is set.
    `random`: returns random bytes; by default the machine's.
    `sender`: by default a `MemorySender`, which keeps the mails in `sender.sent`.
    `fallback`: the sender while the first one fails.
    `accounts`: a store in place of the one that the settings name.
    `worker`: whether the worker runs by itself; otherwise call `deliver`.

    Raises SettingsInvalid, and KeyturnError if the service cannot start; its cause says why.
    """
    used_clock: Any = clock or MovableClock(runs=worker)
    used_sender: Any = sender or MemorySender()
    async with AsyncExitStack() as stack:
        wanted = settings
        if not isinstance(wanted, Settings):
            wanted = await _settings_of(wanted or {}, stack)
        stack.enter_context(replaced(used_clock, random))
        container = Container(wanted, accounts=accounts, sender=used_sender, fallback=fallback)
        app = create_app(wanted, container=container, worker=worker)
        await stack.enter_async_context(_alive(app))
        running = RunningService(app, container, used_sender, used_clock)
        stack.push_async_callback(running.close_worker)
        yield running


@asynccontextmanager
async def _alive(app: Litestar) -> AsyncIterator[None]:
    """Run the lifespan in a task of its own.

    A fixture of pytest may end in another task than it began in, which a task group forbids.
    """
    started = asyncio.Event()
    ends = asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            started.set()
            await ends.wait()

    life = asyncio.create_task(live())
    starting = asyncio.create_task(started.wait())
    await asyncio.wait({life, starting}, return_when=asyncio.FIRST_COMPLETED)
    starting.cancel()
    if life.done():
        raise KeyturnError("the service did not start") from life.exception()
    try:
        yield
    finally:
        ends.set()
        await life


async def _settings_of(given: Mapping[str, Any], stack: AsyncExitStack) -> Settings:
    """Return valid settings, with a new SQLite file if they name no database."""
    wanted = {"environment": "development", **given}
    needs_file = "url" not in given.get("database", {})
    if needs_file:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="keyturn")))
        url = f"sqlite:///{folder / 'keyturn.db'}"
        wanted["database"] = {**given.get("database", {}), "url": url}
    settings = require_valid(wanted, sending=False)
    if needs_file:
        await _migrate(settings)
    if "cost" not in given.get("hashing", {}):
        hashing = msgspec.structs.replace(settings.hashing, cost=CHEAPEST)
        settings = msgspec.structs.replace(settings, hashing=hashing)
    return settings


async def _migrate(settings: Settings) -> None:
    database = Database(settings.database.url)
    try:
        await migrate(database)
    finally:
        await database.close()
