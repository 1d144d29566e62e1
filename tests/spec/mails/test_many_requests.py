"""Requests that wait together are answered together, each as if it had come alone."""

import asyncio
import logging
from pathlib import Path

import pytest
from tests.driver.elsewhere import Hanging, HangingTogether
from tests.driver.inbox import token_in
from tests.driver.own_mail import write_own_mail
from tests.driver.service import ADA, DAN, GRACE, NOBODY, Service, Start
from tests.driver.statements import statements_sent, thread_trips

from keyturn import Account

pytestmark = pytest.mark.long

BEN, CLEO = "ben@northwind.test", "cleo@northwind.test"


async def outcomes(service: Service) -> list[tuple[str, str]]:
    """Return what became of each request, in the order in which they came."""
    trail = sorted(await service.trail(), key=lambda entry: entry.message_id or 0)
    return [(entry.email, entry.outcome) for entry in trail]


async def test_each_of_many_gets_what_it_would_get_alone(service: Service) -> None:
    await service.add(BEN)
    for email in (ADA, NOBODY, DAN, GRACE, BEN):
        await service.ask(email)
    await service.deliver()

    assert await outcomes(service) == [
        (ADA, "link_mailed"),
        (NOBODY, "no_account"),
        (DAN, "disabled"),
        (GRACE, "provider_mailed"),
        (BEN, "link_mailed"),
    ]
    assert {entry.email for entry in await service.trail() if not entry.account_id} == {NOBODY}
    assert sorted(mail.to for mail in service.inbox.mails) == [ADA, BEN, GRACE]
    for email in (ADA, BEN):
        (mail,) = service.inbox.sent_to(email)
        assert (await service.check(token_in(mail)))["email"].startswith(email[0])


async def test_each_that_comes_to_nothing_leaves_a_line(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    await service.ask(DAN)
    for number in range(5):
        await service.ask(f"nobody{number}@northwind.test")
    with caplog.at_level(logging.INFO, "keyturn.outbox"):
        await service.deliver()

    lines = [record.getMessage() for record in caplog.records]
    dans, *nobodys = [str(message.id) for message in await service.messages()]
    assert lines == [
        f"mail.dropped message_id={dans} kind=reset_requested attempts=1 reason=disabled",
        *(
            f"mail.dropped message_id={one} kind=reset_requested attempts=1 reason=no_account"
            for one in nobodys
        ),
    ]
    assert (await service.figures("messages_total"))["reset_requested,dropped"] == 6


async def test_ten_cost_the_statements_of_one(service: Service) -> None:
    await service.add(BEN)
    await service.ask(BEN)
    with statements_sent() as one, thread_trips() as trips_of_one:
        await service.deliver()
    people = [f"person{number}@northwind.test" for number in range(10)]
    for person in people:
        await service.add(person)
        await service.ask(person)
    with statements_sent() as ten, thread_trips() as trips_of_ten:
        await service.deliver()
    assert len(service.inbox.mails) == 1 + len(people)
    assert len(ten) == len(one)
    assert len(trips_of_ten) == len(trips_of_one)


async def test_a_mail_that_cannot_be_rendered_fails_alone(start: Start, tmp_path: Path) -> None:
    own = write_own_mail(tmp_path, "{{ 'Your key' if name != 'Cleo' else name.missing() }}")
    service = await start(mail={"transport": "capture", "templates": own})
    await service.add(CLEO, name="Cleo")
    for email in (CLEO, ADA):
        await service.ask(email)
    await service.deliver()
    assert [mail.to for mail in service.inbox.mails] == [ADA]
    assert await outcomes(service) == [(ADA, "link_mailed")]
    messages = await service.messages()
    assert [message.state for message in messages] == ["waiting", "sent"]
    assert messages[0].reason


@pytest.mark.parametrize("store", [Hanging, HangingTogether])
async def test_a_look_up_that_hangs_delays_no_other_request(
    start: Start, store: type[Hanging]
) -> None:
    accounts = store(GRACE, Account(id="u-1", email=ADA), Account(id="u-2", email=GRACE))
    service = await start(store=accounts)
    for email in (GRACE, ADA):
        await service.ask(email)
    async with asyncio.timeout(10):
        delivering = asyncio.create_task(service.deliver())
        await service.inbox.arrived.wait()
        assert [mail.to for mail in service.inbox.mails] == [ADA]
        accounts.may_answer.set()
        await delivering
    assert await outcomes(service) == [(GRACE, "link_mailed"), (ADA, "link_mailed")]


async def test_a_request_that_a_slow_worker_has_claimed_twice_is_answered_once(
    start: Start,
) -> None:
    store = Hanging(ADA, Account(id="u-1", email=ADA))
    service = await start(store=store)
    await service.ask(ADA)
    async with asyncio.timeout(10):
        first = asyncio.create_task(service.deliver())
        await store.asked.wait()
        store.asked.clear()
        service.let_time_pass(minutes=1)  # the lease of a silent worker ends
        second = asyncio.create_task(service.deliver())
        await store.asked.wait()
        store.may_answer.set()
        await asyncio.gather(first, second)
    assert len(service.inbox.tries) == 1
    assert await outcomes(service) == [(ADA, "link_mailed")]
