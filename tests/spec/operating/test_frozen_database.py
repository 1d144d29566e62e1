"""A database that stops answering: every wait ends, and the connections are discarded."""

import asyncio
from datetime import timedelta

import httpx2
import pytest
from advanced_alchemy.extensions.litestar import SQLAlchemyAsyncConfig, SQLAlchemyPlugin
from litestar import Litestar
from sqlalchemy.ext.asyncio import create_async_engine
from tests.driver.inbox import Inbox
from tests.driver.service import ADA, NOBODY, REQUEST, Service, problem, running, settings_for
from tests.servers.silent_proxy import silent_proxy

from keyturn import KeyturnConfig, KeyturnPlugin, Settings

PATIENCE = timedelta(seconds=1)
MANY = 30
"""Requests. If each waited for the one before it, they would take longer than the test allows."""

pytestmark = pytest.mark.parametrize("databases", ["postgresql"], indirect=True)


def patient(url: str) -> dict[str, object]:
    unlimited = {"request": "1000/second", "mailbox_cooldown": timedelta(0)}
    return {"database": {"url": url, "timeout": PATIENCE}, "limits": unlimited}


@pytest.mark.long
async def test_requests_while_it_is_frozen_are_told_to_retry_and_then_it_goes_on(database_url: str) -> None:
    async with silent_proxy(database_url) as (url, proxy), running(settings_for(url, **patient(url))) as service:
        await service.add(ADA)
        await service.ask()
        opened = proxy.opened

        proxy.fall_silent()
        async with asyncio.timeout(15):
            answers = await asyncio.gather(*(ask(service) for _ in range(MANY)))
        assert answers == ["503 unavailable"] * MANY
        assert problem(await service.anywhere().get("/health/ready")) == "503 unavailable"

        proxy.speak_again()
        await service.ask()
        assert proxy.opened > opened, "the frozen connections were thrown away"


async def ask(service: Service) -> str:
    return problem(await service.anywhere().post(REQUEST, json={"email": ADA}))


async def test_a_link_survives_a_database_that_froze_before_it_was_used(database_url: str) -> None:
    async with silent_proxy(database_url) as (url, proxy), running(settings_for(url, **patient(url))) as service:
        await service.add(ADA)
        token = await service.link()
        proxy.fall_silent()
        assert problem(await service.reset(token)) == "503 unavailable", "nothing had begun yet"
        proxy.speak_again()
        async with asyncio.timeout(20):  # a busy machine may not make a new connection within the patience
            while (answer := await service.reset(token)).status_code == 503:
                pass
        assert answer.status_code == 200


@pytest.mark.long
async def test_so_is_one_whose_connections_are_the_app_s(database_url: str) -> None:
    async with silent_proxy(database_url) as (url, proxy):
        engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"), pool_pre_ping=True)
        # It lasts for a new connection, too, which a busy machine does not make in less.
        patience = timedelta(seconds=2)
        app = app_with(SQLAlchemyAsyncConfig(engine_instance=engine), patience)
        transport = httpx2.ASGITransport(app)  # type: ignore[arg-type]  # as httpx2 writes ASGI's types
        async with app.lifespan(), httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            for frozen in (False, True, False):
                proxy.fall_silent() if frozen else proxy.speak_again()
                async with asyncio.timeout(5 * patience.total_seconds()):
                    answer = await client.post(REQUEST, json={"email": NOBODY})
                assert problem(answer) == ("503 unavailable" if frozen else "202")
        await engine.dispose()


def app_with(alchemy: SQLAlchemyAsyncConfig, patience: timedelta) -> Litestar:
    """Return an app with its own connections, which Keyturn uses as well."""
    changes = {"database": {"timeout": patience}, "limits": {"in_memory": True}, "hashing": {"cost": 10}}
    settings = settings_for(Settings().database.url, **changes)
    keyturn = KeyturnPlugin(KeyturnConfig(settings, alchemy=alchemy, worker=False, sender=Inbox()))
    return Litestar(plugins=[SQLAlchemyPlugin(config=alchemy), keyturn], logging_config=None)
