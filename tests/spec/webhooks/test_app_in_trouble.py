"""An app that is down, slow, gone or overloaded is told in the end, and no mail waits for it."""

import asyncio
from datetime import timedelta

import pytest
from tests.driver.service import ADA, GRACE, Service, Start
from tests.servers.databases import ON_SQLITE
from tests.servers.mail_providers.answers import Answer, Trouble
from tests.servers.webhooks import App
from tests.spec.webhooks.conftest import Hook, states

pytestmark = pytest.mark.long


@ON_SQLITE
async def test_an_app_in_trouble_is_told_the_same_again_under_the_same_id(
    service: Service, start: Start, app: App, hook: Hook
) -> None:
    impatient = await start(
        webhooks=hook, worker={"timeout": timedelta(seconds=3)}, inbox=service.inbox
    )
    app.coming += [Answer(500), Answer(404), Answer(302), Trouble.DROP, Trouble.STALL]
    await service.ask()
    for process in (*[service] * 4, impatient, *[service] * 2):
        await process.deliver_again()
    assert len(app.told) == 6
    assert len({(told.id, told.body) for told in app.told}) == 1
    kind = "webhook_password_reset_requested"
    assert await states(service) == [(kind, "sent", None)]
    assert len(service.inbox.mails) == 1
    counted = await service.figures("messages_total")
    assert (counted[f"{kind},retried"], counted[f"{kind},sent"]) == (4, 1), (
        "and one of the other process"
    )
    assert await service.figures("delivery_seconds_count") == {"reset_requested": 1, kind: 1}, (
        "apart from mails"
    )


@ON_SQLITE
async def test_an_app_that_is_gone_is_not_asked_again_until_an_operator_says_so(
    service: Service, app: App
) -> None:
    app.coming.append(Answer(410))
    await service.ask()
    for _ in range(2):
        await service.deliver_again()
    assert len(app.told) == 1
    assert await states(service) == [
        (
            "webhook_password_reset_requested",
            "dead",
            "410 Gone: the app no longer accepts webhooks at webhooks.url",
        )
    ]


async def test_an_app_that_says_nothing_delays_no_mail(start: Start, app: App, hook: Hook) -> None:
    app.coming += [Trouble.STALL] * 9
    service = await start(working=True, webhooks=hook, worker={"timeout": timedelta(seconds=20)})
    await service.ask()
    await app.arrived(1)
    service.inbox.arrived.clear()
    await service.ask(GRACE)
    async with asyncio.timeout(10):
        await service.inbox.arrived.wait()
    assert [mail.to for mail in service.inbox.mails] == [ADA, GRACE]
    assert (await states(service))[0][1] == "waiting"
    app.let_go()
