"""Guides whose app is not run here: their commands are, on a database as the framework makes it, and a hash is."""

import sqlite3
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path

import bcrypt
import pytest
from tests.adoption.guides import Guide
from tests.cli.init.test_init_frameworks import SCHEMAS, database_of
from tests.databases import Databases

from keyturn.service.reset.passwords.hash_formats import writer_of
from keyturn.service.settings.reading import read_settings

pytestmark = pytest.mark.long

PASSWORD = "seven quiet harbours"


@pytest.mark.parametrize(
    ("name", "schema", "file"),
    [("laravel", "laravel", "database/database.sqlite"), ("rails", "rails-8", "storage/production.sqlite3")],
)
def test_the_commands_of_a_guide_lead_to_the_settings_and_the_hashes_that_it_names(
    name: str, schema: str, file: str, tmp_path: Path
) -> None:
    (tmp_path / file).parent.mkdir()
    with closing(sqlite3.connect(tmp_path / file)) as database:
        database.executescript((SCHEMAS / f"{schema}.sql").read_text("utf-8"))
    guide = Guide(name)
    environment = guide.follow(tmp_path, {})

    guide.assert_written(tmp_path / "keyturn.toml")
    hashing = read_settings(tmp_path / "keyturn.toml", environment).hashing
    written = writer_of(hashing)(PASSWORD.encode())
    assert written.startswith(f"{guide.written['hashing']['prefix']}{guide.written['hashing']['cost']}$")
    assert bcrypt.checkpw(PASSWORD.encode(), written.encode())


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_django_s_guide_shows_what_init_writes_with_an_address_of_postgresql(
    databases: Databases, tmp_path: Path
) -> None:
    url = database_of("django", databases)
    keyturn = Path(sys.executable).with_name("keyturn")
    asked = ["--database", f"{url}&password=hunter2", "--base-url", "http://127.0.0.1:8001", "--brand", "School"]
    asked += ["--sign-in-url", "http://127.0.0.1:8000/", "--from", "no-reply@northwind.example", "--yes"]
    subprocess.run([keyturn, "init", *asked], cwd=tmp_path, check=True, capture_output=True)
    databases.drop(url)

    written = tomllib.loads((tmp_path / "keyturn.toml").read_text("utf-8"))
    shown = Guide("django").written_for_a_server
    assert written["database"] == shown["database"]
    for name in ("delete", "ends"):  # of the REST framework, allauth and OAuth Toolkit, which this database has
        del written["accounts"]["table"][name]
    assert written["accounts"]["table"] == shown["accounts"]["table"]


def test_the_code_for_php_is_php(php: str, tmp_path: Path) -> None:
    for name, code in Guide("laravel").files.items():
        (tmp_path / Path(name).name).write_text(code, "utf-8")
        checked = subprocess.run([php, "-l", tmp_path / Path(name).name], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout
