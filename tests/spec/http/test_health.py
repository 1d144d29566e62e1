"""Whether the process lives, and whether it can do its work."""

import asyncio
import logging
from collections.abc import Iterator

import pytest
import uvicorn
from sqlalchemy import text
from tests.databases import Databases
from tests.driver.service import ADA, LOGIN, PASSWORD, REQUEST, Service, problem, running, settings_for
from uvicorn.lifespan.on import LifespanOn

from keyturn.service.app import create_app
from keyturn.service.database import Database
from keyturn.service.database.migrations import migrate

pytestmark = pytest.mark.any_database


@pytest.fixture
def unmigrated(databases: Databases) -> Iterator[str]:
    url = databases.empty()
    yield url
    databases.drop(url)


async def test_a_process_that_runs_is_live_and_ready(service: Service) -> None:
    for route in ("/health/live", "/health/ready"):
        answer = await service.anywhere().get(route)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    "changes",
    [
        ["DROP TABLE keyturn_migrations"],
        ["UPDATE keyturn_migrations SET version_num = '0000'"],
        [
            "ALTER TABLE keyturn_mailboxes RENAME COLUMN suppressed_until TO kept_until",
            "UPDATE keyturn_migrations SET version_num = '9999'",
        ],
    ],
    ids=["without its migrations", "at an older revision", "once a newer version has taken away what it needs"],
)
async def test_it_is_live_and_not_ready(service: Service, changes: list[str]) -> None:
    for change in changes:
        await service.write(text(change))
    assert (await service.anywhere().get("/health/live")).status_code == 200
    answer = await service.anywhere().get("/health/ready")
    assert problem(answer) == "503 unavailable"
    assert int(answer.headers["retry-after"]) > 0


async def test_while_a_newer_version_has_added_to_the_database_it_stays_ready_and_works(service: Service) -> None:
    await service.write(text("ALTER TABLE keyturn_reset_tokens ADD COLUMN newer TEXT"))
    await service.write(text("UPDATE keyturn_migrations SET version_num = '9999'"))
    assert (await service.anywhere().get("/health/ready")).status_code == 200
    assert (await service.reset(await service.link())).status_code == 200


async def test_where_the_database_is_gone_every_route_says_to_come_back_and_names_nothing(
    service: Service, databases: Databases, database_url: str
) -> None:
    await service.parts.database.close()
    await asyncio.to_thread(databases.drop, database_url)
    client = service.anywhere()
    answers = [
        await client.get("/health/ready"),
        await client.post(REQUEST, json={"email": ADA}),
        await client.post(LOGIN, json={"email": ADA, "password": PASSWORD}),
    ]
    assert [problem(answer) for answer in answers] == ["503 unavailable"] * 3
    for answer in answers:
        assert int(answer.headers["retry-after"]) > 0
        assert not any(word in answer.text.lower() for word in ("sqlite", "postgres", "asyncpg", ".db", "test_"))
    assert (await client.get("/health/live")).status_code == 200


async def test_a_process_does_not_start_on_a_database_that_was_not_migrated(
    unmigrated: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings_for(unmigrated, hashing={}), worker=False)
    life = LifespanOn(uvicorn.Config(app, log_config=None, lifespan="on"))
    with caplog.at_level(logging.ERROR):
        await life.startup()
    assert life.should_exit
    assert "run `keyturn migrate`" in caplog.text


async def test_after_the_migration_it_starts(unmigrated: str) -> None:
    database = Database(unmigrated)
    assert await migrate(database) is None
    await database.close()
    async with running(settings_for(unmigrated)) as service:
        assert (await service.anywhere().get("/health/ready")).status_code == 200
