"""The users of the app, as it looks them up."""

from uuid import UUID

from advanced_alchemy.base import UUIDAuditBase
from advanced_alchemy.types import PasswordHash
from advanced_alchemy.types.password_hash.argon2 import Argon2Hasher
from advanced_alchemy.types.password_hash.base import HashedPassword
from sqlalchemy import select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import Mapped, mapped_column

engine = create_async_engine("sqlite+aiosqlite:///app.db")
sessions = async_sessionmaker(engine, expire_on_commit=False)


class User(UUIDAuditBase):
    __tablename__ = "user_account"

    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str | None]
    password: Mapped[HashedPassword] = mapped_column(
        "hashed_password", PasswordHash(backend=Argon2Hasher())
    )
    is_active: Mapped[bool] = mapped_column(default=True)


async def user_by_email(email: str) -> User | None:
    async with sessions() as session:
        found: User | None = await session.scalar(select(User).where(User.email == email))
        return found


async def user_by_id(user_id: str) -> User | None:
    async with sessions() as session:
        return await session.get(User, UUID(user_id))
