"""One of the five apps with Keyturn beside it: its own keyturn.toml, its own table in SQLite, its own variables."""

import shlex
import sqlite3
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
from sqlalchemy import select, update
from tests.driver.inbox import Inbox, links_in
from tests.driver.service import CHEAPEST, Service, running
from tests.driver.visitor import Visitor
from tests.puzzles import CHEAPEST_PUZZLE, post_answering

from keyturn.mail.port.email import Email
from keyturn.service.reset.records.models import AuditRow, ResetTokenRow
from keyturn.service.settings import HashingSettings, Settings
from keyturn.service.settings.reading import read_settings

EXAMPLES = Path(__file__).parents[2] / "examples"
PASSWORD = "correct horse battery"
"""That of every account in an example's accounts.sql."""

DATABASES = ("KEYTURN_DATABASE_URL", "KEYTURN_ACCOUNTS_TABLE_URL")


class Adopted:
    """The app, and the service that stands beside it."""

    def __init__(self, name: str, service: Service, file: Path) -> None:
        self.name = name
        self.service = service
        self.settings = service.parts.settings
        self._file = file

    def row(self, email: str) -> dict[str, Any]:
        """Return the app's own row of an account."""
        table = self.settings.accounts.table.table
        (row,) = self.rows(f'SELECT * FROM "{table}" WHERE email = ?', email)  # noqa: S608 - a name in the example
        return row

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self._file, timeout=30)) as database, database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query, values)]

    async def mail(self, email: str, template: str = "password_reset") -> Email:
        """Ask for a link and return the mail that comes."""
        route = f"{self.settings.server.api_path.rstrip('/')}/forgot-password"
        assert (await self.post(route, email=email)).status_code == 202
        await self.service.deliver()
        return self.service.inbox.sent_to(email, template)[-1]

    async def link(self, email: str) -> str:
        """Ask for a link and return its address, as the mail has it."""
        return self.link_in(await self.mail(email))

    def link_in(self, mail: Email) -> str:
        (link,) = filter(self._is_reset, links_in(mail))
        return link

    def _is_reset(self, link: str) -> bool:
        before = self.settings.reset_url.partition("{token}")[0].replace("{base_url}", self.settings.base_url)
        return link.startswith(before)

    def visitor(self) -> Visitor:
        """Return a browser that runs no scripts and has its own cookies."""
        return Visitor(self.service.anywhere(follow_redirects=False))

    async def opened(self, link: str) -> tuple[Visitor, httpx.Response]:
        """Follow a link as a browser does, to the page that asks for a new password."""
        visitor = self.visitor()
        answer = await visitor.get(link.removeprefix(self.settings.base_url))
        while answer.is_redirect:
            answer = await visitor.follow(answer)
        return visitor, answer

    async def post(self, path: str, **body: str) -> httpx.Response:
        return await post_answering(self.service.anywhere(), path, body)

    async def later(self, past: timedelta) -> None:
        """Let time pass for every link that was sent."""
        for row in await self.tokens():
            older = {name: row[name] - past for name in ("created_at", "expires_at")}
            await self.service.write(update(ResetTokenRow).where(ResetTokenRow.id == row["id"]).values(**older))

    async def tokens(self) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.service.rows(select(ResetTokenRow.__table__))]

    async def audit(self) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.service.rows(select(AuditRow.__table__).order_by(AuditRow.id))]

    def dump(self) -> str:
        """Return all that the app's database and Keyturn's hold."""
        with closing(sqlite3.connect(self._file)) as database:
            return "\n".join(database.iterdump())


@asynccontextmanager
async def adopted(name: str, migrated: str, **environ: str) -> AsyncIterator[Adopted]:
    """Run Keyturn as the example's file says. What differs: a database here, a cheap hash, mails that are kept."""
    file = Path(migrated.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(file)) as database, database:
        for script in ("schema.sql", "accounts.sql"):
            database.executescript((EXAMPLES / name / script).read_text("utf-8"))
    settings = settings_of(name, migrated, **environ)
    async with running(settings, inbox=Inbox()) as service:
        yield Adopted(name, service, file)


def settings_of(name: str, url: str, **environ: str) -> Settings:
    """Return the example's settings under the variables of its env.example, with its table in that database."""
    here = {"KEYTURN_SECRET_KEY": "0123456789abcdef" * 4, "KEYTURN_ENVIRONMENT": "development"}
    here |= dict.fromkeys(DATABASES if _is_elsewhere(name) else DATABASES[:1], url)
    settings = read_settings(EXAMPLES / name / "keyturn.toml", variables_of(name) | here | environ)
    return msgspec.structs.replace(
        settings,
        hashing=HashingSettings(cost=CHEAPEST, prefix=settings.hashing.prefix),
        challenge=msgspec.structs.replace(settings.challenge, cost=CHEAPEST_PUZZLE),
    )


def variables_of(name: str) -> dict[str, str]:
    words = shlex.split((EXAMPLES / name / "env.example").read_text("utf-8"), comments=True)
    return {variable: value for variable, _, value in (word.partition("=") for word in words)}


def path_of(link: str) -> str:
    return urlsplit(link).path


def _is_elsewhere(name: str) -> bool:
    """Tell whether the example keeps Keyturn's own tables out of the app's database."""
    written = tomllib.loads((EXAMPLES / name / "keyturn.toml").read_text("utf-8"))
    return "url" in written["accounts"].get("table", {})
