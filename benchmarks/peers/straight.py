"""A straightforward server: Litestar, and a session of SQLAlchemy's ORM for each request.

A request looks up the account, and stores a link and a mail in one transaction. There are no
limits, no audit and no worker, so only its endpoints are measured.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
from litestar import Litestar, post
from litestar.params import JSONBody
from sqlalchemy import String, event, select
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from benchmarks.load.messages import Request
from benchmarks.peers import LINKS, email_of, unknown, write_requests
from keyturn.cli.running import serve
from keyturn.cli.sockets import address_of, listen
from keyturn.service.event_loop import run


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password: Mapped[str] = mapped_column(String(100))


class Link(Base):
    __tablename__ = "links"
    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(index=True)
    expires: Mapped[float]


class Mail(Base):
    __tablename__ = "mails"
    id: Mapped[int] = mapped_column(primary_key=True)
    link_id: Mapped[int]


class RequestBody(msgspec.Struct):
    email: str = ""
    token: str = ""


def create_app(engine: AsyncEngine) -> Litestar:
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    @post("/request", status_code=202)
    async def request(data: JSONBody[RequestBody]) -> dict[str, bool]:
        async with sessions() as session:
            user = (
                await session.execute(select(User).where(User.email == data.email))
            ).scalar_one_or_none()
            if user:
                link = Link(
                    digest=_digest(os.urandom(32).hex()), user_id=user.id, expires=_expires()
                )
                session.add(link)
                await session.flush()
                session.add(Mail(link_id=link.id))
                await session.commit()
        return {"success": True}

    @post("/validate", status_code=200)
    async def validate(data: JSONBody[RequestBody]) -> dict[str, bool]:
        async with sessions() as session:
            link = (
                await session.execute(select(Link).where(Link.digest == _digest(data.token)))
            ).scalar_one_or_none()
        return {"valid": link is not None and link.expires > datetime.now(UTC).timestamp()}

    return Litestar([request, validate], openapi_config=None, logging_config=None)


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _expires() -> float:
    return (datetime.now(UTC) + timedelta(days=1)).timestamp()


async def prepare(engine: AsyncEngine, folder: Path, count: int) -> None:
    links = [os.urandom(32).hex() for _ in range(min(count, LINKS))]
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with async_sessionmaker(engine)() as session:
        session.add_all(
            User(id=number, email=email_of(number), password="x" * 60) for number in range(count)
        )
        session.add_all(
            Link(digest=_digest(token), user_id=number, expires=_expires())
            for number, token in enumerate(links)
        )
        await session.commit()
    await engine.dispose()
    write_requests(
        folder,
        known=(_post("/request", email=email_of(number)) for number in range(count)),
        unknown=(_post("/request", email=unknown(number)) for number in range(count)),
        validate=(_post("/validate", token=token) for token in links),
    )


def _post(path: str, **body: str) -> Request:
    return Request(path=path, body=msgspec.json.encode(body).decode())


def open_engine(url: str) -> AsyncEngine:
    if url.startswith("postgresql"):
        return create_async_engine(
            url.replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=10
        )
    engine = create_async_engine(
        url.replace("sqlite://", "sqlite+aiosqlite://", 1), connect_args={"timeout": 30}
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: object, _: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    return engine


async def main(folder: Path, url: str, count: int) -> None:
    engine = open_engine(url)
    await prepare(engine, folder, count)
    bound = listen("127.0.0.1", 0)
    await serve(
        create_app(engine), [bound], lambda: print(f"http://{address_of(bound)}", flush=True)
    )


if __name__ == "__main__":
    run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
