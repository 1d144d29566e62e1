"""Addresses of databases as docs/accounts.md lists them: the service and init find the accounts there."""

import asyncio
import gc
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.cli.apps import READY, TEXTS
from tests.cli.command import Ended, Keyturn
from tests.cli.init.test_init_servers import executed
from tests.databases import PostgresServer
from tests.mariadb_server import MariadbServer

from keyturn.errors import SettingsInvalid
from keyturn.packaging import folder
from keyturn.service.accounts.port import AccountStore
from keyturn.service.accounts.store_factory import accounts_for
from keyturn.service.database import Database
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import Settings
from keyturn.service.settings.database_urls import read_url
from keyturn.service.settings.reading import read_settings

pytestmark = pytest.mark.long

ADA, GRACE = "ada@northwind.example", "grace@northwind.example"
USERS = """
CREATE TABLE users (id integer PRIMARY KEY, email varchar(99), full_name varchar(99), password_hash varchar(255));
INSERT INTO users VALUES
  (1, 'ada@northwind.example', 'Ada', '$2b$10$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq')
"""
IN_SCHEMA = """
CREATE SCHEMA app;
CREATE TABLE app.users (id integer PRIMARY KEY, email varchar(99), nickname varchar(99), password_hash varchar(255));
INSERT INTO app.users VALUES
  (1, 'grace@northwind.example', 'G', '$2b$10$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq')
"""
SOCKET = "/var/run/postgresql"


def rows() -> list[tuple[list[str], str]]:
    """Return the table: the spellings of each row, and what it says that they mean."""
    page = (folder("docs") / "accounts.md").read_text("utf-8")
    lines = page.partition("| In the address |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [line.strip().strip("|").split("|") for line in lines]
    return [(re.findall(r"`([^`]+)`", line[0]), line[-1].strip()) for line in cells]


def spellings(kind: str) -> list[tuple[str, str]]:
    """Return the spellings of a kind of database, or those that are "refused", and what each means."""
    return [(code, meaning) for codes, meaning in rows() for code in codes if kind_of(code, meaning) == kind]


def kind_of(code: str, meaning: str) -> str:
    if meaning.startswith("a fault"):
        return "refused"
    return (
        "sqlite" if code.startswith(("sqlite", "file")) else "mysql" if code.startswith(("my", "ma")) else "postgresql"
    )


def file(**urls: str) -> Settings:
    """Write settings with these addresses, and read them."""
    text = 'base_url = "https://a.example"\nsign_in_url = "https://a.example/login"\n[mail]\nfrom = "a@a.example"\n'
    if "database" in urls:
        text += f"[database]\nurl = {urls['database']!r}\n"
    if "accounts" in urls:
        text += f'[accounts]\nstore = "table"\n[accounts.table]\ntable = "users"\nurl = {urls["accounts"]!r}\n'
    Path("keyturn.toml").write_text(text, "utf-8")
    try:
        return read_settings(Path("keyturn.toml"), READY)
    finally:
        Path("keyturn.toml").unlink()


async def found_by(store: AccountStore) -> set[str]:
    try:
        return {email for email in (ADA, GRACE) if await store.find(email)}
    finally:
        await store.close()


def accounts_at(settings: Settings) -> set[str]:
    return asyncio.run(found_by(accounts_for(settings, Database("sqlite://"))))


def init(keyturn: Keyturn, address: str) -> Ended:
    ended = keyturn("init", "--database", address, "--table", "users", *TEXTS)
    assert "hunter2" not in ended.out + ended.err
    return ended


@contextmanager
def database_of(server: PostgresServer | MariadbServer, code: str) -> Iterator[str]:
    """Make a database of an app, and yield its address, written as the documentation does."""
    url = server.empty()
    executed(url, USERS)
    if isinstance(server, PostgresServer):
        executed(url, IN_SCHEMA)
    yield written_as(code, url)
    server.drop(url)


def written_as(code: str, url: str) -> str:
    """Return the address of that database in the spelling of the documentation."""
    place, _, query = url.partition("?")
    scheme, _, place = place.partition("://")
    if scheme == "mysql":
        known, _, said = code.partition("?")
        return f"{known.partition('://')[0]}://{place}?{query}{f'&{said}' if said else ''}"
    socket = query.removeprefix("host=")
    if code.startswith("?host="):
        return f"{scheme}://{place}{code.replace(SOCKET, socket)}"
    if quote(SOCKET, safe="") in code:
        return f"{scheme}://postgres@{quote(socket, safe='')}/{place.rpartition('/')[2]}"
    return f"{url}&{code[1:]}" if code.startswith("?") else f"{code}{place}?{query}"


@pytest.mark.parametrize("code", [code for code, _ in spellings("sqlite")])
def test_a_file_in_each_spelling_is_the_one_that_is_meant(keyturn: Keyturn, code: str) -> None:
    with closing(sqlite3.connect("app.db")) as database:
        database.executescript(USERS)

    assert accounts_at(file(accounts=code)) == {ADA}
    assert init(keyturn, code).code == 0
    table = read_settings(Path("keyturn.toml"), READY).accounts.table
    assert (table.url, table.name) == (code, "full_name")


@pytest.mark.parametrize(("code", "meaning"), spellings("postgresql"))
def test_a_postgresql_in_each_spelling_is_the_one_that_is_meant(
    keyturn: Keyturn, postgresql: PostgresServer, code: str, meaning: str
) -> None:
    email, name = (GRACE, "nickname") if "schema" in meaning else (ADA, "full_name")
    with database_of(postgresql, code) as address:
        assert accounts_at(file(accounts=address)) == {email}
        assert init(keyturn, address).code == 0
        settings = read_settings(Path("keyturn.toml"), READY)
        assert (settings.database.url, settings.accounts.table.url) == (address, ""), "a PostgreSQL is shared"
        assert settings.accounts.table.name == name


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # aiomysql ends TLS in later turns of the loop
@pytest.mark.parametrize(("code", "meaning"), spellings("mysql"))
def test_a_mysql_in_each_spelling_is_the_one_that_is_meant_wherever_it_may_be(
    keyturn: Keyturn, mariadb: MariadbServer, code: str, meaning: str
) -> None:
    with database_of(mariadb, code) as address:
        with pytest.raises(SettingsInvalid, match=r"database\.url: .*MySQL works for the accounts"):
            file(database=address)
        settings = file(accounts=address)
        if "must come from the root" in meaning:  # which the server's does not
            refused = (
                "certificate is refused: (.*self.signed certificate in certificate chain|unable to get local issuer)"
            )
            with pytest.raises(AccountsUnready, match=refused):
                accounts_at(settings)
            assert re.search(refused, init(keyturn, address).err)
        else:
            assert accounts_at(settings) == {ADA}
            assert init(keyturn, address).code == 0
            assert read_settings(Path("keyturn.toml"), READY).accounts.table.url == address
    gc.collect()  # so that what it warns of is not said of the next test


@pytest.mark.parametrize("code", [code for code, _ in spellings("refused")])
def test_what_is_not_understood_is_refused_by_one_sentence(keyturn: Keyturn, code: str) -> None:
    address = f"postgresql://app:hunter2@db/app{code}" if code.startswith("?") else code
    with pytest.raises(SettingsInvalid) as invalid:
        read_url(address, "accounts.table.url")
    (fault,) = invalid.value.faults
    assert "hunter2" not in fault.message

    with pytest.raises(SettingsInvalid) as invalid:
        accounts_at(file(accounts=address))
    assert invalid.value.faults == (fault,)
    ended = init(keyturn, address)
    assert (ended.code, ended.err) == (1, f"keyturn: --database: {fault.message}\n")
    assert not Path("keyturn.toml").exists()
