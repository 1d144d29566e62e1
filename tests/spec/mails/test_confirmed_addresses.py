"""Where a confirmation goes: to the address that the account had when its password was changed."""

import asyncio

import pytest
from tests.driver.elsewhere import Elsewhere
from tests.driver.service import ADA, Service, Start, problem

from keyturn import Account, SendRetryable

pytestmark = pytest.mark.long

THIEF = "thief@elsewhere.test"


def confirmed(service: Service) -> list[str]:
    return sorted(
        mail.to for mail in service.inbox.mails if mail.tags["template"] == "password_changed"
    )


async def test_an_owner_with_a_new_address_after_the_change_is_told_once_at_both(
    service: Service,
) -> None:
    assert problem(await service.reset(await service.link())) == "200"
    await service.change_account(email=THIEF)
    service.inbox.failures += [SendRetryable("503", not_accepted=True)] * 2
    for _ in range(2):
        await service.deliver()
        service.let_time_pass(minutes=1)
    assert confirmed(service) == [ADA, THIEF]
    assert [message for message in await service.messages() if message.state == "waiting"] == []
    (old,) = service.inbox.sent_to(ADA, "password_changed")
    assert THIEF not in old.text + old.html
    (new,) = service.inbox.sent_to(THIEF, "password_changed")
    assert "/secure-your-account/" in old.text
    assert "/secure-your-account/" not in new.text + new.html
    assert "/forgot-password" in new.text


async def test_an_account_that_is_gone_is_told_nothing_and_another_spelling_is_no_other(
    service: Service,
) -> None:
    zoe = (await service.add("zoe@northwind.test")).email
    for token in [
        await service.link(email) for email in (ADA, zoe)
    ]:  # of which the second delivers what waits
        assert problem(await service.reset(token)) == "200"
    await service.remove_account(zoe)
    await service.change_account(email=ADA.replace("ada", "Ada"))
    await service.deliver()
    assert confirmed(service) == [ADA]


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_a_change_that_was_broken_off_is_told_to_the_address_of_its_beginning(
    start: Start,
) -> None:
    store = Elsewhere(Account(id="u-1", email=ADA))
    service = await start(store=store)
    token = await service.link()
    asking = await store.hold(service.reset(token))
    store.accounts["u-1"] = Account(id="u-1", email=THIEF)
    service.let_time_pass(minutes=2)
    await service.deliver()
    store.open.set()
    await asking
    assert confirmed(service) == [ADA, THIEF]


async def test_one_that_a_slow_worker_has_claimed_twice_is_told_once_at_each(start: Start) -> None:
    store = Elsewhere(Account(id="u-1", email=ADA))
    service = await start(store=store)
    assert problem(await service.reset(await service.link())) == "200"
    store.move("u-1", THIEF)
    first = await store.hold_lookup(service.deliver())
    service.let_time_pass(minutes=1)  # the lease of a silent worker ends
    second = await store.hold_lookup(service.deliver())
    store.answers.set()
    await asyncio.gather(first, second)
    await service.deliver()
    assert confirmed(service) == [ADA, THIEF]
