"""A FastAPI app: users by SQLAlchemy, its own sign-in, the guide's tokens.

`set-up` makes Mona's account.
"""

import asyncio
import os
import sys
from typing import Annotated

import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from pwdlib import PasswordHash
from users import Model, User, engine, sessions, user_by_email, user_by_id


async def set_up() -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Model.metadata.create_all)
    hashed = PasswordHash.recommended().hash(os.environ["PASSWORD"])
    async with sessions.begin() as session:
        session.add(User(email=os.environ["EMAIL"], full_name="Mona", hashed_password=hashed))


def app() -> FastAPI:
    import password_tokens  # the guide's, beside this file once it is adopted

    fastapi = FastAPI()

    @fastapi.post("/login")  # type: ignore[untyped-decorator]
    def sign_in(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> dict[str, str]:
        user = user_by_email(form.username)
        if user is None or not PasswordHash.recommended().verify(
            form.password, user.hashed_password
        ):
            raise HTTPException(401)
        return {
            "access_token": password_tokens.issue(user.id, user.hashed_password),
            "token_type": "bearer",
        }

    def current_user(
        token: Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="login"))],
    ) -> User:
        claims = jwt.decode(token, password_tokens.SECRET, algorithms=["HS256"])
        user = user_by_id(int(claims["sub"]))
        if user is None or not password_tokens.is_current(claims, user.hashed_password):
            raise HTTPException(401)
        return user

    @fastapi.get("/me")  # type: ignore[untyped-decorator]  # FastAPI is not in this environment
    def me(user: Annotated[User, Depends(current_user)]) -> dict[str, str]:
        return {"email": user.email}

    return fastapi


if __name__ == "__main__":
    if sys.argv[1:] == ["set-up"]:
        asyncio.run(set_up())
    else:
        uvicorn.run(app(), port=int(os.environ["PORT"]))
