"""An expired link: its holder learns a masked address, and replaces it once, by a request like any other."""

import asyncio
from typing import Any

import pytest
from tests.driver.inbox import token_in
from tests.driver.puzzles import post_answering
from tests.driver.service import ADA, DAN, NEW_PASSWORD, REPLACE, Service, Start, problem

pytestmark = [pytest.mark.any_database, pytest.mark.long]

HINT = "a***@northwind.test"


async def expired(service: Service) -> str:
    """Return the token of a link that has expired, to a mailbox that may get another mail."""
    token = await service.link()
    service.let_time_pass(minutes=31)
    return token


def rest(service: Service) -> None:
    """Let the mailbox's cooldown pass. Links work for longer."""
    service.let_time_pass(minutes=2)


async def replace(service: Service, token: str, **fields: Any) -> str:
    return problem(await service.anywhere().post(REPLACE, json={"token": token, **fields}))


async def reason(service: Service, token: str) -> str:
    answer = await service.anywhere().post(REPLACE, json={"token": token})
    assert problem(answer) == "400 link-dead"
    return str(answer.json()["reason"])


async def mails(service: Service) -> int:
    await service.deliver()
    return len(service.inbox.mails)


async def test_one_request_sends_a_new_link_to_the_address_of_the_old_one(service: Service) -> None:
    token = await expired(service)
    assert await replace(service, token) == "202"
    await service.deliver()
    fresh = token_in(service.inbox.sent_to(ADA, "password_reset")[-1])
    assert fresh != token
    assert (await service.reset(fresh)).is_success


async def test_the_answer_is_that_of_any_request(service: Service) -> None:
    answer = await service.anywhere().post(REPLACE, json={"token": await expired(service)})
    asked = await service.anywhere().post("/api/auth/request-password-reset", json={"email": ADA})
    assert (answer.status_code, answer.json()) == (asked.status_code, asked.json())


async def test_a_link_is_replaced_once_however_often_that_is_asked_for(service: Service) -> None:
    token = await expired(service)
    before = await mails(service)
    for _ in range(3):
        assert await replace(service, token) == "202"
        assert await mails(service) == before + 1
        rest(service)
    assert await service.check(token) == {"valid": False, "reason": "expired"}


async def test_of_many_requests_at_once_one_is_answered(service: Service) -> None:
    token = await expired(service)
    before = await mails(service)
    assert set(await asyncio.gather(*(replace(service, token) for _ in range(12)))) == {"202"}
    assert await mails(service) == before + 1


async def test_within_the_cooldown_nothing_is_sent(service: Service) -> None:
    token = await expired(service)
    await service.link()
    before = await mails(service)
    assert await replace(service, token) == "202"
    assert await mails(service) == before


@pytest.mark.parametrize(
    ("change", "values"),
    [("moved", {"email": "lovelace@northwind.test"}), ("disabled", {"active": False}), ("gone", None)],
)
async def test_an_account_that_is_no_longer_there_gets_nothing_and_the_answer_stays(
    change: str, values: dict[str, Any] | None, service: Service
) -> None:
    token = await expired(service)
    await (service.change_account(**values) if values else service.remove_account())
    assert (await service.check(token))["emailHint"] == HINT
    before = await mails(service)
    assert await replace(service, token) == "202", change
    assert await mails(service) == before


async def test_a_working_link_is_not_replaced(service: Service) -> None:
    token = await service.link()
    rest(service)
    assert await replace(service, token) == "400 invalid-input"
    assert await service.works(token)
    assert await mails(service) == 1


async def test_used_revoked_and_unknown_links_are_told_apart_as_ever_and_send_nothing(service: Service) -> None:
    used = await service.link()
    await service.reset(used)
    first = await service.link()
    rest(service)
    second = await service.link()
    await service.reset(second, f"{NEW_PASSWORD} again")
    before = await mails(service)

    assert [await reason(service, token) for token in (used, first, "x" * 43)] == ["used", "invalid", "invalid"]
    assert "emailHint" not in await service.check(used)
    assert await mails(service) == before


async def test_a_link_older_than_the_retention_is_unknown(service: Service) -> None:
    token = await expired(service)
    service.let_time_pass(days=8)
    await service.purge()
    assert await reason(service, token) == "invalid"
    assert await service.check(token) == {"valid": False, "reason": "invalid"}


async def test_no_other_token_of_a_mail_is_taken(service: Service) -> None:
    await service.reset(await service.link())
    await service.deliver()
    secure = token_in(service.inbox.sent_to(ADA, "password_changed")[-1])
    service.let_time_pass(minutes=31)
    assert await reason(service, secure) == "invalid"


async def test_it_counts_as_a_request_of_its_client(start: Start) -> None:
    service = await start(limits={"request": "1/minute"})
    token = await expired(service)
    client = service.anywhere()
    await client.post("/api/auth/request-password-reset", json={"email": DAN})
    assert problem(await client.post(REPLACE, json={"token": token})) == "429 too-many-requests"
    assert (await service.check(token))["emailHint"] == HINT
    assert await replace(service, token) == "202"


async def test_guesses_at_tokens_count_as_checks_of_links(start: Start) -> None:
    service = await start(limits={"client": "2/minute"})
    client = service.anywhere()
    told = [problem(await client.post(REPLACE, json={"token": "x" * 43})) for _ in range(3)]
    assert told == ["400 link-dead", "400 link-dead", "429 too-many-requests"]


async def test_beyond_the_limit_of_all_clients_it_is_dropped_and_the_link_can_be_replaced_later(start: Start) -> None:
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
    assert await replace(service, token) == "403 challenge-required"
    assert await mails(service) == before
    assert problem(await post_answering(service.anywhere(), REPLACE, {"token": token})) == "202"
    assert await mails(service) == before + 1


async def test_the_trail_has_the_request_and_what_was_refused(service: Service) -> None:
    token = await expired(service)
    await service.check(token)
    await replace(service, token)
    await service.deliver()
    assert [(entry.event, entry.outcome, entry.email) for entry in await service.trail()][1:] == [
        ("link_check", "link_expired", ADA),
        ("reset_request", "link_mailed", ADA),
    ]
