"""A FastAPI app: users by SQLAlchemy, the guide's sign-in, sessions as JWT. `set-up` makes Mona's account."""

import asyncio
import os
import sys
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI
from pwdlib import PasswordHash
from users import Model, User, engine, sessions


async def set_up() -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Model.metadata.create_all)
    hashed = PasswordHash.recommended().hash(os.environ["PASSWORD"])
    async with sessions.begin() as session:
        session.add(User(email=os.environ["EMAIL"], full_name="Mona", hashed_password=hashed))


def app() -> FastAPI:
    from auth import current_user, router

    fastapi = FastAPI()
    fastapi.include_router(router)

    @fastapi.get("/me")  # type: ignore[untyped-decorator]  # FastAPI is not in this environment
    def me(user: Annotated[User, Depends(current_user)]) -> dict[str, str]:
        return {"email": user.email}

    return fastapi


class Server(uvicorn.Server):
    async def startup(self, *arguments: object, **others: object) -> None:
        await super().startup(*arguments, **others)  # type: ignore[arg-type]
        sys.stderr.write("listening\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["set-up"]:
        asyncio.run(set_up())
    else:
        Server(uvicorn.Config(app(), port=int(os.environ["PORT"]))).run()
