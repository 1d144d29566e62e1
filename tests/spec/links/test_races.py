"""Simultaneous requests: a password that has just been replaced signs in nowhere, and does not come
back.
"""

import asyncio
from typing import Any

import pytest
from tests.driver.database import ending_sessions
from tests.driver.elsewhere import Readable
from tests.driver.held_hashes import first_hash_held, hashed_together
from tests.driver.routes import LOGIN, ME
from tests.driver.second_factors import BUILTIN, code_of, enrol, reset_with
from tests.driver.service import (
    ADA,
    CHEAPEST,
    NEW_PASSWORD,
    NO_COOLDOWN,
    PASSWORD,
    Service,
    Start,
    change,
    problem,
)
from tests.driver.statements import statements_sent
from tests.servers.pwned_passwords import running_ranges

from keyturn import Account


@pytest.fixture
def service_options() -> dict[str, Any]:
    return hashing_at_once(5)


def hashing_at_once(number: int, **more: Any) -> dict[str, Any]:
    return {"hashing": {"cost": CHEAPEST, "workers": number}, **more}


@pytest.mark.long
@pytest.mark.parametrize("is_elsewhere", [False, True], ids=["here", "elsewhere"])
async def test_a_sign_in_that_began_before_a_reset_opens_no_session_after_it(
    start: Start, is_elsewhere: bool
) -> None:
    store = Readable(Account(id="u-1", email=ADA)) if is_elsewhere else None
    service = await start(store=store, **hashing_at_once(2))
    token, client = await service.link(), service.anywhere()
    with first_hash_held("checkpw") as held:
        signing_in = asyncio.create_task(
            client.post(LOGIN, json={"email": ADA, "password": PASSWORD})
        )
        await held.computed()
        assert (await service.reset(token)).status_code == 200
    assert problem(await signing_in) == "401 credentials-rejected"
    assert not client.cookies
    assert await service.sessions() == 0


async def test_a_change_that_began_before_a_reset_does_not_undo_it(service: Service) -> None:
    token, client = await service.link(), await service.sign_in()
    with first_hash_held("hashpw") as held:
        changing = asyncio.create_task(change(client, "a third password, please"))
        await held.computed()
        assert (await service.reset(token)).status_code == 200
    assert await changing == "401 not-signed-in"
    assert problem(await client.get(ME)) == "401 not-signed-in"
    assert await service.knows(NEW_PASSWORD)
    assert not await service.knows("a third password, please")


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_change_that_begins_while_another_ends_its_session_changes_nothing_elsewhere(
    start: Start,
) -> None:
    service = await start(store=Readable(Account(id="u-1", email=ADA)))
    client = await service.sign_in()
    async with asyncio.timeout(20), ending_sessions(service, "u-1"):
        with statements_sent() as statements:
            changing = asyncio.create_task(change(client))
            while "pg_advisory" not in "".join(statements):
                await asyncio.sleep(0)
    assert await changing == "401 not-signed-in"


async def test_a_reset_that_began_before_a_change_finds_its_link_dead(service: Service) -> None:
    token, client = await service.link(), await service.sign_in()
    with first_hash_held("hashpw") as held:
        resetting = asyncio.create_task(service.reset(token, "a third password, please"))
        await held.computed()
        assert await change(client) == "200"
    refused = await resetting
    assert (problem(refused), refused.json()["reason"]) == ("400 link-dead", "invalid")
    assert (await client.get(ME)).status_code == 200
    assert await service.knows(NEW_PASSWORD)


@pytest.mark.long
async def test_of_links_of_one_account_that_are_used_at_once_one_succeeds(start: Start) -> None:
    service = await start(**hashing_at_once(5, limits=NO_COOLDOWN))
    tokens = [await service.link() for _ in range(5)]
    with hashed_together(5):
        answers = await asyncio.gather(
            *(service.reset(token, f"{token[:9]} lighthouses") for token in tokens)
        )
    assert sorted(map(problem, answers)) == ["200"] + ["400 link-dead"] * 4


async def test_of_a_reset_and_four_changes_at_once_one_succeeds(service: Service) -> None:
    token = await service.link()
    clients = [await service.sign_in() for _ in range(4)]
    passwords = [f"{number} loud lighthouses" for number in range(5)]
    with hashed_together(5):
        resetting = asyncio.create_task(service.reset(token, passwords[0]))
        changed = await asyncio.gather(*map(change, clients, passwords[1:]))
    found = [problem(await resetting), *changed]
    assert found.count("200") == 1
    assert set(found) <= {"200", "400 link-dead", "401 not-signed-in"}
    assert await service.knows(passwords[found.index("200")])
    assert not await service.knows(PASSWORD)


@pytest.mark.parametrize(
    "is_guarded", [False, True], ids=["with the link alone", "with a second step"]
)
async def test_a_form_that_is_sent_twice_is_told_that_the_link_has_been_used(
    start: Start, is_guarded: bool
) -> None:
    """And not that the password is the one that the account has, as it is since the first was
    done.
    """
    guarded: dict[str, Any] = {"second_step": BUILTIN, "prepare": enrol} if is_guarded else {}
    async with running_ranges() as ranges:
        service = await start(password={"breaches": ranges.url}, **guarded)
        step = ("totp", code_of()) if is_guarded else ()
        token = await service.link()
        ranges.held = compared = asyncio.Event()
        late = asyncio.create_task(reset_with(service, token, *step))
        async with asyncio.timeout(10):
            while ranges.held:
                await asyncio.sleep(0)
        assert problem(await reset_with(service, token, *step)) == "200"
        compared.set()
        refused = await late

    assert (problem(refused), refused.json()["reason"]) == ("400 link-dead", "used")
