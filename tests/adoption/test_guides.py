"""Whole apps adopt Keyturn by their guides: their own sign-in, their own hashes, and no session outlives a reset."""

import sys
from pathlib import Path

import pytest
from tests.adoption.story import Stack, tell_story
from tests.databases import PostgresServer

pytestmark = pytest.mark.long

PYTHON = (sys.executable, "app.py")
DJANGO = Stack(name="django", starts=PYTHON, sign_in="/accounts/login/", forgot="/accounts/password_reset/")

FLASK = Stack(name="flask", starts=PYTHON, sign_in="/login")
FASTAPI = Stack(name="fastapi", starts=PYTHON, sign_in="/login", environment={"APP_SECRET": "own"})

LITESTAR = Stack(name="litestar", starts=PYTHON, sign_in="/login", environment={"APP_SECRET": "own"})


@pytest.mark.parametrize("stack", [DJANGO, FLASK, FASTAPI, LITESTAR], ids=lambda stack: stack.name)
def test_an_app_s_own_sign_in_takes_the_new_password_and_its_sessions_end(stack: Stack, tmp_path: Path) -> None:
    tell_story(stack, tmp_path)


@pytest.mark.parametrize(("name", "is_told"), [("express", True), ("nextjs", False)])
def test_so_do_those_on_node_and_postgresql(
    node: str, postgresql: PostgresServer, name: str, is_told: bool, tmp_path: Path
) -> None:
    url = postgresql.empty()
    environment = {"DATABASE_URL": url, "AUTH_SECRET": "the app's own"}
    stack = Stack(name=name, starts=(node, "app.js"), sign_in="/login", environment=environment, is_told=is_told)
    tell_story(stack, tmp_path)
    postgresql.drop(url)
