"""Somebody's Litestar app, with users, sessions and opinions of its own, and Keyturn in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import msgspec
import uvicorn
from advanced_alchemy.extensions.litestar import SQLAlchemyAsyncConfig, SQLAlchemyPlugin
from click.testing import CliRunner, Result
from litestar import Litestar, Request, Response, get, post
from litestar.cli._utils import LitestarEnv
from litestar.cli.main import litestar_group
from litestar.config.cors import CORSConfig
from litestar.config.csrf import CSRFConfig
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.params import JSONBody
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from sqlalchemy import ForeignKey, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from tests.driver.inbox import Inbox
from tests.driver.service import ADA, PASSWORD, hash_of, settings_for
from uvicorn.lifespan.on import LifespanOn

from keyturn import KeyturnPlugin, Settings
from keyturn.service.container import Container
from keyturn.service.settings import (
    AccountSettings,
    DatabaseSettings,
    HashingSettings,
    SecretStr,
    TableSettings,
)

BASE_URL = "https://school.example.org/account"
REQUEST = "/account/api/auth/request-password-reset"
RESET = "/account/api/auth/reset-password"
KNOWN = {"X-Teacher": "ada"}
"""What the app's own sign-in leaves behind, in short."""


class Base(DeclarativeBase):
    pass


class User(Base):
    """Its attributes are not called what their columns are."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    mail: Mapped[str] = mapped_column("email", String(254), unique=True)
    hashed: Mapped[str | None] = mapped_column("password_hash", String(60))
    full_name: Mapped[str] = mapped_column("display_name", String(80), default="")
    left_at: Mapped[datetime | None]
    must_change: Mapped[bool] = mapped_column(default=False)


class Visit(Base):
    __tablename__ = "visits"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))


TABLE = TableSettings(
    table="users",
    name="display_name",
    active="not left_at",
    set={"must_change": False},
    delete=("visits.user_id",),
)


class Teachers(AbstractAuthenticationMiddleware):
    async def authenticate_request(
        self, connection: ASGIConnection[Any, Any, Any, Any]
    ) -> AuthenticationResult:
        if "X-Teacher" not in connection.headers:
            raise NotAuthorizedException("the app knows nobody")
        return AuthenticationResult(user=connection.headers["X-Teacher"], auth=None)


def signature(app: ASGIApp) -> ASGIApp:
    async def signed(scope: Scope, receive: Receive, send: Send) -> None:
        async def sign(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-school", b"northwind")]
            await send(message)

        await app(scope, receive, sign)

    return signed


def teachers_only(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    if "X-Teacher" not in connection.headers:
        raise NotAuthorizedException("the app's guard")


async def before(request: Request[Any, Any, Any]) -> Response[Any] | None:
    return Response("the app is closed", status_code=418) if "X-Closed" in request.headers else None


def after(response: Response[Any]) -> Response[Any]:
    response.headers["x-after"] = "the app"
    return response


def on_error(_: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return Response({"the app says": str(status)}, status_code=status)


@get("/notes")
async def notes(
    db_session: NamedDependency[AsyncSession], api: NamedDependency[str]
) -> dict[str, Any]:
    found = await db_session.scalars(select(User.mail))
    return {"api": api, "users": list(found)}


@post("/notes")
async def add_note(data: JSONBody[dict[str, str]]) -> dict[str, str]:
    return data


@get("/login", opt={"exclude_from_auth": True}, media_type="text/plain")
async def login() -> str:
    return "the app's own way in"


def alchemy_for(url: str, **options: Any) -> SQLAlchemyAsyncConfig:
    """Return the app's configuration of its database, which makes its tables itself."""
    url = url.replace("sqlite://", "sqlite+aiosqlite://").replace(
        "postgresql://", "postgresql+asyncpg://"
    )
    defaults: dict[str, Any] = {
        "connection_string": url,
        "metadata": Base.metadata,
        "create_all": True,
    }
    return SQLAlchemyAsyncConfig(**defaults | options)


def keyturn_settings(**changes: Any) -> Settings:
    """Return settings in which a hash costs the least that a file may say."""
    defaults: dict[str, Any] = {
        "base_url": BASE_URL,
        "sign_in_url": "{base_url}/login",
        "hashing": HashingSettings(cost=10),
    }
    return settings_for(DatabaseSettings().url, **defaults | changes)


def in_database(settings: Settings, url: str) -> Settings:
    return msgspec.structs.replace(
        settings, database=msgspec.structs.replace(settings.database, url=SecretStr(url))
    )


class Host:
    """The app, and `keyturn`, the plugin in it.

    The accounts are in the app's table, unless `accounts` is given.
    """

    def __init__(
        self,
        url: str,
        *,
        settings: Settings | None = None,
        accounts: AccountSettings | None = None,
        **plugin: Any,
    ) -> None:
        self.inbox = Inbox()
        self.alchemy = alchemy_for(url)
        given: dict[str, Any] = {"worker": False, "sender": self.inbox}
        settings = in_database(settings or keyturn_settings(), url)
        in_table = AccountSettings(store="table", table=TABLE)
        settings = msgspec.structs.replace(settings, accounts=accounts or in_table)
        self.keyturn = KeyturnPlugin(settings, **given | plugin)
        plugins = [SQLAlchemyPlugin(config=self.alchemy), self.keyturn]
        self.app = Litestar(
            [notes, add_note, login],
            plugins=plugins,
            middleware=[signature, Teachers],
            guards=[teachers_only],
            csrf_config=CSRFConfig(secret="the app's own secret"),
            cors_config=CORSConfig(allow_origins=["https://app.example.org"]),
            exception_handlers={
                404: on_error,
                HTTPException: on_error,
                400: on_error,
                Exception: on_error,
            },
            before_request=before,
            after_request=after,
            dependencies={"api": Provide(lambda: "the app's", sync_to_thread=False)},
            response_headers={"X-App": "yes"},
            request_max_body_size=64,
            logging_config=None,
        )

    @property
    def container(self) -> Container:
        return self.keyturn.container

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        life = LifespanOn(uvicorn.Config(self.app, log_config=None))
        await life.startup()
        assert not life.should_exit, "the app did not start"
        yield
        await life.shutdown()
        assert not life.should_exit, "the app did not stop"
        # Advanced Alchemy does so for a process's first configuration alone: it looks for all by
        # that name.
        await self.alchemy.get_engine().dispose()

    def client(self, address: str = "198.18.0.1", **options: Any) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(self.app, client=(address, 40_000))  # type: ignore[arg-type]
        return httpx2.AsyncClient(
            transport=transport, **{"base_url": "https://school.example.org"} | options
        )

    async def add(self, mail: str = ADA, **fields: Any) -> UUID:
        async with self.alchemy.get_session() as session:
            key = uuid4()
            session.add(
                User(
                    **{"id": key, "mail": mail, "hashed": hash_of(PASSWORD), "must_change": True}
                    | fields
                )
            )
            await session.flush()
            session.add(Visit(user_id=key))
            await session.commit()
            return key

    async def user(self, mail: str = ADA) -> User:
        async with self.alchemy.get_session() as session:
            return (await session.scalars(select(User).where(User.mail == mail))).one()

    async def visits(self) -> int:
        async with self.alchemy.get_session() as session:
            return len((await session.scalars(select(Visit))).all())


def litestar(app: Litestar, *arguments: str) -> Result:
    """Do what `litestar` does once it has loaded the app."""
    env = LitestarEnv(app_path="app:app", app=app, cwd=Path.cwd())
    return CliRunner().invoke(litestar_group, arguments, obj=env)
