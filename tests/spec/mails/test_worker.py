"""What the worker does with a promise: one mail, whatever happens on the way."""

import asyncio
from datetime import UTC, datetime

import pytest
from tests.driver.inbox import Inbox, token_in
from tests.driver.service import ADA, NOBODY, Service, Start

from keyturn import QuotaExhausted, SendFailed, SendRefused, SendRetryable

pytestmark = pytest.mark.long

MOST_TRIES = 140


async def outbox(service: Service) -> list[tuple[str, str | None, int]]:
    return [
        (message.state, message.reason, message.attempts) for message in await service.messages()
    ]


async def fail(failure: SendFailed, service: Service) -> None:
    """Ask for a mail that fails once."""
    service.inbox.failures.append(failure)
    await service.ask_and_deliver()


async def test_a_mail_that_may_be_taken_later_is_tried_again_the_same_under_the_same_key(
    service: Service,
) -> None:
    service.inbox.failures.extend([SendRetryable("503"), SendRetryable("time-out")])
    await service.ask()
    for _ in range(3):
        await service.deliver()
        service.let_time_pass(minutes=1)
    assert len(service.inbox.tries) == 3
    assert service.inbox.tries == [service.inbox.tries[0]] * 3
    assert await service.works(token_in(service.inbox.mails[0]))
    assert await outbox(service) == [("sent", None, 3)]


async def test_of_requests_whose_links_expired_on_their_way_one_is_answered(
    service: Service,
) -> None:
    for _ in range(3):
        await fail(SendRetryable("down", 3_600, not_accepted=True), service)
        service.let_time_pass(minutes=2)
    service.let_time_pass(minutes=60)
    await service.deliver()
    (mail,) = service.inbox.mails
    assert await service.works(token_in(mail))
    ended = [(state, reason) for state, reason, _ in await outbox(service)]
    assert sorted(ended) == [("dropped", "cooldown"), ("dropped", "cooldown"), ("sent", None)]


async def test_a_template_that_changes_between_two_tries_changes_no_mail(start: Start) -> None:
    before = await start()
    await fail(SendRetryable("503"), before)
    before.let_time_pass(minutes=1)
    after = await start(brand={"name": "Southwind School"})
    await after.deliver()
    assert after.inbox.tries == before.inbox.tries
    assert "Northwind" in after.inbox.mails[0].subject


async def test_a_mail_that_is_never_taken_is_given_up(service: Service) -> None:
    await service.reset(await service.link())
    service.inbox.tries.clear()
    service.inbox.failures.extend([SendRetryable("503")] * (MOST_TRIES + 1))
    for _ in range(MOST_TRIES + 1):
        await service.deliver()
        service.let_time_pass(minutes=10)
    assert len(service.inbox.tries) == MOST_TRIES
    assert await outbox(service) == [("sent", None, 1), ("dead", "503", MOST_TRIES)]


async def test_a_quota_that_is_used_up_is_waited_for_and_costs_no_try(service: Service) -> None:
    until = datetime(2099, 1, 1, tzinfo=UTC)
    await fail(QuotaExhausted("daily_quota_exceeded", until), service)
    (message,) = await service.messages()
    assert (message.available_at, message.attempts) == (until, 0)
    assert (await service.figures("messages_total"))["reset_requested,parked"] == 1
    service.let_time_pass(seconds=(until - service.now()).total_seconds() - 60)
    await service.deliver()
    assert service.inbox.mails == []
    service.let_time_pass(seconds=61)
    await service.deliver()
    assert [mail.to for mail in service.inbox.mails] == [ADA]


async def test_a_rotated_secret_key_still_opens_what_waits_and_one_that_is_gone_leaves_it_dead(
    start: Start,
) -> None:
    old, new = "an-old-secret-key-" * 3, "a-new-secret-key--" * 3
    before = await start(secret_key=old)
    await fail(SendRetryable("503"), before)
    before.let_time_pass(minutes=1)
    after = await start(secret_key=new, previous_secret_keys=(old,))
    await after.deliver()
    assert after.inbox.tries == before.inbox.tries

    await fail(SendRetryable("503"), before)
    before.let_time_pass(minutes=1)
    without = await start(secret_key=new)
    await without.deliver()
    assert without.inbox.tries == []
    state, reason, _ = (await outbox(without))[-1]
    assert state == "dead"
    assert "secret key" in str(reason)


async def test_a_mail_that_the_provider_refuses_is_dead_and_does_not_hold_the_others_up(
    service: Service,
) -> None:
    await service.add("zoe@northwind.test")
    service.inbox.failures.append(SendRefused("422 invalid_to_address"))
    for email in (ADA, NOBODY, "zoe@northwind.test"):
        await service.ask(email)
    for _ in range(2):
        await service.deliver()
        service.let_time_pass(minutes=1)
    assert (len(service.inbox.mails), len(service.inbox.tries)) == (1, 2), (
        "the refused one is not tried again"
    )
    found = sorted((state, reason) for state, reason, _ in await outbox(service) if state != "sent")
    assert found == [("dead", "422 invalid_to_address"), ("dropped", "no_account")]


async def test_a_worker_beside_the_api_or_elsewhere_sends_at_once(start: Start) -> None:
    api, elsewhere = await start(), await start(working=True)
    for one, email in ((api, ADA), (elsewhere, (await api.add("zoe@northwind.test")).email)):
        elsewhere.inbox.arrived.clear()
        async with asyncio.timeout(20):
            await one.ask(email)
            await elsewhere.inbox.arrived.wait()
    assert api.inbox.tries == []
    assert [mail.to for mail in elsewhere.inbox.mails] == [ADA, "zoe@northwind.test"]
    assert (await elsewhere.figures("messages_total"))["reset_requested,dead"] == 0, (
        "each count begins at zero"
    )


async def test_workers_together_send_each_mail_once(start: Start) -> None:
    shared = Inbox()
    services = [await start(inbox=shared) for _ in range(3)]
    people = [f"{number}@northwind.test" for number in range(20)]
    for email in people:
        await services[0].add(email)
        await services[0].ask(email)
    await asyncio.gather(*(service.deliver() for service in services))
    assert sorted(mail.to for mail in shared.mails) == sorted(people)
    assert len(shared.tries) == 20
