"""Addresses of databases as people have them: by what is made of them, and on real servers."""

import asyncio
import ssl
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.databases import PostgresServer

from keyturn.database import Database
from keyturn.database.urls import DatabaseUrl, read_url
from keyturn.errors import SettingsInvalid


def read(url: str) -> DatabaseUrl:
    return read_url(url, "database.url")


@pytest.mark.parametrize(
    ("written", "kind", "host", "database"),
    [
        ("postgres://app@db/app", "postgresql", "db", "app"),
        ("postgresql+psycopg2://app@db:5433/app", "postgresql", "db", "app"),
        ("postgresql+asyncpg://app@db/app", "postgresql", "db", "app"),
        ("pgsql://app@db/app", "postgresql", "db", "app"),
        ("postgis://app@db/app", "postgresql", "db", "app"),
        ("mysql2://app@db/app", "mysql", "db", "app"),
        ("mariadb+pymysql://app@db/app", "mysql", "db", "app"),
        ("sqlite:///app.db", "sqlite", None, "app.db"),
        ("sqlite:////srv/app.db", "sqlite", None, "/srv/app.db"),
        ("sqlite+aiosqlite:///app.db", "sqlite", None, "app.db"),
        ("sqlite3:db/app.sqlite3", "sqlite", None, "db/app.sqlite3"),
        ("file:./dev.db", "sqlite", None, "./dev.db"),
        ("file:./dev.db?connection_limit=1", "sqlite", None, "./dev.db"),
        ("file:/srv/dev.db", "sqlite", None, "/srv/dev.db"),
        ("file:///srv/dev.db", "sqlite", None, "/srv/dev.db"),
    ],
)
def test_each_framework_s_spelling_is_read(written: str, kind: str, host: str | None, database: str) -> None:
    found = read(written)

    assert (found.kind, found.url.host, found.url.database) == (kind, host, database)


@pytest.mark.parametrize(
    ("said", "verifies", "looks_at_the_name"),
    [
        ("sslmode=verify-full", True, True),
        ("sslmode=verify-full&sslrootcert=system", True, True),
        ("sslmode=verify-ca", True, False),
        ("ssl=true", True, True),
        ("sslaccept=strict", True, True),
    ],
)
def test_what_verifies_is_a_context_that_does(said: str, *, verifies: bool, looks_at_the_name: bool) -> None:
    context = read(f"postgresql://app@db/app?{said}").arguments["ssl"]

    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode == ssl.CERT_REQUIRED, context.check_hostname) == (verifies, looks_at_the_name)


@pytest.mark.parametrize(
    ("said", "mode"),
    [
        ("sslmode=disable", "disable"), ("sslmode=allow", "allow"), ("sslmode=prefer", "prefer"),
        ("sslmode=require", "require"), ("sslmode=no-verify", "require"), ("ssl=require", "require"),
        ("ssl=false", "disable"), ("sslaccept=accept_invalid_certs", "require"),
        ("sslmode=require&channel_binding=require", "require"),
    ],
)  # fmt: skip
def test_other_modes_are_libpq_s(said: str, mode: str) -> None:
    assert read(f"postgresql://app@db/app?{said}").arguments["ssl"] == mode


@pytest.mark.parametrize(
    ("said", "verifies"),
    [("ssl-mode=REQUIRED", False), ("ssl-mode=VERIFY_IDENTITY", True), ('ssl={"rejectUnauthorized":true}', True),
     ('ssl={"rejectUnauthorized":false}', False)],
)  # fmt: skip
def test_mysql_s_modes_are_contexts(said: str, *, verifies: bool) -> None:
    context = read(f"mysql://app@db/app?{said}").arguments["ssl"]

    assert (context.verify_mode == ssl.CERT_REQUIRED) == verifies


@pytest.mark.parametrize("said", ["", "ssl-mode=PREFERRED", "ssl-mode=DISABLED"])
def test_mysql_without_tls_has_no_context(said: str) -> None:
    assert "ssl" not in read(f"mysql://app@db/app?{said}").arguments


@pytest.mark.parametrize(
    ("said", "settings"),
    [
        ("schema=app", {"search_path": "app"}),
        ("options=-csearch_path%3Dapp", {"search_path": "app"}),
        (
            "options=-c%20search_path%3Dapp%20--statement-timeout%3D5s",
            {"search_path": "app", "statement_timeout": "5s"},
        ),
        ("application_name=shop", {"application_name": "shop"}),
    ],
)
def test_settings_of_the_connection_are_the_server_s(said: str, settings: dict[str, str]) -> None:
    assert read(f"postgresql://app@db/app?{said}").arguments == {"server_settings": settings}


@pytest.mark.parametrize(
    "url", ["postgresql://app@db/app?pgbouncer=true", "postgresql://app.x@aws-0-eu.pooler.supabase.com:6543/postgres"]
)
def test_behind_a_pooler_of_transactions_no_statement_is_prepared_twice(url: str) -> None:
    arguments = read(url).arguments
    name = arguments["prepared_statement_name_func"]

    assert arguments["statement_cache_size"] == arguments["prepared_statement_cache_size"] == 0
    assert name() != name()


def test_a_socket_stands_above_the_host_that_prisma_writes_beside_it() -> None:
    found = read("postgresql://app@localhost/app?host=/var/run/postgresql").url

    assert not found.host
    assert found.query == {"host": "/var/run/postgresql"}


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("", "not a database address: write one, as in"),
        ("postgresql", "not a database address: write one, as in"),
        ("oracle://app@db/app", "must begin with sqlite://, postgresql://, mysql:// or mariadb://"),
        ("postgresql://db:many/app", "not a database address: write one, as in"),
        ("postgresql://db/app?sslmode=sometimes", "sslmode must be one of disable, allow, prefer, require, verify-ca"),
        ("postgresql://db/app?sslrootcert=/no.pem&sslmode=verify-full", "cannot be read: No such file or directory"),
        ("postgresql://db/app?connect_timeout=soon", "connect_timeout must be a number of seconds"),
        ("postgresql://db/app?options=search_path", "options must be made of -c name=value"),
        ("postgresql://db/app?options=-c'a", "options has an open quotation mark"),
        ("postgresql://db/app?target_session_attrs=best", "target_session_attrs must be one of any, primary"),
        ("postgresql://db/app?port=many", "port must be a number"),
        ("postgresql://db/app?poool=5", "poool is not understood: leave it out"),
        ("mysql://db/app?ssl={", "ssl is no JSON object"),
        ("mysql://db/app?ssl=[1]", "must be one of"),
        ("mysql://127.0.0.1:1/app?collation=x", "collation is not understood: leave it out"),
    ],
)
def test_what_is_not_understood_is_said_by_name(written: str, sentence: str) -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        read(written)

    (fault,) = invalid.value.faults
    assert fault.name == "database.url"
    assert sentence in fault.message


@pytest.mark.parametrize(
    "written",
    ["postgresql://app:p@ss?hunter2=x@db/app", "postgresql://app:hunter2@db:x/app", "postgresql:app:hunter2@db",
     "postgresql://db/app?sslmode=hunter2", "mysql://db/app?ssl={hunter2"],
)  # fmt: skip
def test_no_part_that_may_be_a_secret_is_repeated(written: str) -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        read(written)

    assert "hunter2" not in str(invalid.value)


@pytest.mark.parametrize("said", ["schema=apart", "options=-csearch_path%3Dapart"])
async def test_on_a_server_the_search_path_is_the_one_that_was_written(postgresql: PostgresServer, said: str) -> None:
    url = await asyncio.to_thread(postgresql.empty)
    database = Database(f"{url.replace('postgresql://', 'postgres://')}&{said}&connection_limit=5&sslmode=disable")
    async with database.connection() as connection:
        assert (await connection.execute(text("SHOW search_path"))).scalar_one() == "apart"
    await database.close()
    await asyncio.to_thread(postgresql.drop, url)


async def test_a_file_by_prisma_s_address_is_opened(tmp_path: Path) -> None:
    database = Database(f"file:{tmp_path}/dev.db?connection_limit=1")
    async with database.connection() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
    await database.close()
    assert (tmp_path / "dev.db").is_file()
