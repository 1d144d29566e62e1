"""The database: there, writable, at this version's revision, and of the same time."""

import asyncio
import shutil
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.commands.init.apps import execute
from tests.permissions import as_stranger
from tests.servers.postgresql_with_tls import TlsServer

from keyturn.mail.port.check_result import CheckResult
from keyturn.service.database.migrations import VERSION_TABLE, head
from keyturn.service.doctor.database import check_database
from keyturn.service.settings import (
    AccountSettings,
    DatabaseSettings,
    SecretStr,
    Settings,
    TableSettings,
)

FIX = "Start the database, or set database.url to the primary server and a user who may write."


def on(url: str) -> Settings:
    return Settings(database=DatabaseSettings(url=SecretStr(url)))


async def only(url: str) -> CheckResult:
    (found,) = await check_database(on(url))
    return found


async def test_a_file_that_is_not_there_is_not_made_and_one_that_is_no_database_stays(
    tmp_path: Path,
) -> None:
    missing, diary = tmp_path / "folder" / "keyturn.db", tmp_path / "keyturn.db"
    diary.write_text("Dear diary, " * 200)
    found, other = await only(f"sqlite:///{missing}"), await only(f"sqlite:///{diary}")

    assert (found.verdict, found.message) == ("fail", f"{missing} does not exist")
    assert "keyturn migrate" in found.fix
    assert not missing.parent.exists()
    assert (other.verdict, "not a database" in other.message) == ("fail", True)
    assert diary.read_text().startswith("Dear diary")


async def test_unreadable_address_of_the_accounts(tmp_path: Path) -> None:
    """A fault in the address of the accounts does not keep the own database from being checked."""
    lost = f"postgresql://app@db/app?sslrootcert={tmp_path / 'lost.pem'}"
    table = TableSettings(url=SecretStr(lost), table="users")
    settings = Settings(
        database=DatabaseSettings(url=SecretStr(f"sqlite:///{tmp_path / 'keyturn.db'}")),
        accounts=AccountSettings(store="table", table=table),
    )
    (found,) = await check_database(settings)

    assert found.message == f"{tmp_path / 'keyturn.db'} does not exist"
    assert found.fix == "Run `keyturn migrate` to create it."


@pytest.mark.parametrize(
    ("of_file", "of_folder", "verdict", "fix"),
    [
        (0o444, 0o555, "fail", "its folder"),
        (0o444, 0o777, "fail", "its folder"),
        (0o644, 0o777, "warn", "Run `chmod o= {}`."),
        (0o640, 0o777, "ok", ""),
    ],
)
def test_a_file_that_cannot_be_written_fails_and_one_that_everybody_can_read_is_a_warning(
    sqlite_url: str, of_file: int, of_folder: int, verdict: str, fix: str
) -> None:
    with TemporaryDirectory(prefix="keyturn-") as folder:
        file = Path(shutil.copy(sqlite_url.removeprefix("sqlite:///"), folder))
        file.chmod(of_file)
        Path(folder).chmod(of_folder)
        with as_stranger() if verdict == "fail" else nullcontext():
            found = asyncio.run(check_database(on(f"sqlite:///{file}")))
        Path(folder).chmod(0o755)

    (told,) = [one for one in found if one.verdict == verdict]
    assert fix.format(file) in told.fix
    assert verdict != "warn" or "password hashes" in told.message
    assert verdict != "ok" or len(found) == 1


@pytest.mark.parametrize(
    ("host", "said", "message", "fix"),
    [
        ("localhost", "postgres?sslrootcert={other}", "(sslrootcert is {other})", FIX),
        (
            "localhost",
            "by_password",
            "password authentication failed",
            "Correct the user and the password in",
        ),
        (
            "localhost",
            "nowhere",
            'database "nowhere" does not exist',
            "Correct the name of the database in",
        ),
        ("127.0.0.1:1", "keyturn", "PostgreSQL on 127.0.0.1:1, database keyturn: ", FIX),
        ("127.0.0.1:many", "keyturn", "a port must be a number", "Correct database.url."),
    ],
)
async def test_advice_fits_what_a_server_that_answers_or_an_address_is_at_fault_with(
    postgresql_with_tls: TlsServer,
    host: str,
    said: str,
    message: str,
    fix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/nowhere")
    server = postgresql_with_tls
    said, message, fix = (
        text.format(root=server.root, other=server.other_root) for text in (said, message, fix)
    )
    place = (
        f"postgresql://keyturn:hunter2@{host}"
        if ":" in host
        else server.address(host).rpartition("/")[0]
    )
    found = await only(f"{place}/{said}")

    assert (message in found.message, found.fix.startswith(fix)) == (True, True)
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_user_who_may_not_read_and_a_server_that_takes_no_writes_are_told(
    database_url: str,
) -> None:
    await execute(database_url, "CREATE ROLE stranger LOGIN")
    found = await only(database_url.replace("postgres:@", "stranger@"))
    await execute(database_url, "DROP ROLE stranger")

    assert (found.message[-46:], found.fix) == (
        "permission denied for table keyturn_migrations",
        FIX,
    )
    name = database_url.partition("?")[0].rpartition("/")[2]
    await execute(database_url, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    (no_writes,) = [
        found for found in await check_database(on(database_url)) if found.verdict == "fail"
    ]
    assert "takes no writes" in no_writes.message


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_clocks_that_differ(database_url: str) -> None:
    """A clock that differs from the database's is a warning with the seconds."""
    assert (await only(database_url)).verdict == "ok"
    name = database_url.partition("?")[0].rpartition("/")[2]
    late = (
        "CREATE FUNCTION public.now() RETURNS timestamptz AS $$ SELECT pg_catalog.now() - "
        "interval '5 minutes' $$"
    )
    await execute(
        database_url,
        f"{late} LANGUAGE sql",
        f'ALTER DATABASE "{name}" SET search_path = public, pg_catalog',
    )
    _, found = await check_database(on(database_url))

    assert found.verdict == "warn"
    assert found.message == "this machine's clock and the database's differ by 300 seconds"
    assert "NTP" in found.fix


MIGRATE = "Run `keyturn migrate`."


@pytest.mark.parametrize(
    ("at", "verdict", "said", "fix"),
    [
        (head(), "ok", f"revision {head()}", ""),
        (None, "fail", " does not have Keyturn's tables yet", MIGRATE),
        ("0000", "fail", f"revision 0000, not {head()}", MIGRATE),
        ("9999", "warn", "revision 9999", "newer"),
    ],
    ids=["current", "never migrated", "older", "newer"],
)
async def test_the_revision_is_told(
    database_url: str, at: str | None, verdict: str, said: str, fix: str
) -> None:
    put_there = f"UPDATE {VERSION_TABLE} SET version_num = '{at}'"
    await execute(database_url, put_there if at else f"DROP TABLE {VERSION_TABLE}")
    file = (
        Path(database_url.removeprefix("sqlite:///")) if database_url.startswith("sqlite") else None
    )
    before = file and file.read_bytes()
    found = await only(database_url)

    assert (found.verdict, said in found.message, fix in found.fix) == (verdict, True, True)
    assert (file and file.read_bytes()) == before


@pytest.mark.parametrize("databases", ["sql_ascii"], indirect=True)
async def test_another_encoding(empty_url: str) -> None:
    """The doctor says that PostgreSQL's database is not in UTF-8, and how to create one that is."""
    found = await only(empty_url)

    assert found.verdict == "fail"
    assert found.message.endswith(" has the encoding SQL_ASCII, and Keyturn needs UTF8")
    assert "CREATE DATABASE keyturn ENCODING 'UTF8' TEMPLATE template0" in found.fix
