"""An expired link: its holder learns a masked address, and replaces it once, by a request like any
other.
"""

import asyncio
from typing import Any

import pytest
from tests.driver.puzzles import post_answering
from tests.driver.service import ADA, DAN, NEW_PASSWORD, REPLACE, REQUEST, Service, Start, problem

pytestmark = [pytest.mark.any_database, pytest.mark.long]

HINT = "a***@northwind.test"


async def expired(service: Service) -> str:
    """Return the token of a link that has expired, to a mailbox that may get another mail."""
    token = await service.link()
    service.let_time_pass(minutes=31)
    return token


async def replace(service: Service, token: str) -> str:
    """Return the answer, and why the link is dead."""
    answer = await service.anywhere().post(REPLACE, json={"token": token})
    return f"{problem(answer)} {answer.json().get('reason', '')}".rstrip()


async def mails(service: Service) -> int:
    await service.deliver()
    return len(service.inbox.mails)


async def test_one_request_sends_a_new_link_to_the_same_address_and_is_answered_as_any(
    service: Service,
) -> None:
    token = await expired(service)
    await service.check(token)
    answer = await service.anywhere().post(REPLACE, json={"token": token})
    asked = await service.anywhere().post(REQUEST, json={"email": DAN})
    assert (answer.status_code, answer.json()) == (asked.status_code, asked.json())
    fresh = await service.newest()
    assert fresh != token
    assert (await service.reset(fresh)).is_success
    assert [(entry.event, entry.outcome, entry.email) for entry in await service.trail()][1:3] == [
        ("link_check", "link_expired", ADA),
        ("reset_request", "link_mailed", ADA),
    ]


async def test_a_link_is_replaced_once_however_often_and_at_once_that_is_asked_for(
    service: Service,
) -> None:
    token = await expired(service)
    before = await mails(service)
    for _ in range(3):
        assert set(await asyncio.gather(*(replace(service, token) for _ in range(12)))) == {"202"}
        assert await mails(service) == before + 1
        service.let_time_pass(minutes=2)
    assert await service.check(token) == {"valid": False, "reason": "expired"}


@pytest.mark.parametrize(
    "change", [{"email": "lovelace@northwind.test"}, {"active": False}, "removed", "in cooldown"]
)
async def test_an_account_that_is_gone_or_was_just_mailed_gets_nothing_as_ever(
    change: Any, service: Service
) -> None:
    token = await expired(service)
    if change == "in cooldown":
        await service.link()
    else:
        await (
            service.remove_account() if change == "removed" else service.change_account(**change)
        )
    assert (await service.check(token))["emailHint"] == HINT
    before = await mails(service)
    assert await replace(service, token) == "202"
    assert await mails(service) == before


async def test_a_link_that_works_or_is_used_or_revoked_is_refused_for_its_reason(
    service: Service,
) -> None:
    used = await service.link()
    await service.reset(used)
    button = await service.newest(template="password_changed")
    first = await service.link()
    service.let_time_pass(minutes=2)
    second = await service.link()
    await service.reset(second, f"{NEW_PASSWORD} again")
    works = await service.link()
    before = await mails(service)

    assert await replace(service, works) == "400 invalid-input"
    assert await service.works(works)
    service.let_time_pass(minutes=31)
    refused = [await replace(service, token) for token in (used, first, button, "x" * 43)]
    assert refused == ["400 link-dead used", *["400 link-dead invalid"] * 3]
    assert "emailHint" not in await service.check(used)
    service.let_time_pass(days=8)
    await service.purge()
    assert await replace(service, used) == "400 link-dead invalid", "it is older than the retention"
    assert await service.check(used) == {"valid": False, "reason": "invalid"}
    assert await mails(service) == before


async def test_it_counts_as_a_request_of_its_client_and_guesses_at_tokens_as_checks_of_links(
    start: Start,
) -> None:
    service = await start(limits={"request": "1/minute", "client": "2/minute"})
    token = await expired(service)
    client, guessing = service.anywhere(), service.anywhere()
    await client.post(REQUEST, json={"email": DAN})
    assert problem(await client.post(REPLACE, json={"token": token})) == "429 too-many-requests"
    assert (await service.check(token))["emailHint"] == HINT
    assert await replace(service, token) == "202"
    told = [problem(await guessing.post(REPLACE, json={"token": "x" * 43})) for _ in range(3)]
    assert told == ["400 link-dead", "400 link-dead", "429 too-many-requests"]


async def test_beyond_the_limit_of_all_clients_it_is_dropped_and_the_link_can_be_replaced_later(
    start: Start,
) -> None:
    service = await start(limits={"overall": "2/minute"})
    token = await expired(service)
    for _ in range(2):
        await service.ask(DAN)
    before = await mails(service)
    assert await replace(service, token) == "202"
    assert await mails(service) == before
    assert (await service.check(token))["emailHint"] == HINT
    service.let_time_pass(minutes=1)
    assert await replace(service, token) == "202"
    assert await mails(service) == before + 1


async def test_where_a_request_needs_a_challenge_this_one_does(start: Start) -> None:
    token = await expired(await start())
    service = await start(challenge={"method": "altcha"})
    before = await mails(service)
    assert await replace(service, token) == "403 challenge-required missing"
    assert await mails(service) == before
    assert problem(await post_answering(service.anywhere(), REPLACE, {"token": token})) == "202"
    assert await mails(service) == before + 1
