"""A Litestar app: Advanced Alchemy's users, its own sign-in, the guide's sessions.

`set-up` makes Mona's account.
"""

import asyncio
import os
import sys

import uvicorn
from litestar import Litestar, Request, get, post
from litestar.exceptions import NotAuthorizedException
from users import User, engine, sessions, user_by_email


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
    from password_sessions import (
        fingerprint,
        session_auth,
    )  # the guide's, beside this file once it is adopted

    @post("/login", status_code=204)
    async def sign_in(request: Request[User, object, object]) -> None:  # type: ignore[type-var]
        form = await request.form()
        user = await user_by_email(form["email"])
        if user is None or not await asyncio.to_thread(user.password.verify, form["password"]):
            raise NotAuthorizedException
        request.set_session({"user_id": str(user.id), "password": fingerprint(user)})

    return Litestar([sign_in, me], on_app_init=[session_auth.on_app_init])


if __name__ == "__main__":
    if sys.argv[1:] == ["set-up"]:
        asyncio.run(set_up())
    else:
        uvicorn.run(app(), port=int(os.environ["PORT"]))
