"""A site with the hosted pages on real parts, and the questions tests ask."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import fields, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import msgspec
from litestar import Litestar
from sqlalchemy import create_engine, update
from tests.driver.builtin_accounts import builtin_accounts
from tests.driver.visitor import Visitor

from keyturn.service.accounts.port import Account, AccountStore
from keyturn.service.clock import now
from keyturn.service.database import Model
from keyturn.service.pages.rendering import Pages
from keyturn.service.pages.router import pages_router
from keyturn.service.pages.site import Site
from keyturn.service.parts import Parts
from keyturn.service.reset.ground import FromApp
from keyturn.service.reset.proofs.codes import MailedCodes
from keyturn.service.reset.records.links import mint_link
from keyturn.service.secrets import Purpose, SecretRow, add
from keyturn.service.settings import (
    Brand,
    DatabaseSettings,
    HashingSettings,
    Kind,
    LimitSettings,
    Secret,
    Settings,
)

ADA = "ada@northwind.example"
PASSWORD = "correct horse battery"
NEW_PASSWORD = "eleven loud lighthouses"
SECRET = "0123456789abcdef" * 4
KINDS = {kind: Kind(settings_url=f"{{base_url}}/{kind}-settings/security") for kind in ("viewer", "school")}


def settings_for(folder: Path, **changes: Any) -> Settings:
    """Return the defaults with a database in `folder`, limits that are out of the way, a cheap hash, and `changes`."""
    defaults: dict[str, Any] = {
        "environment": "development",
        "database": DatabaseSettings(url=Secret(f"sqlite:///{folder}/keyturn.db")),
        "brand": Brand(name="Northwind School", support_address="help@northwind.example"),
        "limits": LimitSettings(request="100/minute", login="100/minute", account="100/minute"),
        "hashing": HashingSettings(cost=4),
        "kinds": KINDS,
        "secret_key": Secret(SECRET),
    }
    return Settings(**defaults | changes)


class Pupil(Visitor):
    """A visitor who is Ada, unless told otherwise."""

    async def sign_in(self, email: str = ADA, password: str = PASSWORD, **fields: str) -> httpx2.Response:
        return await super().sign_in(email, password, **fields)


class School:
    """The site of a school, without its mails: links are made by hand, and what was asked for is read back."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def pages(self, **changes: Any) -> Pages:
        """Return the pages with changes of settings, of parts, or of what templates know."""
        settings = {name: value for name, value in changes.items() if name in Settings.__struct_fields__}
        parts = Parts(msgspec.structs.replace(self.parts.settings, **settings)) if settings else copy(self.parts)
        vars(parts).update(
            (name, value) for name, value in changes.items() if name in vars(parts) and name not in settings
        )
        known = {one.name for one in fields(Site)} - {"settings", "themes"} - settings.keys()
        return Pages(parts, replace(Site.of(parts), **{name: changes[name] for name in known & changes.keys()}))

    def app(self, **changes: Any) -> Litestar:
        """Return the pages alone, with such changes."""
        return Litestar([pages_router(self.pages(**changes))], openapi_config=None, logging_config=None)

    @asynccontextmanager
    async def visitor(self, address: str = "http://northwind.example", /, **changes: Any) -> AsyncIterator[Visitor]:
        app: Any = self.app(**changes)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=address) as client:
            yield Pupil(client)

    async def add(self, email: str = ADA, kind: str = "viewer", **values: Any) -> Account:
        password_hash = await self.parts.hasher.hash(PASSWORD)
        return await builtin_accounts(self.parts).add(Account(id="", email=email, kind=kind, **values), password_hash)

    async def link(self, account: Account, ttl: timedelta = timedelta(minutes=30)) -> str:
        """Return the token of a fresh link to the account."""
        return await self._link(account, Purpose.RESET, ttl)

    async def _link(self, account: Account, purpose: Purpose, life: timedelta) -> str:
        token, link = mint_link(account, purpose, now(), now() + life)
        await self.parts.database.transact(lambda connection: add(connection, [(link, True)]))
        return token

    async def expire_links(self) -> None:
        ended = update(SecretRow).values(expires_at=now() - timedelta(minutes=1))
        await self.parts.database.transact(lambda connection: connection.execute(ended))

    async def code(self, account: Account) -> str:
        """Return a fresh code, as a mail would hold it."""
        code, minted = MailedCodes(self.parts.ground, timedelta(minutes=30)).mint(account, now())
        await self.parts.database.transact(lambda connection: add(connection, [(minted, True)]))
        return code

    async def secure_token(self, account: Account, life: timedelta = timedelta(hours=24)) -> str:
        """Return the token of a fresh link by which the account can be secured."""
        return await self._link(account, Purpose.SECURE, life)

    async def knows(self, password: str, account: Account) -> bool:
        """Tell whether it is the account's password."""
        return await self.parts.hasher.verify(password, await builtin_accounts(self.parts).password_hash(account.id))

    async def asked(self) -> list[str]:
        """Return the addresses that a link was asked for, in order."""
        messages = await self.parts.outbox.claim(50, timedelta(0))
        return [msgspec.json.decode(m.payload)["email"] for m in messages if m.kind == "reset_requested"]


@asynccontextmanager
async def opened(settings: Settings, accounts: AccountStore | None = None) -> AsyncIterator[School]:
    _write_tables(Path(settings.database.url.removeprefix("sqlite:///")))
    parts = Parts(settings, app=FromApp(accounts=accounts))
    yield School(parts)
    await parts.close()


def _write_tables(file: Path) -> None:
    if not file.exists():
        file.write_bytes(_tables())


@cache
def _tables() -> bytes:
    """Return a database with every table and no rows: to make it takes longer than many a test."""
    with TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/tables.db")
        Model.metadata.create_all(engine)
        engine.dispose()
        return Path(folder, "tables.db").read_bytes()
