"""A link or a code that is being minted while its account's links end: it does not outlive them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.driver.database import holding_the_audit_trail, waiting_for_locks
from tests.driver.inbox import code_in, token_in
from tests.driver.service import ADA, FREE, VERIFY, Service, Start, problem

pytestmark = [
    pytest.mark.slow,
    # SQLite has one writer, so nothing is minted while another transaction ends links.
    pytest.mark.parametrize("databases", ["postgresql"], indirect=True),
]


class Story:
    """Ada has a link, a code and a button "this was not me"; all can be used."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def begin(self) -> None:
        await self.service.reset(await self.service.link())
        self.button = await self.service.newest(template="password_changed")
        self.link = await self.service.link()
        self.code = code_in(self.service.inbox.sent_to(ADA, "password_reset")[-1])
        self.mails = len(self.service.inbox.sent_to(ADA, "password_reset"))

    # What mints a token

    async def exchange(self) -> str:
        answer = await self.service.anywhere().post(VERIFY, json={"email": ADA, "code": self.code})
        return str(answer.json()["token"])

    async def request(self) -> str:
        await self.service.ask_and_deliver()
        return self.mailed("(30 minutes)")

    async def recover(self) -> str:
        """Let the worker mail the link that a press has promised."""
        await self.service.deliver()
        return self.mailed("(1 day)")

    def mailed(self, lifetime: str) -> str:
        """Return the token of the one new mail whose link lives for so long."""
        new = self.service.inbox.sent_to(ADA, "password_reset")[self.mails :]
        (token,) = [token_in(mail) for mail in new if lifetime in mail.text]
        return token

    # What ends the tokens that were minted before

    async def reset(self) -> None:
        assert problem(await self.service.reset(self.link, "a third password, please")) == "200"

    async def press(self) -> None:
        assert await self.service.press(self.button) == "200"

    async def give_out_a_link(self) -> None:
        await self.service.operator.print_link(ADA, "Lost the mailbox; passport checked.")


Mint = Callable[[Story], Coroutine[Any, Any, str]]
End = Callable[[Story], Coroutine[Any, Any, None]]


@pytest.fixture
async def story(start: Start) -> Story:
    story = Story(await start(token={"code": True}, limits=FREE))
    await story.begin()
    return story


async def minted_while(story: Story, mint: Mint, end: End) -> str:
    """Return a token that has been stored, and not committed, when its account's tokens end."""
    async with asyncio.timeout(10):
        # Both write into the audit trail last.
        async with holding_the_audit_trail(story.service):
            minting = asyncio.create_task(mint(story))
            await waiting_for_locks(story.service, 1)
            ending = asyncio.create_task(end(story))
            await waiting_for_locks(story.service, 2)
        await ending
        return await minting


@pytest.mark.parametrize("end", [Story.reset, Story.press, Story.give_out_a_link])
@pytest.mark.parametrize("mint", [Story.exchange, Story.request])
async def test_token_minted_while_tokens_end(story: Story, mint: Mint, end: End) -> None:
    """A token that is minted at the moment of a reset, a press or an operator's link does not
    outlive it.
    """
    token = await minted_while(story, mint, end)
    assert not await story.service.works(token)


async def test_recovery_link_minted_while_an_operator_gives_one_out(story: Story) -> None:
    """A recovery link that is minted at the moment of an operator's link does not outlive it."""
    await story.press()
    token = await minted_while(story, Story.recover, Story.give_out_a_link)
    assert not await story.service.works(token)
