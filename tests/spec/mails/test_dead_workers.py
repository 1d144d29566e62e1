"""A worker that dies after it has decided about a message leaves nothing to decide again."""

import asyncio
from contextlib import suppress

import pytest
from tests.driver.elsewhere import Hanging
from tests.driver.service import ADA, DAN, NOBODY, Service, Start
from tests.driver.statements import dying_after, statements_sent

pytestmark = pytest.mark.any_database


async def statements_for(service: Service, email: str) -> int:
    await service.ask(email)
    with statements_sent() as statements:
        await service.deliver()
    return len(statements)


async def ask_of_the_dying(service: Service, email: str, number: int) -> None:
    """Ask a worker that dies after so many statements, and then another, once the lease is over."""
    service.let_time_pass(minutes=2)
    await service.ask(email)
    with dying_after(number), suppress(Exception):
        await service.deliver()
    service.let_time_pass(minutes=1)
    await service.deliver()


@pytest.mark.parametrize(("email", "outcome"), [(NOBODY, "no_account"), (DAN, "disabled")])
async def test_without_a_mail_it_has_one_outcome_even_so(
    service: Service, email: str, outcome: str
) -> None:
    needed = await statements_for(service, email)
    for number in range(needed + 1):
        await ask_of_the_dying(service, email, number)
        message = (await service.messages())[-1]
        assert (message.state, message.reason) == ("dropped", outcome)
        assert await service.outcomes() == [outcome] * (number + 2)


async def test_a_request_with_a_mail_is_sent_once_though_its_worker_died(service: Service) -> None:
    needed = await statements_for(service, ADA)
    for number in range(needed + 1):
        email = f"person{number}@northwind.test"
        await service.add(email)
        await ask_of_the_dying(service, email, number)
        assert len(service.inbox.sent_to(email)) == 1
        assert await service.outcomes() == ["link_mailed"] * (number + 2)


async def test_a_request_in_other_hands_is_not_dropped(start: Start) -> None:
    of_late, of_other = Hanging(NOBODY), Hanging(NOBODY)
    late, other = await start(store=of_late), await start(store=of_other)
    await late.ask(NOBODY)
    async with asyncio.timeout(10):
        late_work = asyncio.create_task(late.deliver())
        await of_late.asked.wait()
        late.let_time_pass(minutes=1)  # the lease of a silent worker ends
        other_work = asyncio.create_task(other.deliver())
        await of_other.asked.wait()
        of_late.may_answer.set()
        await late_work
    (message,) = await late.messages()
    assert message.state == "waiting"
    assert await late.outcomes() == []

    of_other.may_answer.set()
    await other_work
    assert await late.outcomes() == ["no_account"]
