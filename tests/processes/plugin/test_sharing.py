"""The app's database as Keyturn's: its pool on PostgreSQL, its file on SQLite, and a clear word for the rest.

An app may be started twice, as a test suite does: one app, and an event loop for each test.
"""

import asyncio
import sqlite3
import sys
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from advanced_alchemy.config import EngineConfig, SQLAlchemyAsyncConfig
from litestar import Litestar
from litestar.exceptions import ImproperlyConfiguredException
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from tests.driver.builtin_accounts import builtin_accounts
from tests.driver.connections import connected
from tests.driver.elsewhere import Elsewhere
from tests.driver.inbox import token_in
from tests.driver.service import ADA, GRACE, NEW_PASSWORD, PASSWORD, hash_of
from tests.processes.plugin.host import REQUEST, RESET, TABLE, Host, alchemy_for, keyturn_settings
from tests.servers.databases import ON_SQLITE, Databases

from keyturn import Event, KeyturnConfig, KeyturnPlugin, Settings
from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.port import Account
from keyturn.service.database import Database
from keyturn.service.database.migrations import migrate
from keyturn.service.settings import AccountSettings, DatabaseSettings, LimitSettings, Secret, TableSettings

pytestmark = pytest.mark.long

postgresql = pytest.mark.parametrize("databases", ["postgresql"], indirect=True)


def faults(settings: Settings | None = None, **plugin: Any) -> dict[str, str]:
    with pytest.raises(SettingsInvalid) as caught:
        KeyturnPlugin(KeyturnConfig(settings or keyturn_settings(), **plugin))
    return {fault.name: fault.message for fault in caught.value.faults}


@postgresql
async def test_on_postgresql_one_connection_is_enough_for_both(empty_url: str) -> None:
    """The app's statements commit by themselves, and say what they were given: Keyturn's do neither."""
    alchemy = alchemy_for(
        empty_url,
        create_all=False,
        engine_config=EngineConfig(isolation_level="AUTOCOMMIT", pool_size=1, max_overflow=0, pool_timeout=1),
    )
    theirs = alchemy.get_engine()
    database = Database(theirs)

    async with theirs.connect() as connection:
        await connection.execute(text("CREATE TABLE notes (line TEXT)"))

    def fail(connection: Connection) -> None:
        connection.execute(text("INSERT INTO notes VALUES ('never committed')"))
        connection.execute(text("SELECT CAST(:secret AS integer)"), {"secret": "a hash"})

    with pytest.raises(Exception, match="hidden due to hide_parameters"):
        await database.transact(fail)
    async with theirs.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM notes"))).scalar_one() == 0
        await connection.execute(text("INSERT INTO notes VALUES ('committed by itself')"))
    await database.close()
    assert theirs.pool.checkedin() == 1  # type: ignore[attr-defined]  # a QueuePool's

    async with theirs.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM notes"))).scalar_one() == 1
    await theirs.dispose()


@postgresql
@pytest.mark.parametrize("level", ["AUTOCOMMIT", "REPEATABLE READ", "SERIALIZABLE"])
async def test_whatever_isolation_the_app_has_each_write_of_ours_has_its_own(empty_url: str, level: Any) -> None:
    alchemy = alchemy_for(empty_url, create_all=False, engine_config=EngineConfig(isolation_level=level))
    database = Database(alchemy.get_engine())

    (row,) = await database.execute(text("SELECT current_setting('transaction_isolation')"))
    assert row[0] == "read committed"
    level_of_ours = text("SELECT current_setting('transaction_isolation')")
    assert await database.transact(lambda connection: connection.execute(level_of_ours).scalar()) == row[0]
    await alchemy.get_engine().dispose()


@ON_SQLITE
async def test_on_sqlite_the_apps_connections_are_not_set_to_anything(host: Host) -> None:
    def pragmas(connection: Connection) -> list[object]:
        names = ("foreign_keys", "synchronous")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names]

    ours, theirs = host.parts.database, host.alchemy.get_engine()
    assert ours.url.database == theirs.url.database
    assert await ours.read(pragmas) == [1, 2]
    async with theirs.connect() as connection:
        assert await connection.run_sync(pragmas) == [0, 2]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:///file:app?mode=memory&uri=true", "in memory"),
        ("sqlite:///file::memory:?cache=shared&uri=true", "in memory"),
        ("mysql+aiomysql://app@127.0.0.1/app", "cannot be in mysql"),
        ("oracle+oracledb://app@127.0.0.1/app", "cannot be in oracle"),
        ("postgresql+psycopg://app@127.0.0.1/app", "its driver is psycopg"),
    ],
)
def test_a_database_that_cannot_be_shared_is_refused(url: str, said: str) -> None:
    found = faults(alchemy=alchemy_for(url))
    assert said in found["alchemy"]
    assert "set database.url" in found["alchemy"]


def test_a_driver_that_is_not_installed_is_named_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    missing = {"alchemy": "postgresql+asyncpg needs: pip install 'keyturn[postgres]'"}
    assert faults(alchemy=alchemy_for(AT_A_SERVER)) == missing


def at(url: str) -> Settings:
    return keyturn_settings(database=DatabaseSettings(url=Secret(url)))


def test_two_databases_are_refused(tmp_path: Path) -> None:
    alchemy = alchemy_for(f"sqlite:///{tmp_path}/app.db")
    assert (
        "remove [database] from keyturn.toml, or remove alchemy="
        in faults(at("sqlite:///keyturn.db"), alchemy=alchemy)["database.url"]
    )


def test_twice_in_one_app_is_refused_unless_each_has_a_path_of_its_own(tmp_path: Path) -> None:
    def plugin(path: str) -> KeyturnPlugin:
        return KeyturnPlugin(KeyturnConfig(at(f"sqlite:///{tmp_path}/keyturn.db"), path=path))

    with pytest.raises(ImproperlyConfiguredException, match="already registered"):
        Litestar(plugins=[plugin(""), plugin("")], logging_config=None)
    app = Litestar(plugins=[plugin("/staff"), plugin("/pupils")], logging_config=None)
    assert {"/staff/login", "/pupils/login"} <= {route.path for route in app.routes}


@pytest.mark.parametrize("path", [None, "/account"])
def test_the_path_of_the_app_itself_counts_once(tmp_path: Path, path: str | None) -> None:
    def routes(base_url: str) -> set[str]:
        settings = msgspec.structs.replace(at(f"sqlite:///{tmp_path}/keyturn.db"), base_url=base_url)
        plugin = KeyturnPlugin(KeyturnConfig(settings, path=path))
        return {route.path for route in Litestar(path="/v1", plugins=[plugin], logging_config=None).routes}

    assert "/v1/account/login" in routes("https://school.example.org/v1/account")
    if path is None:
        with pytest.raises(SettingsInvalid, match="base_url: is not below /v1, the path of the app"):
            routes("https://school.example.org/v1x/account")


def test_an_app_says_where_its_people_sign_in_and_without_the_pages_nothing_may_lead_to_them() -> None:
    """The settings were read for the built-in accounts, of which Keyturn's own page is the only way in."""
    accounts = AccountSettings(store="table", table=TABLE)
    found = faults(keyturn_settings(sign_in_url="", accounts=accounts))
    assert found["sign_in_url"].startswith("missing: set it to your app's sign-in page")
    assert set(faults(pages=False)) == {"reset_url", "forgot_url", "sign_in_url"}


@postgresql
async def test_a_worker_in_the_app_s_pool_goes_on_for_longer_than_a_statement_may_take(empty_url: str) -> None:
    settings = keyturn_settings(database=DatabaseSettings(timeout=timedelta(seconds=2)))
    settings = msgspec.structs.replace(settings, limits=LimitSettings())  # which this process alone counts
    host = Host(empty_url, settings=settings, worker=True)
    await migrate(host.parts.database)
    other = Database(empty_url)
    async with host.running(), host.client() as client, connected(other) as connection:
        await host.add()
        await connection.execute(text("SELECT pg_sleep(2.5)"))
        host.inbox.arrived = asyncio.Event()
        assert (await client.post(REQUEST, json={"email": ADA})).status_code == 202
        async with asyncio.timeout(20):
            await host.inbox.arrived.wait()
    await other.close()


async def told(_: Event[Any]) -> None: ...


CHOICES = (
    'the worker is a process of its own (server.worker = "child"), which cannot have it: say worker=False and run '
    '`litestar keyturn worker`, or set server.worker = "inside", where the time of the app\'s answers tells strangers '
    "who has an account, since a mail is prepared in between"
)
AT_A_SERVER = "postgresql://app@127.0.0.1/app"
EVENTS = ("password_changed", "password_reset_requested", "account_secured", "second_step_failed")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"accounts": Elsewhere()}, "is an object of this process"),
        *(({f"on_{event}": told}, "is a function of this process") for event in EVENTS),
        (
            {"alchemy": SQLAlchemyAsyncConfig(engine_instance=create_async_engine("postgresql+asyncpg://app@a/app"))},
            "is an engine that the app builds itself",
        ),
        (
            {"alchemy": alchemy_for(AT_A_SERVER, engine_config=EngineConfig(connect_args={"ssl": True}))},
            "has connect_args in its engine_config, which an address cannot contain",
        ),
        (
            {"alchemy": alchemy_for(AT_A_SERVER, create_engine_callable=partial(create_async_engine, echo=True))},
            "is an engine that the app builds itself",
        ),
        (
            {"alchemy": alchemy_for(f"{AT_A_SERVER}?prepared_statement_name_func=mine")},
            "has an address that Keyturn's own connections cannot use",
        ),
    ],
)
def test_what_no_settings_can_tell_another_process_is_refused_with_the_choices(
    given: dict[str, Any], reason: str
) -> None:
    ((name, message),) = faults(**given).items()
    assert [name] == list(given)
    assert message.startswith(reason)
    assert message.endswith(CHOICES)
    inside = keyturn_settings(server={"worker": "inside"})
    assert KeyturnPlugin(KeyturnConfig(inside, **given))
    assert KeyturnPlugin(KeyturnConfig(keyturn_settings(), worker=False, **given))


def test_an_engine_that_advanced_alchemy_has_made_of_an_address_is_no_object_of_the_app() -> None:
    alchemy = alchemy_for(AT_A_SERVER, engine_config=EngineConfig(pool_size=2))
    alchemy.get_engine()
    assert KeyturnPlugin(KeyturnConfig(keyturn_settings(), alchemy=alchemy))


@pytest.fixture(params=["builtin", "table", "table elsewhere"])
def plugin(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Return what the plugin is told about the accounts, for each store. The last has people in a file of its own."""
    if request.param != "table elsewhere":
        return {"accounts": None} if request.param == "builtin" else {}
    with closing(sqlite3.connect(tmp_path / "people.db")) as people, people:
        people.execute("CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT, password_hash TEXT)")
        people.executemany("INSERT INTO users VALUES (?, ?, ?)", [(m, m, hash_of(PASSWORD)) for m in (ADA, GRACE)])
    table = TableSettings(url=Secret(f"sqlite:///{tmp_path / 'people.db'}"), table="users")
    return {"accounts": None, "settings": keyturn_settings(accounts=AccountSettings(store="table", table=table))}


@ON_SQLITE
def test_an_app_is_started_again_with_any_store(
    databases: Databases, plugin: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    url = databases.empty()
    request.addfinalizer(lambda: databases.drop(url))
    host = Host(url, **plugin)

    async def live(email: str) -> None:
        await migrate(host.parts.database)
        async with host.running(), host.client() as client:
            if "accounts" not in plugin:
                await host.add(email)
            elif host.parts.settings.accounts.store == "builtin":
                await builtin_accounts(host.parts).add(Account(id="", email=email), hash_of(PASSWORD))
            assert (await client.post(REQUEST, json={"email": email})).status_code == 202
            await host.parts.worker.drain()
            (mail,) = host.inbox.sent_to(email, "password_reset")
            done = await client.post(RESET, json={"token": token_in(mail), "newPassword": NEW_PASSWORD})
            assert done.status_code == 200, done.text

    asyncio.run(live(ADA))
    asyncio.run(live(GRACE))
