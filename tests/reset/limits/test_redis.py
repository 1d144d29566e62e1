"""Limits in Redis: without Redis no request is let in."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy import select
from tests.redis_server import RedisServer, running_redis
from tests.spec.service import ADA, REQUEST, Service, problem

from keyturn.errors import SettingsInvalid
from keyturn.outbox.models import OutboxRow
from keyturn.problems.requests import LimitsUnready
from keyturn.reset.limits.rate_limits import RateLimits
from keyturn.reset.records.client import Client
from keyturn.settings import LimitSettings, Secret

SOMEBODY = Client(ip_address="198.18.0.1")


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def limits(redis: RedisServer) -> LimitSettings:
    return LimitSettings(storage_url=Secret(redis.url))


class RateLimitsOfProcesses:
    """Makes limits as processes have them: each with connections of its own."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    def __call__(self, limits: LimitSettings) -> RateLimits:
        rate_limits = RateLimits(limits)
        self._stack.push_async_callback(rate_limits.close)
        return rate_limits


@pytest.fixture
async def process() -> AsyncIterator[RateLimitsOfProcesses]:
    async with AsyncExitStack() as stack:
        yield RateLimitsOfProcesses(stack)


@pytest.fixture
def service_options(limits: LimitSettings) -> dict[str, Any]:
    return {"limits": limits}


async def test_a_redis_that_is_down_lets_nobody_in(
    limits: LimitSettings, process: RateLimitsOfProcesses, redis: RedisServer
) -> None:
    rate_limits = process(limits)
    await rate_limits.count("request", SOMEBODY)
    redis.stop()

    with pytest.raises(LimitsUnready):
        await rate_limits.count("request", SOMEBODY)
    with pytest.raises(LimitsUnready):
        await rate_limits.count_guess("address", ADA)
    with pytest.raises(LimitsUnready):
        await rate_limits.forget_guesses(ADA)


@pytest.mark.long
async def test_a_redis_that_never_answers_is_given_up(process: RateLimitsOfProcesses) -> None:
    async def keep_quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(keep_quiet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        rate_limits = process(LimitSettings(storage_url=Secret(f"redis://127.0.0.1:{port}/0")))
        async with asyncio.timeout(10):
            with pytest.raises(LimitsUnready, match="timed out"):
                await rate_limits.count("request", SOMEBODY)


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_a_request_is_answered_with_503_and_nothing_is_written(
    service: Service, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    redis.stop()
    with caplog.at_level(logging.ERROR):
        answer = await service.anywhere().post(REQUEST, json={"email": ADA})

    assert problem(answer) == "503 unavailable"
    assert answer.headers["retry-after"].isdigit()
    assert "LimitsUnready" in caplog.text
    assert await service.rows(select(OutboxRow.id)) == []


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_a_page_says_so_too(service: Service, redis: RedisServer) -> None:
    redis.stop()
    answer = await service.anywhere().get(f"/reset-password/{'a' * 43}", follow_redirects=True)

    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_once_redis_is_back_requests_are_taken_again(service: Service, redis: RedisServer) -> None:
    redis.stop()
    assert (await service.anywhere().post(REQUEST, json={"email": ADA})).status_code == 503
    redis.start()

    assert (await service.anywhere().post(REQUEST, json={"email": ADA})).status_code == 202


def test_redis_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "coredis", None)

    with pytest.raises(SettingsInvalid, match=r"limits\.storage_url: redis needs: pip install 'keyturn\[redis\]'"):
        RateLimits(LimitSettings(storage_url=Secret("redis://127.0.0.1:6379/0")))


def test_an_address_that_is_none_is_a_fault_and_its_password_is_not_repeated() -> None:
    with pytest.raises(SettingsInvalid, match=r"redis://host:6379/0") as invalid:
        RateLimits(LimitSettings(storage_url=Secret("redis://:hunter2@redis.test/0")))

    assert "hunter2" not in f"{invalid.value!r}"


@pytest.mark.parametrize("url", ["valkey://cache.example", "redisx://cache.example", "memory"])
def test_a_store_that_is_not_known_is_not_taken_for_the_memory_of_one_process(url: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"limits\.storage_url: must begin with memory:// or redis://"):
        RateLimits(LimitSettings(storage_url=Secret(url)))
