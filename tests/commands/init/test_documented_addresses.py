"""Addresses of databases as docs/accounts.md lists them: the service and init read them alike."""

import re
from pathlib import Path

import pytest
from tests.commands.command import Keyturn
from tests.commands.init.apps import READY, TEXTS, executed, sqlite_app
from tests.servers.databases import PostgresServer

from keyturn.errors import SettingsInvalid
from keyturn.packaging import folder
from keyturn.service.settings.database_urls import read_url
from keyturn.service.settings.reading import read_settings

pytestmark = pytest.mark.long


def rows() -> list[tuple[list[str], str]]:
    """Return the table: the spellings of each row, and what it says that they mean."""
    page = (folder("docs") / "accounts.md").read_text("utf-8")
    lines = page.partition("| In the address |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [line.strip().strip("|").split("|") for line in lines]
    return [(re.findall(r"`([^`]+)`", line[0]), line[-1].strip()) for line in cells]


CODES = [
    (f"postgresql://app:hunter2@db/app{code}" if code.startswith("?") else code, says)
    for codes, says in rows()
    for code in codes
]
REFUSED = [code for code, says in CODES if says.startswith("a fault")]
FILES = [code for code, _ in CODES if code.startswith(("sqlite", "file")) and code not in REFUSED]


@pytest.mark.parametrize(("code", "says"), [row for row in CODES if "@db/app?" in row[0] and row[0] not in REFUSED])
def test_a_postgresql_takes_what_is_made_of_each_spelling(postgresql: PostgresServer, code: str, says: str) -> None:
    url = postgresql.empty()
    executed(url, "CREATE SCHEMA app;\nCREATE TABLE app.users (nickname text);\nCREATE TABLE public.users (name text)")
    assert read_url(code, "accounts.table.url").kind == "postgresql"
    code = code.partition("db/app")[2]
    address = url.partition("?")[0] + code.replace("/var/run/postgresql", url.rpartition("=")[2])

    column = "nickname" if "schema" in says else "name"
    executed(address if "host=" in code else f"{url}&{code[1:]}", f"SELECT {column} FROM users")  # noqa: S608
    postgresql.drop(url)


@pytest.mark.parametrize("code", FILES)
def test_a_file_in_each_spelling_is_the_one_that_is_meant(keyturn: Keyturn, code: str) -> None:
    sqlite_app("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, full_name TEXT, password_hash TEXT);")

    assert keyturn("init", "--database", code, *TEXTS).code == 0
    table = read_settings(Path("keyturn.toml"), READY).accounts.table
    assert (table.url, table.name) == (code, "full_name")


@pytest.mark.parametrize("code", REFUSED)
def test_what_is_not_understood_is_refused_by_one_sentence(keyturn: Keyturn, code: str) -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        read_url(code, "accounts.table.url")
    (fault,) = invalid.value.faults
    ended = keyturn("init", "--database", code, "--table", "users", *TEXTS)

    assert (ended.code, ended.err) == (1, f"keyturn: --database: {fault.message}\n")
    assert "hunter2" not in ended.err
    assert not Path("keyturn.toml").exists()
