"""Look-ups of a whole batch of requests: few at a time, and none for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from tests.contracts.accounts.supabase.project import ADA
from tests.servers.serving import serving_here
from tests.servers.supabase import SupabaseServer

from keyturn.service.accounts.supabase.accounts import SupabaseAccounts
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import Secret, SupabaseSettings


@asynccontextmanager
async def store_over(app: Any, patience: timedelta = timedelta(seconds=10)) -> AsyncIterator[SupabaseAccounts]:
    async with serving_here(app) as url:
        store = SupabaseAccounts(SupabaseSettings(url=url, service_role_key=Secret("service-role-key")), patience)
        yield store
        await store.close()


async def test_however_many_wait_together_few_are_looked_up_at_a_time() -> None:
    server, full = SupabaseServer(), asyncio.Event()
    server.users.add(ADA)
    running = most = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 8:
            full.set()
        await full.wait()
        await server(scope, receive, send)
        running -= 1

    async with store_over(app) as store:
        found = await asyncio.gather(*(store.find(ADA) for _ in range(40)))

    assert {account.email for account in found if account} == {ADA}
    assert (most, len(server.requests)) == (8, 40)


async def test_a_look_up_through_many_slow_pages_ends() -> None:
    server = SupabaseServer()
    for number in range(1100):
        server.users.add(f"{number}{ADA}")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.05)  # slow, and within the time-out of each
        await server(scope, receive, send)

    async with store_over(app, timedelta(seconds=0.2)) as store:
        with pytest.raises(AccountsUnready, match=r"did not answer a look-up within 0.6 s") as unready:
            await store.find(ADA)
    assert unready.value.not_changed
    assert len(server.requests) < 20
