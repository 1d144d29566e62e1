"""The app of docs/plugin.md, written down as it stands there."""

import asyncio
import os
import runpy
import sys
from pathlib import Path
from typing import Any

import bcrypt
import httpx2
import pytest
from sqlalchemy import text
from tests.driver.inbox import token_in_file
from tests.driver.service import ADA, NEW_PASSWORD, PASSWORD, hash_of
from tests.processes.adoption.story import block
from tests.processes.plugin.host import REQUEST, RESET
from tests.servers.processes import output_of, run

pytestmark = pytest.mark.long

MODELS = """
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    password_hash: Mapped[str | None]
    name: Mapped[str]

class UserSession(Base):
    __tablename__ = "user_sessions"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, code in {
        "models.py": MODELS,
        "app.py": block("plugin.md", "python", "# app.py"),
        "keyturn.toml": block("plugin.md", "toml", "# keyturn.toml"),
    }.items():
        (tmp_path / name).write_text(code)
    for name in [name for name in os.environ if name.startswith("KEYTURN_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_faults_of_its_settings_and_a_missing_migration_are_sentences(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uvicorn = [sys.executable, "-m", "uvicorn", "app:app", "--port", "0"]
    unready = run(uvicorn)
    assert unready.returncode == 3, unready.stderr
    told = [line for line in unready.stderr.splitlines() if "DatabaseUnready: " in line]
    assert told[-1].endswith("does not have Keyturn's tables yet: run `keyturn migrate`")

    monkeypatch.setenv("KEYTURN_HASHING_COST", "4")
    monkeypatch.setenv("KEYTURN_SECRET_KEY", "short")
    for command in (uvicorn, [sys.executable, "-m", "litestar", "--app", "app:app", "info"]):
        done = run(command)
        assert (done.returncode, "Traceback" in done.stdout + done.stderr) == (1, False)
        assert "KEYTURN_HASHING_COST: must be a whole number from 10 to 16, not '4'" in done.stderr
        assert "KEYTURN_SECRET_KEY: shorter than 32 characters" in done.stderr


async def test_its_code_migrates_starts_and_resets_a_password(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-m", "keyturn", "migrate"]
    done = await asyncio.to_thread(output_of, command)
    assert done.startswith("Updated the database from revision none to")

    names: dict[str, Any] = await asyncio.to_thread(runpy.run_path, "app.py")
    monkeypatch.delitem(sys.modules, "models")
    transport = httpx2.ASGITransport(names["app"])
    async with (
        names["app"].lifespan(),
        names["alchemy"].get_session() as session,
        httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client,
    ):
        added = {"email": ADA, "hash": hash_of(PASSWORD)}
        await session.execute(text("INSERT INTO users VALUES (7, :email, :hash, 'Ada')"), added)
        await session.execute(text("INSERT INTO user_sessions VALUES (1, 7)"))
        await session.commit()
        assert (await client.post(REQUEST, json={"email": ADA})).status_code == 202
        async with asyncio.timeout(20):
            while not (mails := list((folder / ".keyturn" / "mail").glob("*.eml"))):
                await asyncio.sleep(0.05)
        token = token_in_file(mails[0])
        assert (
            await client.post(RESET, json={"token": token, "newPassword": NEW_PASSWORD})
        ).status_code == 200

        stored = (await session.execute(text("SELECT password_hash FROM users"))).scalar_one()
        assert bcrypt.checkpw(NEW_PASSWORD.encode(), stored.encode())
        assert not (await session.execute(text("SELECT * FROM user_sessions"))).all()
    await names["alchemy"].get_engine().dispose()
