"""A Litestar app: users by Advanced Alchemy's own types, the guide's sign-in, sessions in a store of Litestar's.

`set-up` makes Mona's account.
"""

import asyncio
import os
import sys

import uvicorn
from litestar import Litestar, Request, get
from users import User, engine, sessions


async def set_up() -> None:
    async with engine.begin() as connection:
        await connection.run_sync(User.metadata.create_all)
    async with sessions.begin() as session:
        session.add(User(email=os.environ["EMAIL"], name="Mona", password=os.environ["PASSWORD"]))
    await engine.dispose()


@get("/me")
async def me(request: Request[User, object, object]) -> dict[str, str]:  # type: ignore[type-var]
    return {"email": request.user.email}


def app() -> Litestar:
    from auth import forgot, login, session_auth

    return Litestar([login, forgot, me], on_app_init=[session_auth.on_app_init])


class Server(uvicorn.Server):
    async def startup(self, *arguments: object, **others: object) -> None:
        await super().startup(*arguments, **others)  # type: ignore[arg-type]
        sys.stderr.write("listening\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["set-up"]:
        asyncio.run(set_up())
    else:
        Server(uvicorn.Config(app(), port=int(os.environ["PORT"]))).run()
