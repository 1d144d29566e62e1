"""One of the five apps with Keyturn beside it: its own keyturn.toml, its own table in SQLite, its
own variables.
"""

import shlex
import sqlite3
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec
from tests.driver.inbox import Inbox, links_in
from tests.driver.puzzles import post_answering
from tests.driver.service import CHEAPEST, Service, running
from tests.driver.visitor import Visitor

from keyturn import Email, Settings, read_settings

EXAMPLES = Path(__file__).parents[3] / "examples"
PASSWORD = "correct horse battery"
"""That of every account in an example's accounts.sql."""

SERVICE_ROLE_KEY = "your_service_role_key"
"""Of Supabase, in EaseMail's env.example."""

DATABASES = ("KEYTURN_DATABASE_URL", "KEYTURN_ACCOUNTS_TABLE_URL")


class Adopted:
    def __init__(self, service: Service, settings: Settings, file: Path) -> None:
        self.service = service
        self.settings = settings
        self._file = file

    def row(self, email: str) -> dict[str, Any]:
        table = self.settings.accounts.table.table
        (row,) = self.rows(f'SELECT * FROM "{table}" WHERE email = ?', email)
        return row

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self._file, timeout=30)) as database, database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query, values)]

    async def mail(self, email: str, template: str = "password_reset") -> Email:
        api = self.settings.server.api_path.rstrip("/")
        assert (await self.post(f"{api}/forgot-password", email=email)).status_code == 202
        await self.service.deliver()
        return self.service.inbox.sent_to(email, template)[-1]

    def link_in(self, mail: Email) -> str:
        (link,) = self.links_in(mail)
        return link

    def links_in(self, mail: Email) -> list[str]:
        before = self.settings.reset_url.partition("{token}")[0].replace(
            "{base_url}", self.settings.base_url
        )
        return [link for link in links_in(mail) if link.startswith(before)]

    def visitor(self) -> Visitor:
        return Visitor(self.service.anywhere(follow_redirects=False))

    async def opened(self, link: str) -> tuple[Visitor, httpx2.Response]:
        """Follow a link as a browser does, to the page that asks for a new password."""
        visitor = self.visitor()
        answer = await visitor.get(link.removeprefix(self.settings.base_url))
        while answer.is_redirect:
            answer = await visitor.follow(answer)
        return visitor, answer

    async def post(self, path: str, **body: str) -> httpx2.Response:
        return await post_answering(self.service.anywhere(), path, body)

    def dump(self) -> str:
        with closing(sqlite3.connect(self._file)) as database:
            return "\n".join(database.iterdump())


@asynccontextmanager
async def adopted(name: str, migrated: str, **environ: str) -> AsyncIterator[Adopted]:
    """Run Keyturn as the example's file says.

    What differs: a database here, a cheap hash, mails that are kept.
    """
    file = Path(migrated.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(file)) as database, database:
        for script in ("schema.sql", "accounts.sql"):
            database.executescript((EXAMPLES / name / script).read_text("utf-8"))
    settings = settings_of(name, migrated, **environ)
    async with running(settings, inbox=Inbox()) as service:
        yield Adopted(service, settings, file)


def settings_of(name: str, url: str, **environ: str) -> Settings:
    """Return the example's settings under the variables of its env.example, with its table in that
    database.
    """
    here = {"KEYTURN_SECRET_KEY": "0123456789abcdef" * 4, "KEYTURN_ENVIRONMENT": "development"}
    written = tomllib.loads((EXAMPLES / name / "keyturn.toml").read_text("utf-8"))
    is_elsewhere = "url" in written["accounts"].get(
        "table", {}
    )  # Keyturn's own tables are not in the app's database
    here |= dict.fromkeys(DATABASES if is_elsewhere else DATABASES[:1], url)
    settings = read_settings(EXAMPLES / name / "keyturn.toml", variables_of(name) | here | environ)
    return msgspec.structs.replace(
        settings, hashing=msgspec.structs.replace(settings.hashing, cost=CHEAPEST)
    )


def variables_of(name: str) -> dict[str, str]:
    words = shlex.split((EXAMPLES / name / "env.example").read_text("utf-8"), comments=True)
    return {variable: value for variable, _, value in (word.partition("=") for word in words)}


def path_of(link: str) -> str:
    return urlsplit(link).path
