"""A backup that is restored: links from before it work, and mails that waited in it need not be
sent twice.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from tests.driver.inbox import token_in
from tests.driver.service import (
    ADA,
    NEW_PASSWORD,
    PASSWORD,
    Service,
    problem,
    running,
    settings_for,
)
from tests.servers.databases import Databases

from keyturn import SendFailed, SendRefused, SendRetryable

pytestmark = pytest.mark.any_database

Restore = Callable[[], Awaitable[Service]]


@pytest.fixture
async def restore(databases: Databases, database_url: str) -> AsyncIterator[Restore]:
    """Return a function that backs the database up now, restores it, and starts a service on what
    was restored.
    """
    async with AsyncExitStack() as stack:

        async def restored() -> Service:
            url = await asyncio.to_thread(databases.restored, database_url)
            stack.push_async_callback(asyncio.to_thread, databases.drop, url)
            return await stack.enter_async_context(running(settings_for(url)))

        yield restored


async def test_a_link_from_before_the_backup_works_and_one_from_after_it_does_not(
    service: Service, restore: Restore
) -> None:
    zoe, token = await service.add("zoe@northwind.test"), await service.link()
    restored = await restore()
    later = await service.link(zoe.email)
    assert problem(await restored.reset(later)) == "400 link-dead"
    assert await restored.knows(PASSWORD)
    assert (await restored.reset(token)).status_code == 200
    assert await restored.knows(NEW_PASSWORD)
    assert not await restored.works(token)


async def test_a_mail_that_waited_in_it_is_sent_again_unless_deleted(
    service: Service, restore: Restore
) -> None:
    await service.ask()
    careless, careful = await restore(), await restore()
    await service.deliver()
    await careful.operator.forget_waiting_requests()
    for restored in (careless, careful):
        await restored.deliver()
    assert len(careless.inbox.sent_to(ADA)) == 1
    assert careful.inbox.sent_to(ADA) == []
    assert await careful.messages() == []


KEY_USED = SendRefused("409 invalid_idempotent_request", key_used=True)
"""The provider's answer about a mail that was written again, with another link, after it was sent
once.
"""


async def test_a_mail_that_is_written_again_leaves_under_another_key(
    service: Service, restore: Restore
) -> None:
    await service.ask()
    restored = await restore()
    restored.inbox.failures.append(KEY_USED)
    await restored.deliver()
    (first, _), (second, mail) = restored.inbox.tries
    assert first != second
    assert await restored.works(token_in(mail))
    assert [message.state for message in await restored.messages()] == ["sent"]


@pytest.mark.parametrize(("failure", "keys"), [(KEY_USED, 2), (SendRetryable("lost", 0), 1)])
async def test_a_mail_whose_second_key_is_refused_is_dead_and_one_that_is_tried_again_keeps_its_key(
    service: Service, failure: SendFailed, keys: int
) -> None:
    service.inbox.failures += [failure, KEY_USED]
    await service.ask()
    for _ in range(2):
        await service.deliver()
        service.let_time_pass(minutes=1)
    assert len({key for key, _ in service.inbox.tries}) == keys
    (message,) = await service.messages()
    assert (message.state, message.reason) == ("dead", "409 invalid_idempotent_request")


async def test_safeguards_of_an_account_are_not_deleted(service: Service, restore: Restore) -> None:
    await service.reset(await service.link())
    assert await service.press(await service.newest(template="password_changed")) == "200"
    restored = await restore()
    await restored.operator.forget_waiting_requests()
    await restored.deliver()
    (recovery,) = restored.inbox.sent_to(ADA)
    assert await restored.works(token_in(recovery))
