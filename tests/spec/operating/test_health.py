"""Whether the process lives, and whether it can do its work."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.driver.database import (
    go_back_to_an_older_version,
    let_a_newer_version_add,
    let_a_newer_version_take_away,
    lose_database,
    lose_limits,
    lose_migrations,
)
from tests.driver.service import ADA, LOGIN, PASSWORD, REQUEST, Service, Start, problem
from tests.servers.databases import Databases

pytestmark = pytest.mark.any_database


async def test_a_process_that_runs_is_live_and_ready(service: Service) -> None:
    for route in ("/health/live", "/health/ready"):
        answer = await service.anywhere().get(route)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    "change",
    [lose_migrations, go_back_to_an_older_version, let_a_newer_version_take_away],
    ids=[
        "without its migrations",
        "at an older revision",
        "once a newer version has taken away what it needs",
    ],
)
async def test_a_live_process_may_be_not_ready(
    service: Service, change: Callable[[Service], Awaitable[None]]
) -> None:
    await change(service)
    assert (await service.anywhere().get("/health/live")).status_code == 200
    answer = await service.anywhere().get("/health/ready")
    assert problem(answer) == "503 unavailable"
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_without_the_table_of_its_limits_a_process_is_not_ready(service: Service) -> None:
    await lose_limits(service)
    assert problem(await service.anywhere().get("/health/ready")) == "503 unavailable"


async def test_once_its_worker_has_ended_a_process_is_not_ready(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    service = await start(working=True)
    service.inbox.failures.append(BaseException("a slip"))  # type: ignore[arg-type]
    await service.ask()
    async with asyncio.timeout(10):
        while (await service.anywhere().get("/health/ready")).status_code == 200:
            await asyncio.sleep(0)
    assert "worker.ended" in caplog.text


async def test_a_process_stays_ready_and_works_once_a_newer_version_has_added_to_the_database(
    service: Service,
) -> None:
    await let_a_newer_version_add(service)
    assert (await service.anywhere().get("/health/ready")).status_code == 200
    assert (await service.reset(await service.link())).status_code == 200


async def test_where_the_database_is_gone_every_route_says_to_come_back_and_names_nothing(
    service: Service, databases: Databases, database_url: str
) -> None:
    await lose_database(service, databases.drop, database_url)
    client = service.anywhere()
    answers = [
        await client.get("/health/ready"),
        await client.post(REQUEST, json={"email": ADA}),
        await client.post(LOGIN, json={"email": ADA, "password": PASSWORD}),
    ]
    assert [problem(answer) for answer in answers] == ["503 unavailable"] * 3
    for answer in answers:
        assert int(answer.headers["retry-after"]) > 0
        assert not any(
            word in answer.text.lower()
            for word in ("sqlite", "postgres", "asyncpg", ".db", "test_")
        )
    assert (await client.get("/health/live")).status_code == 200
