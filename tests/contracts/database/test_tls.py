"""TLS to a database in each mode, to real servers, and what a server or a stranger between hears that has none."""

import asyncio
import re
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
        return await database.read(lambda connection: connection.execute(text(question)).scalar_one())
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
        ("127.0.0.1", "postgres?sslmode=verify-full&sslrootcert={root}", "is not valid for|doesn't match|mismatch"),
        ("localhost", "postgres?sslmode=verify-full", rf"{UNKNOWN}.*\(sslrootcert is not set: this machine's"),
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
    server, files = postgresql_with_tls, {"root": postgresql_with_tls.root, "other": postgresql_with_tls.other_root}
    with pytest.raises(UNREADY) as unready:
        await ask(place, f"{server.address(host).rpartition('/')[0]}/{said.format(**files)}")
    told, database = str(unready.value), said.partition("?")[0]

    assert f"cannot be reached: PostgreSQL on {host}:{server.port}, database {database}: " in told
    assert re.search(why.format(**files), told)
    assert "migrated" not in told
    assert "hunter2" not in told


@in_both
async def test_a_certificate_of_the_client_s_is_shown(postgresql_with_tls: TlsServer, place: Place) -> None:
    server = postgresql_with_tls
    address = f"{server.address(database='by_certificate')}?sslcert={server.certificate}"
    for key in (f"sslkey={server.key}", f"sslkey={server.locked_key}&sslpassword=hunter2"):
        assert await ask(place, f"{address}&{key}") is True
    for password in ("", "&sslpassword=hunter3"):  # and nothing is asked at the terminal
        with pytest.raises(SettingsInvalid, match=r"url: sslcert \(.*\) or sslkey \(.*\) cannot be read") as invalid:
            await ask(place, f"{address}&sslkey={server.locked_key}{password}")
        assert "hunter" not in str(invalid.value)


@asynccontextmanager
async def hearing(greet: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[Any]:
    """Run a server that greets its client; yield its port, and what it heard after that."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        heard.put_nowait(await reader.read(4096))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], heard


async def has_no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer as a PostgreSQL without TLS, or a stranger who says so."""
    assert await reader.readexactly(8) == b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # SSLRequest
    writer.write(b"N")


@in_both
@pytest.mark.parametrize(
    ("said", "goes_on"),
    [("sslmode=require", False), ("sslmode=verify-full", False), ("ssl=true", False), ("sslmode=prefer", True)],
)
async def test_a_server_without_tls_hears_nothing_if_a_mode_asks_for_it(place: Place, said: str, goes_on: bool) -> None:
    async with hearing(has_no_tls) as (port, heard):
        with pytest.raises(UNREADY):
            await ask(place, f"postgresql://app:hunter2@127.0.0.1:{port}/app?{said}")
        assert bool(await asyncio.wait_for(heard.get(), 20)) is goes_on


MYSQL_CIPHER = "SELECT VARIABLE_VALUE <> '' FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher'"


@pytest.mark.parametrize(
    ("said", "encrypted"),
    [
        ("ssl-mode=VERIFY_IDENTITY&ssl_ca={root}", 1),
        ("sslcert={root}&sslaccept=strict", 1),
        ("ssl-mode=VERIFY_CA&ssl-ca={root}", 1),
        ("ssl-mode=REQUIRED", 1),
        ("ssl-mode=PREFERRED", 0),
        ("", 0),
        *((said, None) for said in ("ssl-mode=VERIFY_IDENTITY", "ssl-mode=VERIFY_CA", "ssl=true", "sslaccept=strict")),
    ],
)
async def test_mysql_s_modes_are_kept(mariadb: MariadbServer, said: str, encrypted: int | None) -> None:
    url = await asyncio.to_thread(mariadb.empty)
    asked = ask(AppDatabase, f"{url}&{said.format(root=mariadb.root)}", MYSQL_CIPHER)
    if encrypted is None:
        with pytest.raises(AccountsUnready, match=r"unable to get local issuer|self.signed"):
            await asked
    else:
        assert await asked == encrypted
    await asyncio.to_thread(mariadb.drop, url)


@pytest.mark.parametrize("said", ["ssl-mode=REQUIRED", "ssl=true", 'ssl={"rejectUnauthorized":false}'])
async def test_whoever_takes_tls_out_of_mysql_s_greeting_hears_nothing(mariadb: MariadbServer, said: str) -> None:
    async def strip_tls(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(str(mariadb.socket))
        greeting = bytearray(await from_server.read(4096))
        flags = greeting.index(0, 5) + 1 + 4 + 8 + 1  # behind the version, the thread, and the challenge with its zero
        assert greeting[flags + 1] & 0x08
        greeting[flags + 1] &= ~0x08
        writer.write(greeting)
        to_server.close()

    async with hearing(strip_tls) as (port, heard):
        with pytest.raises(AccountsUnready, match="the server has no TLS, and the address asks for it"):
            await ask(AppDatabase, f"mysql://app:hunter2@127.0.0.1:{port}/app?{said}", MYSQL_CIPHER)
        assert await asyncio.wait_for(heard.get(), 20) == b""
