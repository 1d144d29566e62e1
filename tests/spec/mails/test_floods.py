"""A flood of requests for links holds up nothing that secures an account."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.driver.inbox import Inbox
from tests.driver.service import ADA, NEW_PASSWORD, Service, Start, hash_of, problem
from tests.servers.mail_providers.answers import Answer, Request, Trouble
from tests.servers.webhooks import SECRET, App

from keyturn import Email

pytestmark = pytest.mark.long

REQUESTS = 600
"""More than a worker has in hand at a time."""

REQUESTED = "password.reset_requested"
AT_ONCE = 4
"""Events about requests that wait for the app's answer at a time."""


class BusyProvider(Inbox):
    def __init__(self) -> None:
        super().__init__()
        self.may_go_on = asyncio.Event()

    async def send(self, email: Email, idempotency_key: str) -> str:
        if email.to.startswith("pupil"):
            await self.may_go_on.wait()
        return await super().send(email, idempotency_key)


class BusyApp(App):
    """Does not answer events about requests for links while it `is_busy`."""

    is_busy = False

    def doing(self, request: Request) -> Answer | Trouble | None:
        return (
            Trouble.STALL
            if self.is_busy and request.fields["type"] == REQUESTED
            else super().doing(request)
        )


async def flood(service: Service, requests: int) -> None:
    pupils = [f"pupil{number}@northwind.test" for number in range(requests)]
    for pupil in pupils:
        await service.add(pupil, password_hash=hash_of("any"))
    await asyncio.gather(*map(service.ask, pupils))


async def button(service: Service) -> str:
    """Change Ada's password; return the token of the button by which she says that it was not
    her.
    """
    assert problem(await service.reset(await service.link())) == "200"
    return await service.newest(template="password_changed")


async def waiting(service: Service) -> int:
    messages = await service.messages()
    return [(message.kind, message.state) for message in messages].count(
        ("reset_requested", "waiting")
    )


async def test_a_press_behind_a_flood_locks_the_account_and_mails_its_owner_before_it_is_done(
    start: Start,
) -> None:
    provider = BusyProvider()
    service = await start(inbox=provider, secure_account={"lock": True})
    token = await button(service)
    await flood(service, REQUESTS)
    assert await service.press(token) == "200"

    await start(working=True, inbox=provider, secure_account={"lock": True})
    try:
        async with asyncio.timeout(30):
            while len(provider.sent_to(ADA, "password_reset")) < 2:
                provider.arrived.clear()
                await provider.arrived.wait()
        assert not await service.knows(NEW_PASSWORD)
        assert await waiting(service) == REQUESTS
    finally:
        provider.may_go_on.set()


async def test_events_of_presses_share_no_places_with_those_of_requests(start: Start) -> None:
    with BusyApp.running() as app:
        settings: dict[str, Any] = {
            "webhooks": {"url": app.url, "secret": SECRET},
            "worker": {"timeout": timedelta(seconds=30)},
        }
        service = await start(**settings)
        token = await button(service)
        app.is_busy, before = True, len(app.told)
        await flood(service, 4 * AT_ONCE)
        await start(working=True, **settings)
        try:
            await app.arrived(before + AT_ONCE)
            assert await service.press(token) == "200"
            await app.arrived(before + AT_ONCE + 1)
        finally:
            app.let_go()
        told = [told.verified()["type"] for told in app.told[before:]]

    assert told[: AT_ONCE + 1] == [REQUESTED] * AT_ONCE + ["account.secured"]
