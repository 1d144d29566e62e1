"""The users of the app, as it looks them up."""

import asyncio
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import NullPool

engine = create_async_engine("sqlite+aiosqlite:///app.db", poolclass=NullPool)
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Model(DeclarativeBase):
    pass


class User(Model):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    full_name: Mapped[str | None]
    hashed_password: Mapped[str]
    is_active: Mapped[bool] = mapped_column(default=True)


def user_by_email(email: str) -> User | None:
    return asyncio.run(_first(select(User).where(User.email == email)))


def user_by_id(user_id: int) -> User | None:
    return asyncio.run(_first(select(User).where(User.id == user_id)))


async def _first(statement: Select[Any]) -> User | None:
    async with sessions() as session:
        found: User | None = await session.scalar(statement)
        return found
