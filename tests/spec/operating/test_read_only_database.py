"""A server that takes no more writes, as after a failover: one refusal, and then a new connection."""

import pytest
from tests.driver.database import refuse_writes, take_writes
from tests.driver.service import ADA, REQUEST, Service, Start, problem

READY = "/health/ready"

pytestmark = pytest.mark.parametrize("databases", ["postgresql"], indirect=True)


async def request(service: Service) -> str:
    return problem(await service.anywhere().post(REQUEST, json={"email": ADA}))


async def ready(service: Service) -> str:
    answer = await service.anywhere().get(READY)
    return "200" if answer.status_code == 200 else problem(answer)


@pytest.mark.parametrize("in_memory", [True, False], ids=["limits in memory", "limits in the database"])
async def test_requests_get_503_until_it_takes_writes_again(start: Start, database_url: str, in_memory: bool) -> None:
    service = await start(limits={"in_memory": in_memory})
    await refuse_writes(database_url)
    assert [await request(service) for _ in range(2)] == ["503 unavailable"] * 2
    assert await ready(service) == "503 unavailable"
    await take_writes(database_url)
    assert await ready(service) == "200"
    assert await request(service) == "202"


async def test_a_connection_that_was_made_before_is_refused_once(start: Start, database_url: str) -> None:
    service = await start(limits={"in_memory": True})
    token = await service.link()
    await refuse_writes(database_url)
    assert problem(await service.reset(token)) == "503 unavailable", "the link is not used up, and nothing is unknown"
    for _ in range(5):  # so that each connection of the pool is made
        assert await service.works(token)
    await take_writes(database_url)
    assert await request(service) == "503 unavailable"
    assert await request(service) == "202"
    assert (await service.reset(token)).status_code == 200
