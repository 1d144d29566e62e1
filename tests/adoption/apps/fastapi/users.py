"""The users of the app, as it looks them up."""

from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

sessions = sessionmaker(create_engine("sqlite:///app.db"), expire_on_commit=False)


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
    with sessions() as session:
        return session.scalar(select(User).where(User.email == email))


def user_by_id(user_id: int) -> User | None:
    with sessions() as session:
        return session.get(User, user_id)
