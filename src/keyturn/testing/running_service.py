"""Keyturn in a test's process, over HTTP, with its clock, randomness and sender; docs/inbox.md has
an example.
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
from keyturn.service.settings import Settings
from keyturn.service.settings.reading import require_valid

CHEAPEST = 4
"""The lowest cost of bcrypt, which keyturn.toml does not allow: a test proves no strength."""


class MemorySender:
    """Keeps mails, in order, in `sent`. After `refuse`, the next mail raises that error."""

    name = "memory"

    def __init__(self) -> None:
        self.sent: list[Email] = []
        self._ids: dict[str, str] = {}
        self._refusals: list[SendFailed] = []

    async def send(self, email: Email, idempotency_key: str) -> str:
        if self._refusals:
            raise self._refusals.pop(0)
        if idempotency_key not in self._ids:
            self.sent.append(email)
            self._ids[idempotency_key] = f"memory-{len(self.sent)}"
        return self._ids[idempotency_key]

    def refuse(self, error: SendFailed) -> None:
        """Make the next mail fail, to test the app's reaction."""
        self._refusals.append(error)

    async def close(self) -> None:
        pass


class RunningService:
    """A service that has started. `container`: the inside, which may change with every version."""

    def __init__(
        self, app: Litestar, container: Container, sender: MemorySender, clock: MovableClock
    ) -> None:
        self.app, self.container, self.sender, self.clock = app, container, sender, clock
        self._hosts = count(1)

    def client(self, ip_address: str = "", **options: Any) -> httpx2.AsyncClient:
        """Return a client with cookies of its own, at a new address unless one is named, so that it
        meets no limit.
        """
        number = next(self._hosts)
        address = ip_address or f"198.18.{number % 256}.{1 + number // 256}"  # RFC 2544
        transport = httpx2.ASGITransport(self.app, client=(address, 40_000))  # type: ignore[arg-type]
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

        Raises KeyturnError if the accounts are elsewhere.
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
        await self.container.worker.drain()


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
    file of SQLite.
    `clock`: that of all services in the process. By default `clock.move` moves it, and otherwise it
    stands still unless the worker runs. `random`: returns random bytes; by default the machine's.
    `sender`: by default one that keeps the mails in `sender.sent`. `fallback`: the sender while the
    first one fails.
    `accounts`: a store, instead of the one that the settings name. `worker`: whether the worker
    runs by itself.

    Raises SettingsInvalid, and KeyturnError if the service cannot start; its cause says why.
    """
    used_clock: Any = clock or MovableClock(runs=worker)
    used_sender: Any = sender or MemorySender()
    async with AsyncExitStack() as stack:
        wanted = (
            settings
            if isinstance(settings, Settings)
            else await _settings_of(settings or {}, stack)
        )
        stack.enter_context(replaced(used_clock, random))
        container = Container(wanted, accounts=accounts, sender=used_sender, fallback=fallback)
        app = create_app(wanted, container=container, worker=worker)
        await stack.enter_async_context(_alive(app))
        yield RunningService(app, container, used_sender, used_clock)


@asynccontextmanager
async def _alive(app: Litestar) -> AsyncIterator[None]:
    """Run the lifespan in a task of its own: a fixture of pytest may end in another task than it
    began in.
    """
    started, ends = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            started.set()
            await ends.wait()

    life, starting = asyncio.create_task(live()), asyncio.create_task(started.wait())
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
    has_own = "url" not in given.get("database", {})
    if has_own:
        file = Path(stack.enter_context(TemporaryDirectory(prefix="keyturn"))) / "keyturn.db"
        given = {**given, "database": {**given.get("database", {}), "url": f"sqlite:///{file}"}}
    settings = require_valid({"environment": "development", **given}, sending=False)
    if "cost" not in given.get("hashing", {}):
        hashing = msgspec.structs.replace(settings.hashing, cost=CHEAPEST)
        settings = msgspec.structs.replace(settings, hashing=hashing)
    if has_own:
        database = Database(settings.database.url)
        try:
            await migrate(database)
        finally:
            await database.close()
    return settings
