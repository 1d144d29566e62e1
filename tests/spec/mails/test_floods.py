"""A flood of requests for links holds up nothing that secures an account."""

import asyncio
from base64 import b64encode
from typing import Any

import pytest
from sqlalchemy import func, insert, select
from tests.driver.inbox import Inbox, token_in
from tests.driver.service import ADA, NEW_PASSWORD, Service, Start, hash_of, problem

from keyturn.mail.port.email import Email
from keyturn.service.accounts.builtin import AccountRow
from keyturn.service.clock import now
from keyturn.service.outbox.models import WAITING, OutboxRow
from keyturn.service.reset.records.messages import APP_EVENTS, RESET_REQUESTED

pytestmark = pytest.mark.long

REQUESTS = 600
"""More than a worker has in hand at a time."""


class BusyProvider(Inbox):
    """Holds every mail of the flood until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go_on = asyncio.Event()

    async def send(self, email: Email, idempotency_key: str) -> str:
        if email.to.startswith("pupil"):
            await self.may_go_on.wait()
        return await super().send(email, idempotency_key)


async def flood(service: Service) -> None:
    pupils = [f"pupil{number}@northwind.test" for number in range(REQUESTS)]
    common: dict[str, Any] = {
        "name": "",
        "password_hash": hash_of("any"),
        "provider": "",
        "kind": "",
        "locale": "",
        "timezone": "",
        "active": True,
        "created_at": now(),
    }
    await service.write(insert(AccountRow).values([{"id": one, "email": one, **common} for one in pupils]))
    await asyncio.gather(*map(service.ask, pupils))


async def waiting(service: Service) -> int:
    requests = OutboxRow.kind == RESET_REQUESTED
    (row,) = await service.rows(select(func.count().label("n")).where(requests, OutboxRow.state == WAITING))
    return int(row["n"])


async def test_a_press_behind_a_flood_locks_the_account_and_mails_its_owner_before_the_flood_is_done(
    start: Start,
) -> None:
    provider = BusyProvider()
    service = await start(inbox=provider, secure_account={"lock": True})
    assert problem(await service.reset(await service.link())) == "200"
    await service.deliver()
    token = token_in(provider.sent_to(ADA, "password_changed")[-1])
    await flood(service)
    pressed = await service.anywhere().post("/api/auth/secure-account", json={"token": token})
    assert problem(pressed) == "200"

    working = asyncio.create_task(service.parts.relay.run())
    async with asyncio.timeout(30):
        while len(provider.sent_to(ADA, "password_reset")) < 2:
            provider.arrived.clear()
            await provider.arrived.wait()
    assert not await service.knows(NEW_PASSWORD)
    assert await waiting(service) == REQUESTS

    provider.may_go_on.set()
    working.cancel()
    await asyncio.wait({working})


async def test_what_the_app_is_told_of_a_press_shares_no_places_with_what_it_is_told_of_requests(start: Start) -> None:
    secret = "whsec_" + b64encode(b"k" * 32).decode()
    service = await start(webhooks={"url": "https://app.test/hooks", "secret": secret})
    (of_requests,) = (
        set(lane.handlers)
        for lane in service.parts.relay._lanes
        if APP_EVENTS["password.reset_requested"] in lane.handlers
    )

    assert of_requests == {APP_EVENTS["password.reset_requested"]}
