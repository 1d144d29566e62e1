"""Simultaneous requests: a password that has just been replaced signs in nowhere, and does not come back."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from tests.driver.elsewhere import Readable
from tests.driver.second_factors import BUILTIN, code_of, enrol, reset_with
from tests.driver.service import ADA, CHANGE, LOGIN, ME, NEW_PASSWORD, PASSWORD, Service, Start, problem

from keyturn.service.accounts.builtin import SessionRow
from keyturn.service.accounts.port import Account


class Gate:
    """Holds the first task that passes until it is opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    def before(self, work: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def held(*given: Any, **named: Any) -> Any:
            result = await work(*given, **named)
            if not self.reached.is_set():
                self.reached.set()
                await self.opened.wait()
            return result

        return held


def everybody_hashed(service: Service, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold all writes until that many passwords are hashed, so that the writes happen at the same moment."""
    barrier, hash_one = asyncio.Barrier(number), service.parts.hasher.hash

    async def together(password: str, **named: bool) -> str:
        hashed = await hash_one(password, **named)
        await barrier.wait()
        return hashed

    monkeypatch.setattr(service.parts.hasher, "hash", together)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.mark.long
@pytest.mark.parametrize("is_elsewhere", [False, True], ids=["here", "elsewhere"])
async def test_a_sign_in_that_began_before_a_reset_opens_no_session_after_it(
    start: Start, gate: Gate, monkeypatch: pytest.MonkeyPatch, is_elsewhere: bool
) -> None:
    service = await start(store=Readable(Account(id="u-1", email=ADA)) if is_elsewhere else None)
    token = await service.link()
    monkeypatch.setattr(service.parts.hasher, "verify", gate.before(service.parts.hasher.verify))
    client = service.anywhere()
    signing_in = asyncio.create_task(client.post(LOGIN, json={"email": ADA, "password": PASSWORD}))
    await gate.reached.wait()
    assert (await service.reset(token)).status_code == 200
    gate.opened.set()
    assert problem(await signing_in) == "401 credentials-rejected"
    assert await service.rows(select(SessionRow.digest)) == []


async def test_a_change_that_began_before_a_reset_does_not_undo_it(
    service: Service, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, client = await service.link(), await service.sign_in()
    monkeypatch.setattr(service.parts.hasher, "hash", gate.before(service.parts.hasher.hash))
    changing = asyncio.create_task(
        client.post(CHANGE, json={"currentPassword": PASSWORD, "newPassword": "a third password, please"})
    )
    await gate.reached.wait()
    assert (await service.reset(token)).status_code == 200
    gate.opened.set()
    assert problem(await changing) == "401 not-signed-in"
    assert problem(await client.get(ME)) == "401 not-signed-in"
    assert await service.knows(NEW_PASSWORD)
    assert not await service.knows("a third password, please")


async def test_a_reset_that_began_before_a_change_finds_its_link_dead(
    service: Service, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, client = await service.link(), await service.sign_in()
    monkeypatch.setattr(service.parts.hasher, "hash", gate.before(service.parts.hasher.hash))
    resetting = asyncio.create_task(service.reset(token, "a third password, please"))
    await gate.reached.wait()
    answer = await client.post(CHANGE, json={"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD})
    assert answer.status_code == 200
    gate.opened.set()
    refused = await resetting
    assert (problem(refused), refused.json()["reason"]) == ("400 link-dead", "invalid")
    assert (await client.get(ME)).status_code == 200
    assert await service.knows(NEW_PASSWORD)


@pytest.mark.long
async def test_of_five_links_of_one_account_that_are_used_at_once_one_succeeds(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await start(limits={"mailbox_cooldown": timedelta(0)})
    links = [await service.link() for _ in range(5)]
    everybody_hashed(service, 5, monkeypatch)
    answers = await asyncio.gather(*(service.reset(link, f"{link[:9]} lighthouses") for link in links))
    assert sorted(map(problem, answers)) == ["200"] + ["400 link-dead"] * 4


async def test_of_a_reset_and_four_changes_at_once_one_succeeds(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await service.link()
    clients = [await service.sign_in() for _ in range(4)]
    passwords = [f"{number} loud lighthouses" for number in range(5)]
    everybody_hashed(service, 5, monkeypatch)
    answers = await asyncio.gather(
        service.reset(token, passwords[0]),
        *(
            client.post(CHANGE, json={"currentPassword": PASSWORD, "newPassword": password})
            for client, password in zip(clients, passwords[1:], strict=True)
        ),
    )
    found = [problem(answer) for answer in answers]
    assert found.count("200") == 1
    assert set(found) <= {"200", "400 link-dead", "401 not-signed-in"}
    assert await service.knows(passwords[found.index("200")])
    assert not await service.knows(PASSWORD)


@pytest.mark.long
async def test_those_who_come_too_late_need_no_second_connection(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    service = await start()
    token = await service.link()
    everybody_hashed(service, 24, monkeypatch)
    async with asyncio.timeout(20):
        answers = await asyncio.gather(*(service.reset(token) for _ in range(24)))
    assert sorted(map(problem, answers)) == ["200"] + ["400 link-dead"] * 23


@pytest.mark.parametrize("is_guarded", [False, True], ids=["with the link alone", "with a second step"])
async def test_a_form_that_is_sent_twice_is_told_that_the_link_has_been_used(
    start: Start, gate: Gate, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    """And not that the password is the one that the account has, as it is since the first was done."""
    guarded: dict[str, Any] = {"second_step": BUILTIN, "prepare": enrol}
    service = await start(**guarded if is_guarded else {})
    step = ("totp", code_of()) if is_guarded else ()
    token = await service.link()
    monkeypatch.setattr(service.parts.policy, "require", gate.before(service.parts.policy.require))
    late = asyncio.create_task(reset_with(service, token, *step))
    await gate.reached.wait()
    assert problem(await reset_with(service, token, *step)) == "200"
    gate.opened.set()

    refused = await late
    assert (problem(refused), refused.json()["reason"]) == ("400 link-dead", "used")
