"""Addresses of databases as people have them; TLS in each mode, and what a server or a stranger
hears that has none.
"""

import asyncio
import re
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.servers.mariadb import MariadbServer
from tests.servers.postgresql_with_tls import TlsServer

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.database import Database
from keyturn.service.problems.requests import AccountsUnready, DatabaseUnready
from keyturn.service.settings.database_urls import DatabaseUrl, read_url

IS_ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
UNREADY = (AccountsUnready, DatabaseUnready)
UNKNOWN = "certificate is refused: .*(?:unable to get local issuer|self-signed|self signed)"
Place = type[Database | AppDatabase]


@pytest.fixture(autouse=True)
def _nothing_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"):
        monkeypatch.delenv(name, raising=False)


async def ask(place: Place, address: str, question: str = IS_ENCRYPTED) -> object:
    database = place(address)
    try:
        return await database.read(
            lambda connection: connection.execute(text(question)).scalar_one()
        )
    finally:
        await database.close()


in_both = pytest.mark.parametrize("place", [Database, AppDatabase], ids=["ours", "the app's"])


@in_both
@pytest.mark.parametrize(
    ("host", "said", "encrypted"),
    [
        ("localhost", "sslmode=verify-full&sslrootcert={root}", True),
        ("localhost", "channel_binding=require&sslrootcert={root}", True),
        ("127.0.0.1", "sslmode=verify-ca&sslrootcert={root}", True),
        ("127.0.0.1", "sslmode=require&sslrootcert={root}", True),
        ("127.0.0.1", "sslmode=no-verify", True),
        ("127.0.0.1", "", True),
        ("127.0.0.1", "sslmode=allow", False),
        ("127.0.0.1", "sslmode=disable", False),
    ],
)
@pytest.mark.long
async def test_a_mode_that_the_server_s_certificate_fulfils_connects(
    postgresql_with_tls: TlsServer, place: Place, host: str, said: str, encrypted: bool
) -> None:
    address = f"{postgresql_with_tls.address(host)}?{said.format(root=postgresql_with_tls.root)}"

    assert await ask(place, address) is encrypted


@in_both
@pytest.mark.parametrize(
    ("host", "said", "why"),
    [
        (
            "127.0.0.1",
            "postgres?sslmode=verify-full&sslrootcert={root}",
            "is not valid for|doesn't match|mismatch",
        ),
        (
            "localhost",
            "postgres?sslmode=verify-full",
            rf"{UNKNOWN}.*\(sslrootcert is not set: this machine's",
        ),
        ("localhost", "postgres?sslmode=require&sslaccept=strict", UNKNOWN),
        ("localhost", "postgres?sslmode=require&channel_binding=require", UNKNOWN),
        ("localhost", "postgres?sslmode=verify-ca&sslrootcert={other}", UNKNOWN),
        ("localhost", "postgres?sslmode=verify-ca", UNKNOWN),
        ("localhost", "postgres?sslmode=require&sslrootcert={other}", UNKNOWN),
        ("localhost", "postgres?sslrootcert={other}", rf"{UNKNOWN}.*\(sslrootcert is {{other}}\)"),
        ("localhost", "by_password", "password authentication failed"),
        ("localhost", "by_certificate?sslmode=require", "certificate"),
    ],
)
async def test_a_server_that_is_refused_or_refuses_is_named_with_the_cause_and_asked_nothing(
    postgresql_with_tls: TlsServer, place: Place, host: str, said: str, why: str
) -> None:
    server, files = (
        postgresql_with_tls,
        {"root": postgresql_with_tls.root, "other": postgresql_with_tls.other_root},
    )
    with pytest.raises(UNREADY) as unready:
        await ask(place, f"{server.address(host).rpartition('/')[0]}/{said.format(**files)}")
    told, database = str(unready.value), said.partition("?")[0]

    assert f"cannot be reached: PostgreSQL on {host}:{server.port}, database {database}: " in told
    assert re.search(why.format(**files), told)
    assert "migrated" not in told
    assert "hunter2" not in told


@in_both
async def test_a_certificate_of_the_client_s_is_shown(
    postgresql_with_tls: TlsServer, place: Place
) -> None:
    server = postgresql_with_tls
    address = f"{server.address(database='by_certificate')}?sslcert={server.certificate}"
    for key in (f"sslkey={server.key}", f"sslkey={server.locked_key}&sslpassword=hunter2"):
        assert await ask(place, f"{address}&{key}") is True
    for password in ("", "&sslpassword=hunter3"):  # and nothing is asked at the terminal
        with pytest.raises(
            SettingsInvalid, match=r"url: sslcert \(.*\) or sslkey \(.*\) cannot be read"
        ) as invalid:
            await ask(place, f"{address}&sslkey={server.locked_key}{password}")
        assert "hunter" not in str(invalid.value)


@asynccontextmanager
async def hearing(
    greet: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[Any]:
    """Run a server that greets its client; yield its port, and what it heard after that."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        heard.put_nowait(await reader.read(4096))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], heard


@in_both
@pytest.mark.parametrize(
    ("said", "goes_on"),
    [
        ("sslmode=require", False),
        ("sslmode=verify-full", False),
        ("ssl=true", False),
        ("sslmode=prefer", True),
    ],
)
async def test_a_server_without_tls_hears_nothing_if_a_mode_asks_for_it(
    place: Place, said: str, goes_on: bool
) -> None:
    async def has_no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer as a PostgreSQL without TLS, or a stranger who says so."""
        assert await reader.readexactly(8) == b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # SSLRequest
        writer.write(b"N")

    async with hearing(has_no_tls) as (port, heard):
        with pytest.raises(UNREADY):
            await ask(place, f"postgresql://app:hunter2@127.0.0.1:{port}/app?{said}")
        assert bool(await asyncio.wait_for(heard.get(), 20)) is goes_on


MYSQL_CIPHER = (
    "SELECT VARIABLE_VALUE <> '' FROM information_schema.SESSION_STATUS"
    " WHERE VARIABLE_NAME = 'Ssl_cipher'"
)


@pytest.mark.parametrize(
    ("said", "encrypted"),
    [
        ("ssl-mode=VERIFY_IDENTITY&ssl_ca={root}", 1),
        ("sslcert={root}&sslaccept=strict", 1),
        ("ssl-mode=VERIFY_CA&ssl-ca={root}", 1),
        ("ssl-mode=REQUIRED", 1),
        ("ssl-mode=PREFERRED", 0),
        ("", 0),
        *(
            (said, None)
            for said in (
                "ssl-mode=VERIFY_IDENTITY",
                "ssl-mode=VERIFY_CA",
                "ssl=true",
                "sslaccept=strict",
            )
        ),
    ],
)
async def test_mysql_s_modes_are_kept(
    mariadb: MariadbServer, said: str, encrypted: int | None
) -> None:
    url = await asyncio.to_thread(mariadb.empty)
    asked = ask(AppDatabase, f"{url}&{said.format(root=mariadb.root)}", MYSQL_CIPHER)
    if encrypted is None:
        with pytest.raises(AccountsUnready, match=r"unable to get local issuer|self.signed"):
            await asked
    else:
        assert await asked == encrypted
    await asyncio.to_thread(mariadb.drop, url)


@pytest.mark.parametrize(
    "said", ["ssl-mode=REQUIRED", "ssl=true", 'ssl={"rejectUnauthorized":false}']
)
async def test_whoever_takes_tls_out_of_mysql_s_greeting_hears_nothing(
    mariadb: MariadbServer, said: str
) -> None:
    async def strip_tls(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(str(mariadb.socket))
        greeting = bytearray(await from_server.read(4096))
        flags = (
            greeting.index(0, 5) + 1 + 4 + 8 + 1
        )  # behind the version, the thread, and the challenge with its zero
        assert greeting[flags + 1] & 0x08
        greeting[flags + 1] &= ~0x08
        writer.write(greeting)
        to_server.close()

    async with hearing(strip_tls) as (port, heard):
        with pytest.raises(
            AccountsUnready, match="the server has no TLS, and the address asks for it"
        ):
            await ask(AppDatabase, f"mysql://app:hunter2@127.0.0.1:{port}/app?{said}", MYSQL_CIPHER)
        assert await asyncio.wait_for(heard.get(), 20) == b""


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
        (
            "postgresql://app@localhost/app?host=/var/run/postgresql",
            "postgresql",
            "/var/run/postgresql",
            "app",
        ),
        (" postgresql://app@[::1]:5432/a%20b\n", "postgresql", "::1", "a b"),
        ("sqlite://", "sqlite", None, None),
        ("sqlite::memory:", "sqlite", None, None),
        ("file::memory:", "sqlite", None, None),
        ("file:./dev.db?connection_limit=1", "sqlite", None, "./dev.db"),
        ("file:///srv/dev.db", "sqlite", None, "/srv/dev.db"),
    ],
)
def test_each_framework_s_spelling_is_read(
    written: str,
    kind: str,
    host: str | None,
    database: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    found = read(written)

    assert (found.kind, found.url.host, found.url.database) == (kind, host, database)


@pytest.mark.parametrize(
    ("said", "verifies"),
    [
        ("postgresql://db?sslmode=verify-full", True),
        (
            "postgresql://db?sslmode=verify-ca",
            True,
        ),  # any of this machine's roots would sign for a stranger
        ("postgresql://db?sslrootcert=system", True),
        ("postgresql://db?sslmode=require&ssl=true", True),
        ("postgresql://db?sslmode=disable&sslaccept=strict", True),  # of two modes the strictest
        ("postgresql://db?sslmode=disable&channel_binding=require", True),
        ("postgresql://db?sslaccept=strict", True),
        ("mysql://db?ssl-mode=VERIFY_IDENTITY", True),
        ('mysql://db?ssl={"rejectUnauthorized":true}', True),
        ("mysql://db?ssl=true", True),
        ("mysql://db?ssl=true&ssl-mode=REQUIRED", True),
        ("mysql://db?ssl-mode=REQUIRED", False),
        ('mysql://db?ssl={"rejectUnauthorized":false}', False),
    ],
)
def test_what_verifies_is_a_context_that_looks_at_the_name_and_no_other_does(
    said: str, *, verifies: bool
) -> None:
    context = read(said.replace("db?", "app@db/app?")).arguments["ssl"]

    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode == ssl.CERT_REQUIRED, context.check_hostname) == (
        verifies,
        verifies,
    )


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ("sslmode=disable", "disable"),
        ("sslmode=no-verify", "require"),
        ("ssl=require", "require"),
        ("ssl=false", "disable"),
        ("sslaccept=accept_invalid_certs", "require"),
        ("sslmode=prefer&sslrootcert=/nowhere.pem", "prefer"),
        ("sslmode=disable&sslcert=/nowhere.pem", "disable"),
        ("schema=app", {"search_path": '"app"'}),
        ('schema=My "App"', {"search_path": '"My ""App"""'}),
        ("search_path=app,public", {"search_path": "app,public"}),
        ("pgbouncer=false&schema=public", {"search_path": '"public"'}),
        ("options=-csearch_path%3Dapp", {"options": "-csearch_path=app"}),
        ("application_name=shop", {"application_name": "shop"}),
    ],
)
def test_other_modes_are_libpq_s_and_settings_of_the_connection_the_server_s(
    said: str, given: object
) -> None:
    name = "ssl" if isinstance(given, str) else "server_settings"
    assert read(f"postgresql://app@db/app?{said}").arguments == {name: given}


@pytest.mark.parametrize(
    "said",
    [
        "pool=5",
        "pool=5&reconnect=true&prepared_statements=false",
        "statement_timeout=5000",
        "gssencmode=disable",
    ],
)
def test_parameters_of_the_apps_pool(said: str) -> None:
    """What only concerns the app's own pool and driver is left out of an address."""
    assert read(f"postgresql://app@db/app?{said}").arguments == {}


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ("charset=latin1&serverVersion=8.0&autocommit=true", {}),
        ("socket=/run/my.sock", {"unix_socket": "/run/my.sock"}),
    ],
)
def test_parameters_of_mysql_drivers(said: str, given: dict[str, str]) -> None:
    """A parameter of another MySQL driver is left out, or has the name that Keyturn's driver
    knows.
    """
    assert read(f"mysql://app@db/app?{said}").arguments == {
        **read("mysql://app@db/app").arguments,
        **given,
    }


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
        (
            "oracle://app@db/app",
            "must begin with sqlite://, postgresql://, mysql:// or mariadb://, not 'oracle://'",
        ),
        ("'postgresql://db/app'", "is in quotation marks: remove them"),
        (
            "jdbc:postgresql://db/app?user=app",
            "must begin with sqlite://, postgresql://, mysql:// or mariadb://",
        ),
        ("postgresql://db:many/app", "a port must be a number from 1 to 65535"),
        ("postgresql://app:p@s/s@db/app", "a password has %40 for @, %2F for /"),
        ("pgsql:host=db;dbname=app;password=p@s/s@", "not a database address: write one such as"),
        (
            "postgresql://db/app?sslrotcert=/ca.pem",
            "sslrotcert is not understood; did you mean sslrootcert?",
        ),
        ("mysql://db/app?ssl_caa=/ca.pem", "ssl_caa is not understood; did you mean ssl_ca?"),
        ("sqlite:///app.db?mode=ro", "mode is not understood"),
        (
            "postgresql://db/app?sslmode=sometimes",
            "sslmode must be one of disable, allow, prefer, require, verify-ca",
        ),
        ("postgresql://db/app?sslmode=", "sslmode is empty: give it a value, or leave it out"),
        (
            "postgresql://db/app?sslaccept=Strictly",
            "sslaccept must be one of disable, allow, prefer, require, verify-",
        ),
        ("postgresql://db/app?schema=a&schema=b", "schema has two values: leave one of them out"),
        ("postgresql://db/app?require_auth=scram-sha-256", "require_auth is not understood"),
        (
            "postgresql://db/app?sslrootcert=/no.pem&sslmode=verify-full",
            "names a file that does not exist: /no.pem",
        ),
        (
            "sqlite://app.db",
            "names a host, and SQLite has none: a path follows three slashes, as in sqlite:///app.db",
        ),
        ("sqlite:", "names no file"),
        ('mysql://db/app?ssl={"ca":"x"}', "ssl must be one of"),
        ("mysql://db/app?ssl_ca=/no.pem", "names a file that does not exist: /no.pem"),
        ("postgresql://db/app?gssencmode=require", "gssencmode is not understood"),
        (
            "mysql://db/app?ssl-mode=SOMETIMES",
            "ssl-mode must be one of disable, allow, prefer, require, verify-ca",
        ),
        ("mysql://db/app?tls=skip-verify", "tls is not understood: write ssl"),
        ("mysql://db/app?parseTime=true", "parseTime is not understood: leave it out"),
        ("mysql://db/app?serverTimezone=UTC", "serverTimezone is not understood: leave it out"),
        ("mysql://db/app?init_command=x", "init_command is not understood: leave it out"),
        ("postgresql://app:p@ss?hunter2=x@db/app", ""),
        ("postgresql:app:hunter2@db", ""),
        ("postgresql://keyturn:p@x:hunter2@db.example:x/keyturn", ""),
        ("postgresql://app:hun/ter2@hunter2/app@db", ""),
        ("app:hunter2@db://x", ""),
        ("jdbc:postgresql://db/?password=hunter2", ""),
        ("postgresql://db/app?sslmode=hunter2", ""),
        ("mysql://db/app?ssl={hunter2", ""),
    ],
)
def test_what_is_not_understood_is_said_by_name_and_no_part_that_may_be_a_secret(
    written: str, sentence: str
) -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        read(written)

    (fault,) = invalid.value.faults
    assert fault.name == "database.url"
    assert sentence in fault.message
    assert "hunter2" not in "".join(traceback.format_exception(invalid.value))
