"""Guides whose app is not run here: their commands are, on a database as the framework makes it, and a hash is."""

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import bcrypt
import pytest
from tests.driver.service import NEW_PASSWORD, problem, running
from tests.processes.adoption.guides import Guide

from keyturn import read_settings
from keyturn.service.settings import BCRYPT_PREFIXES

pytestmark = pytest.mark.long

ADA = "ada@northwind.example"
"""Has an account in the tables of each framework."""


def schema_of(framework: str) -> str:
    """Return the statements that make a database as the framework makes it."""
    return (Path(__file__).parents[2] / "commands" / "init" / "schemas" / f"{framework}.sql").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "schema", "file"),
    [("laravel", "laravel", "database/database.sqlite"), ("rails", "rails-8", "storage/development.sqlite3")],
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


def test_the_code_for_php_is_php(php: str, tmp_path: Path) -> None:
    for name, code in Guide("laravel").files.items():
        (tmp_path / Path(name).name).write_text(code, "utf-8")
        checked = subprocess.run([php, "-l", tmp_path / Path(name).name], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout
