"""Guides whose app is not run here: their commands are, on a database as the framework makes it, and a hash is."""

import asyncio
import sqlite3
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path

import asyncpg
import bcrypt
import pytest
from tests.adoption.guides import Guide
from tests.databases import PostgresServer
from tests.driver.service import NEW_PASSWORD, problem, running

from keyturn import read_settings
from keyturn.service.settings import BCRYPT_PREFIXES

pytestmark = pytest.mark.long

ADA = "ada@northwind.example"
"""Has an account in the tables of each framework."""


def schema_of(framework: str) -> str:
    """Return the statements that make a database as the framework makes it."""
    return (Path(__file__).parents[1] / "cli" / "init" / "schemas" / f"{framework}.sql").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "schema", "file"),
    [("laravel", "laravel", "database/database.sqlite"), ("rails", "rails-8", "storage/production.sqlite3")],
)
async def test_the_commands_of_a_guide_lead_to_the_settings_and_the_hashes_that_it_names(
    name: str, schema: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / file).parent.mkdir()
    with closing(sqlite3.connect(tmp_path / file)) as database:
        database.executescript(schema_of(schema))
    guide = Guide(name)
    environment = guide.follow(tmp_path, {})

    guide.assert_written(tmp_path / "keyturn.toml")
    monkeypatch.chdir(tmp_path)
    async with running(read_settings(tmp_path / "keyturn.toml", environment)) as keyturn:
        assert problem(await keyturn.reset(await keyturn.link(ADA))) == "200"
    column = guide.written["accounts"]["table"]["password"]
    with closing(sqlite3.connect(tmp_path / file)) as database:
        ((written,),) = database.execute(f"SELECT {column} FROM users")  # noqa: S608 - a name in the guide
    hashing = guide.written["hashing"]
    assert written.startswith(f"{BCRYPT_PREFIXES[hashing['format']]}{hashing['cost']}$")
    assert bcrypt.checkpw(NEW_PASSWORD.encode(), written.encode())


def test_django_s_guide_shows_what_init_writes_with_an_address_of_postgresql(
    postgresql: PostgresServer, tmp_path: Path
) -> None:
    url = postgresql.empty()
    asyncio.run(execute(url, schema_of("django")))
    keyturn = Path(sys.executable).with_name("keyturn")
    asked = [
        "--database",
        url.replace("postgres:@", "postgres:hunter2@"),
        "--base-url",
        "http://127.0.0.1:8001",
        "--brand",
        "School",
    ]
    asked += ["--sign-in-url", "http://127.0.0.1:8000/", "--from", "no-reply@northwind.example"]
    subprocess.run([keyturn, "init", *asked], cwd=tmp_path, check=True, capture_output=True)
    postgresql.drop(url)

    written = tomllib.loads((tmp_path / "keyturn.toml").read_text("utf-8"))
    shown = Guide("django").written_for_a_server
    assert written["database"] == shown["database"]
    del written["accounts"]["table"]["delete"]  # of the REST framework, which this database has
    assert written["accounts"]["table"] == shown["accounts"]["table"]


async def execute(url: str, script: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(script)
    await connection.close()


def test_the_code_for_php_is_php(php: str, tmp_path: Path) -> None:
    for name, code in Guide("laravel").files.items():
        (tmp_path / Path(name).name).write_text(code, "utf-8")
        checked = subprocess.run([php, "-l", tmp_path / Path(name).name], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout
