"""TLS to a database in each mode, to real servers, and what a server or a stranger between hears that has none."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.servers.mariadb import MariadbServer
from tests.servers.postgresql_with_tls import TlsServer

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.database import Database
from keyturn.service.problems.requests import AccountsUnready, DatabaseUnready

IS_ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
MISMATCH, UNKNOWN = "is not valid for|doesn't match|mismatch", "unable to get local issuer|self-signed|self signed"


@pytest.fixture(autouse=True)
def _nothing_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"):
        monkeypatch.delenv(name, raising=False)


async def ask(place: type[Database | AppDatabase], address: str, question: str = IS_ENCRYPTED) -> object:
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
        ("127.0.0.1", "sslrootcert={root}", True),
        ("127.0.0.1", "sslmode=require&sslrootcert={root}", True),
        ("127.0.0.1", "sslmode=require", True),
        ("127.0.0.1", "sslmode=no-verify", True),
        ("127.0.0.1", "sslmode=prefer", True),
        ("127.0.0.1", "", True),
        ("127.0.0.1", "sslmode=allow", False),
        ("127.0.0.1", "sslmode=disable", False),
    ],
)
@pytest.mark.long
async def test_a_mode_that_the_server_s_certificate_fulfils_connects(
    postgresql_with_tls: TlsServer, place: type[Database | AppDatabase], host: str, said: str, encrypted: bool
) -> None:
    address = f"{postgresql_with_tls.address(host)}?{said.format(root=postgresql_with_tls.root)}"

    assert await ask(place, address) is encrypted


@in_both
@pytest.mark.parametrize(
    ("host", "said", "why"),
    [
        ("127.0.0.1", "sslmode=verify-full&sslrootcert={root}", MISMATCH),
        ("localhost", "sslmode=verify-full&sslrootcert={other}", UNKNOWN),
        ("localhost", "sslmode=verify-full", UNKNOWN),
        ("localhost", "ssl=true", UNKNOWN),
        ("localhost", "sslmode=require&sslaccept=strict", UNKNOWN),
        ("localhost", "sslmode=require&channel_binding=require", UNKNOWN),
        ("localhost", "sslmode=verify-ca&sslrootcert={other}", UNKNOWN),
        ("localhost", "sslmode=verify-ca", UNKNOWN),
        ("localhost", "sslmode=require&sslrootcert={other}", UNKNOWN),
        ("localhost", "sslrootcert={other}", UNKNOWN),
    ],
)
async def test_a_mode_that_the_server_s_certificate_does_not_fulfil_ends_before_anything_is_asked(
    postgresql_with_tls: TlsServer, place: type[Database | AppDatabase], host: str, said: str, why: str
) -> None:
    files = {"root": postgresql_with_tls.root, "other": postgresql_with_tls.other_root}
    with pytest.raises((AccountsUnready, DatabaseUnready), match=why) as unready:
        await ask(place, f"{postgresql_with_tls.address(host)}?{said.format(**files)}")
    assert "hunter2" not in str(unready.value)


@in_both
@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("postgres?sslrootcert={other}", r"certificate is refused: .*\(sslrootcert is {other}\)"),
        ("postgres?sslmode=verify-full", r"certificate is refused: .*\(sslrootcert is not set: this machine's"),
        ("by_password", "password authentication failed"),
    ],
)
async def test_a_server_that_refuses_is_named_with_its_host_port_and_database_and_one_cause(
    postgresql_with_tls: TlsServer, place: type[Database | AppDatabase], said: str, why: str
) -> None:
    server = postgresql_with_tls
    address = server.address().rpartition("/")[0]
    with pytest.raises((AccountsUnready, DatabaseUnready)) as unready:
        await ask(place, f"{address}/{said.format(other=server.other_root)}")
    told, database = str(unready.value), said.partition("?")[0]

    assert re.search(f"cannot be reached: PostgreSQL on localhost:{server.port}, database {database}: ", told)
    assert re.search(why.format(other=server.other_root), told)
    assert "migrated" not in told
    assert "hunter2" not in told


@in_both
@pytest.mark.parametrize("key", ["sslkey={key}", "sslkey={locked}&sslpassword=hunter2"])
async def test_a_certificate_of_the_client_s_is_shown(
    postgresql_with_tls: TlsServer, place: type[Database | AppDatabase], key: str
) -> None:
    server = postgresql_with_tls
    address = server.address(database="by_certificate")
    said = f"sslcert={server.certificate}&{key.format(key=server.key, locked=server.locked_key)}"

    assert await ask(place, f"{address}?{said}") is True
    with pytest.raises((AccountsUnready, DatabaseUnready), match="certificate"):
        await ask(place, f"{address}?sslmode=require")


def test_a_key_that_its_password_does_not_open_is_a_fault_and_asks_nothing_at_the_terminal(
    postgresql_with_tls: TlsServer,
) -> None:
    server = postgresql_with_tls
    for password in ("", "&sslpassword=hunter3"):
        address = f"{server.address()}?sslcert={server.certificate}&sslkey={server.locked_key}{password}"
        with pytest.raises(
            SettingsInvalid, match=r"database\.url: sslcert \(.*\) or sslkey \(.*\) cannot be read"
        ) as invalid:
            Database(address)
        assert "hunter" not in str(invalid.value)


@asynccontextmanager
async def without_tls() -> AsyncIterator[tuple[int, asyncio.Queue[bytes]]]:
    """Run a PostgreSQL that has no TLS, or a stranger who says so; yield its port, and what it heard after that."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(8) == b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # SSLRequest
        writer.write(b"N")
        heard.put_nowait(await reader.read(100))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], heard


@in_both
@pytest.mark.parametrize(
    ("said", "goes_on"),
    [("sslmode=require", False), ("sslmode=verify-full", False), ("ssl=true", False), ("sslmode=prefer", True)],
)
async def test_a_server_without_tls_hears_nothing_where_a_mode_asks_for_it(
    place: type[Database | AppDatabase], said: str, goes_on: bool
) -> None:
    async with without_tls() as (port, heard):
        with pytest.raises((AccountsUnready, DatabaseUnready)):
            await ask(place, f"postgresql://app:hunter2@127.0.0.1:{port}/app?{said}")
        assert bool(await asyncio.wait_for(heard.get(), 20)) is goes_on


MYSQL_CIPHER = "SELECT VARIABLE_VALUE <> '' FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher'"


@pytest.mark.parametrize(
    ("said", "encrypted"),
    [
        ("ssl-mode=VERIFY_IDENTITY&ssl_ca={root}", 1),
        ("ssl_ca={root}", 1),
        ("sslcert={root}&sslaccept=strict", 1),
        ("ssl-mode=VERIFY_CA&ssl-ca={root}", 1),
        ("ssl-mode=REQUIRED", 1),
        ("ssl-mode=PREFERRED", 0),
        ("", 0),
    ],
)
async def test_mysql_s_modes_are_kept(mariadb: MariadbServer, said: str, encrypted: int) -> None:
    url = await asyncio.to_thread(mariadb.empty)

    assert await ask(AppDatabase, f"{url}&{said.format(root=mariadb.root)}", MYSQL_CIPHER) == encrypted
    await asyncio.to_thread(mariadb.drop, url)


@pytest.mark.parametrize("said", ["ssl-mode=VERIFY_IDENTITY", "ssl-mode=VERIFY_CA", "ssl=true", "sslaccept=strict"])
async def test_mysql_s_certificate_is_verified(mariadb: MariadbServer, said: str) -> None:
    url = await asyncio.to_thread(mariadb.empty)
    with pytest.raises(AccountsUnready, match=UNKNOWN):
        await ask(AppDatabase, f"{url}&{said}", MYSQL_CIPHER)
    await asyncio.to_thread(mariadb.drop, url)


@asynccontextmanager
async def stripped_of_tls(file: Path) -> AsyncIterator[tuple[int, asyncio.Queue[bytes]]]:
    """Stand between a client and MariaDB, and take TLS out of the server's greeting; yield the port, and what came."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(str(file))
        greeting = bytearray(await from_server.read(4096))
        flags = greeting.index(0, 5) + 1 + 4 + 8 + 1  # behind the version, the thread, and the challenge with its zero
        assert greeting[flags + 1] & 0x08
        greeting[flags + 1] &= ~0x08
        writer.write(greeting)
        heard.put_nowait(await reader.read(4096))
        writer.close()
        to_server.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], heard


@pytest.mark.parametrize("said", ["ssl-mode=REQUIRED", "ssl=true", 'ssl={"rejectUnauthorized":false}'])
async def test_whoever_takes_tls_out_of_mysql_s_greeting_hears_nothing(mariadb: MariadbServer, said: str) -> None:
    async with stripped_of_tls(mariadb.socket) as (port, heard):
        with pytest.raises(AccountsUnready, match="the server has no TLS, and the address asks for it"):
            await ask(AppDatabase, f"mysql://app:hunter2@127.0.0.1:{port}/app?{said}", MYSQL_CIPHER)
        assert await asyncio.wait_for(heard.get(), 20) == b""
