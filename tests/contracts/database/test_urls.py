"""Addresses of databases as people have them: by what is made of them, and on real servers."""

import ssl
import traceback
from pathlib import Path

import pytest

from keyturn.errors import SettingsInvalid
from keyturn.service.settings.database_urls import DatabaseUrl, read_url


def read(url: str) -> DatabaseUrl:
    return read_url(url, "database.url")


@pytest.mark.parametrize(
    ("written", "kind", "host", "database"),
    [
        ("postgres://app@db/app", "postgresql", "db", "app"),
        ("postgresql+psycopg2://app@db:5433/app", "postgresql", "db", "app"),
        ("postgis://app@db/app", "postgresql", "db", "app"),
        ("mysql2://app@db/app", "mysql", "db", "app"),
        ("mariadb+pymysql://app@db/app", "mysql", "db", "app"),
        ("sqlite:////srv/app.db", "sqlite", None, "/srv/app.db"),
        ("sqlite3:db/app.sqlite3", "sqlite", None, "db/app.sqlite3"),
        ("postgresql://app@db:5432,[::1]:5433/app", "postgresql", "db:5432,[::1]:5433", "app"),
        ("postgresql://%2Fvar%2Frun%2Fpostgresql/app", "postgresql", "/var/run/postgresql", "app"),
        ("postgresql://app@localhost/app?host=/var/run/postgresql", "postgresql", "/var/run/postgresql", "app"),
        (" postgresql://app@[::1]:5432/a%20b\n", "postgresql", "::1", "a b"),
        ("sqlite://", "sqlite", None, None),
        ("sqlite::memory:", "sqlite", None, None),
        ("file::memory:", "sqlite", None, None),
        ("file:./dev.db?connection_limit=1", "sqlite", None, "./dev.db"),
        ("file:///srv/dev.db", "sqlite", None, "/srv/dev.db"),
    ],
)
def test_each_framework_s_spelling_is_read(
    written: str, kind: str, host: str | None, database: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = read(written)

    assert (found.kind, found.url.host, found.url.database) == (kind, host, database)


@pytest.mark.parametrize(
    ("said", "verifies"),
    [
        ("postgresql://db?sslmode=verify-full", True),
        ("postgresql://db?sslmode=verify-ca", True),  # any of this machine's roots would sign for a stranger
        ("postgresql://db?sslrootcert=system", True),
        ("postgresql://db?sslmode=require&ssl=true", True),
        ("postgresql://db?sslmode=disable&sslaccept=strict", True),  # of two modes the strictest
        ("postgresql://db?sslmode=disable&channel_binding=require", True),
        ("postgresql://db?sslaccept=strict", True),
        ("mysql://db?ssl-mode=VERIFY_IDENTITY", True),
        ('mysql://db?ssl={"rejectUnauthorized":true}', True),
        ("mysql://db?ssl-mode=REQUIRED", False),
        ('mysql://db?ssl={"rejectUnauthorized":false}', False),
    ],
)
def test_what_verifies_is_a_context_that_looks_at_the_name_and_no_other_does(said: str, *, verifies: bool) -> None:
    context = read(said.replace("db?", "app@db/app?")).arguments["ssl"]

    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode == ssl.CERT_REQUIRED, context.check_hostname) == (verifies, verifies)


@pytest.mark.parametrize(
    ("said", "mode"),
    [
        ("sslmode=disable", "disable"),
        ("sslmode=no-verify", "require"),
        ("ssl=require", "require"),
        ("ssl=false", "disable"),
        ("sslaccept=accept_invalid_certs", "require"),
        ("sslmode=prefer&sslrootcert=/nowhere.pem", "prefer"),
        ("sslmode=disable&sslcert=/nowhere.pem", "disable"),
    ],
)
def test_other_modes_are_libpq_s(said: str, mode: str) -> None:
    assert read(f"postgresql://app@db/app?{said}").arguments["ssl"] == mode


@pytest.mark.parametrize(
    ("said", "settings"),
    [
        ("schema=app", {"search_path": '"app"'}),
        ('schema=My "App"', {"search_path": '"My ""App"""'}),
        ("search_path=app,public", {"search_path": "app,public"}),
        ("pgbouncer=false&schema=public", {"search_path": '"public"'}),
        ("options=-csearch_path%3Dapp", {"options": "-csearch_path=app"}),
        ("application_name=shop", {"application_name": "shop"}),
    ],
)
def test_settings_of_the_connection_are_the_server_s(said: str, settings: dict[str, str]) -> None:
    assert read(f"postgresql://app@db/app?{said}").arguments == {"server_settings": settings}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app@db/app?pgbouncer=true&schema=public",
        "postgresql+asyncpg://app@db/app?prepared_statement_cache_size=0",
        "postgresql://app.x@aws-0-eu.pooler.supabase.com:6543/postgres",
    ],
)
def test_behind_a_pooler_of_transactions_no_statement_is_prepared_twice(url: str) -> None:
    arguments = read(url).arguments
    name = arguments["prepared_statement_name_func"]
    assert "server_settings" not in arguments  # PgBouncer refuses a search path

    assert arguments["statement_cache_size"] == arguments["prepared_statement_cache_size"] == 0
    assert name() != name()


def test_a_password_is_read_and_known_to_be_one() -> None:
    for scheme in ("postgresql", "mysql"):
        found = read(f"{scheme}://app:p%40s%2Fs%3A@db/app")

        assert (found.url.username, found.url.password, found.url.host) == ("app", "p@s/s:", "db")
        assert found.holds_secret
    assert read("postgresql://app@db/app?sslpassword=p").holds_secret
    assert not read("postgresql://app@db/app").holds_secret


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("", "not a database address: write one such as"),
        ("postgresql:app", "not a database address: write one such as"),
        ("oracle://app@db/app", "must begin with sqlite://, postgresql://, mysql:// or mariadb://, not 'oracle://'"),
        ("'postgresql://db/app'", "is in quotation marks: remove them"),
        ("jdbc:postgresql://db/app?user=app", "must begin with sqlite://, postgresql://, mysql:// or mariadb://"),
        ("postgresql://db:many/app", "a port must be a number from 1 to 65535"),
        ("postgresql://app:p@s/s@db/app", "a password has %40 for @, %2F for /"),
        ("pgsql:host=db;dbname=app;password=p@s/s@", "not a database address: write one such as"),
        ("postgresql://db/app?sslrotcert=/ca.pem", "sslrotcert is not understood; did you mean sslrootcert?"),
        ("mysql://db/app?ssl_caa=/ca.pem", "ssl_caa is not understood; did you mean ssl_ca?"),
        ("sqlite:///app.db?mode=ro", "mode is not understood"),
        ("postgresql://db/app?sslmode=sometimes", "sslmode must be one of disable, allow, prefer, require, verify-ca"),
        ("postgresql://db/app?sslmode=", "sslmode is empty: give it a value, or leave it out"),
        ("postgresql://db/app?sslaccept=Strictly", "sslaccept must be one of disable, allow, prefer, require, verify-"),
        ("postgresql://db/app?schema=a&schema=b", "schema has two values: leave one of them out"),
        ("postgresql://db/app?require_auth=scram-sha-256", "require_auth is not understood"),
        ("postgresql://db/app?sslrootcert=/no.pem&sslmode=verify-full", "names a file that does not exist: /no.pem"),
        ("sqlite://app.db", "names a host, and SQLite has none: a path follows three slashes, as in sqlite:///app.db"),
        ("sqlite:", "names no file"),
        ('mysql://db/app?ssl={"ca":"x"}', "ssl must be one of"),
        ("mysql://db/app?ssl_ca=/no.pem", "names a file that does not exist: /no.pem"),
        ("mysql://db/app?init_command=x", "init_command is not understood: leave it out"),
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
    [
        "postgresql://app:p@ss?hunter2=x@db/app",
        "postgresql:app:hunter2@db",
        "postgresql://keyturn:p@x:hunter2@db.example:x/keyturn",
        "postgresql://app:hun/ter2@hunter2/app@db",
        "app:hunter2@db://x",
        "jdbc:postgresql://db/?password=hunter2",
        "postgresql://db/app?sslmode=hunter2",
        "mysql://db/app?ssl={hunter2",
    ],
)
def test_no_part_that_may_be_a_secret_is_repeated(written: str) -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        read(written)

    assert "hunter2" not in "".join(traceback.format_exception(invalid.value))
