"""Whole apps adopt Keyturn by their guides: their own sign-in, their own hashes, and no session
outlives a reset.
"""

import re
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from flask_login import LoginManager, UserMixin, current_user, login_user
from tests.processes.adoption.story import DOCS, Stack, tell_story
from tests.servers.databases import PostgresServer

pytestmark = pytest.mark.long

PYTHON = (sys.executable, "app.py")
DJANGO = Stack(
    name="django", starts=PYTHON, sign_in="/accounts/login/", forgot="/accounts/password_reset/"
)
FLASK, FASTAPI, LITESTAR = (
    Stack(
        name=name,
        starts=PYTHON,
        sign_in="/login",
        environment={"APP_SECRET": "own"},
        says="unning on http",
    )
    for name in ("flask", "fastapi", "litestar")
)


@pytest.mark.parametrize("stack", [DJANGO, FLASK, FASTAPI, LITESTAR], ids=lambda stack: stack.name)
def test_an_app_s_own_sign_in_takes_the_new_password_and_its_sessions_end(
    stack: Stack, tmp_path: Path
) -> None:
    tell_story(stack, tmp_path)


@pytest.mark.parametrize(("name", "is_told"), [("express", True), ("nextjs", False)])
def test_so_do_those_on_node(
    node: str, postgresql: PostgresServer, name: str, is_told: bool, tmp_path: Path
) -> None:
    url = postgresql.empty()
    environment = {"DATABASE_URL": url, "AUTH_SECRET": "the app's own"}
    stack = Stack(
        name=name,
        starts=(node, "app.js"),
        sign_in="/login",
        environment=environment,
        is_told=is_told,
    )
    tell_story(stack, tmp_path)
    postgresql.drop(url)


def test_with_flask_login_sessions_end_by_the_lines_of_its_guide() -> None:
    in_sessions, in_flask_login = re.findall(
        r"(?ms)^```python\n(.*?)^```$", (DOCS / "guides" / "flask.md").read_text()
    )
    user = SimpleNamespace(id=7, password_hash="scrypt:before")
    app = Flask("app")
    app.secret_key = "the app's own"
    database = SimpleNamespace(
        Model=object, session=SimpleNamespace(get=lambda _, key: user if key == user.id else None)
    )
    names = {"UserMixin": UserMixin, "db": database, "login_manager": LoginManager(app)}
    exec(in_sessions + in_flask_login, names)  # noqa: S102 - as the reader pastes it
    user.get_id = partial(names["User"].get_id, user)
    user.is_active = True

    app.add_url_rule("/login", view_func=lambda: str(login_user(user)), endpoint="login")
    app.add_url_rule("/me", view_func=lambda: str(current_user == user), endpoint="me")
    browser = app.test_client()
    assert browser.get("/login").text == "True"
    assert browser.get("/me").text == "True"
    user.password_hash = "scrypt:after"
    assert browser.get("/me").text == "False"
