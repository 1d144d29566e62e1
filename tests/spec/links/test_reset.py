"""Using a link: a new password, exactly once, and everything older ends."""

import asyncio
from typing import Any

import pytest
from tests.driver.service import (
    ADA,
    ME,
    NEW_PASSWORD,
    NO_COOLDOWN,
    PASSWORD,
    RESET,
    Service,
    Start,
    problem,
)

UNCLEAR: list[tuple[dict[str, Any], str]] = [
    ({}, "newPassword"),
    ({"newPassword": None}, "newPassword"),
    ({"newPassword": 12345678901234}, "newPassword"),
    ({"newPassword": [NEW_PASSWORD]}, "newPassword"),
    ({"newPassword": NEW_PASSWORD, "password": PASSWORD}, "password"),
    ({"newPassword": NEW_PASSWORD, "confirmPassword": NEW_PASSWORD + " "}, "confirmPassword"),
    ({"password": NEW_PASSWORD, "confirmPassword": ""}, "confirmPassword"),
]


async def test_a_link_sets_a_new_password(start: Start) -> None:
    service = await start(limits=NO_COOLDOWN | {"account": "100/minute"})
    before = PASSWORD
    for number, route in enumerate((RESET, "/api/auth/reset-password-with-token") * 3):
        after = f"{number} loud lighthouses"
        fields: dict[str, str] = [
            {"newPassword": after},
            {"password": after},
            {"newPassword": after, "password": after, "confirmPassword": after, "email": ADA},
        ][number // 2]
        answer = await service.anywhere().post(
            route, json={"token": await service.link(), **fields}
        )
        assert answer.status_code == 200
        assert answer.json().keys() == {"success", "message"}
        assert answer.json()["success"] is True
        assert await service.knows(after)
        assert not await service.knows(before)
        before = after


async def test_passwords_that_are_missing_or_differ_are_refused_and_the_link_survives(
    service: Service,
) -> None:
    token = await service.link()
    for fields, field in UNCLEAR:
        answer = await service.anywhere().post(RESET, json={"token": token, **fields})
        assert problem(answer) == "400 invalid-input"
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert await service.works(token)
    assert await service.knows(PASSWORD)


async def test_an_unknown_token_and_another_address_beside_a_token_cost_no_hash(
    service: Service,
) -> None:
    token, client = await service.link(), service.anywhere()
    other = [
        (token, email)
        for email in ("grace@northwind.test", "nobody@northwind.test", "no address", "")
    ]
    for sent, email in (("x" * 43, ADA), *other):
        answer = await client.post(
            RESET, json={"token": sent, "newPassword": NEW_PASSWORD, "email": email}
        )
        assert (problem(answer), answer.json()["reason"]) == ("400 link-dead", "invalid")
    assert "keyturn_password_hash_seconds_count 0.0" in await service.metrics()
    answer = await client.post(
        RESET, json={"token": token, "newPassword": NEW_PASSWORD, "email": ADA.upper()}
    )
    assert answer.status_code == 200


@pytest.mark.long
async def test_of_fifty_who_use_a_link_at_once_at_two_processes_one_succeeds(start: Start) -> None:
    service, other = await start(), await start()
    token = await service.link()
    passwords = [f"{number} loud lighthouses" for number in range(50)]
    uses = zip((service, other) * 25, passwords, strict=True)
    answers = await asyncio.gather(*(one.reset(token, password) for one, password in uses))
    found = [problem(answer) for answer in answers]
    assert sorted(found) == ["200"] + ["400 link-dead"] * 49
    assert {answer.json()["reason"] for answer in answers if answer.is_error} == {"used"}
    (winner,) = (
        password for password, outcome in zip(passwords, found, strict=True) if outcome == "200"
    )
    assert await service.knows(winner)
    await service.deliver()
    assert len(service.inbox.sent_to(ADA, "password_changed")) == 1


async def test_a_used_link_ends_the_account_s_other_links_and_every_session(start: Start) -> None:
    service = await start(limits=NO_COOLDOWN)
    zoe = (await service.add("zoe@northwind.test")).email
    first, second, zoes = await service.link(), await service.link(), await service.link(zoe)
    clients = [await service.sign_in(email) for email in (ADA, ADA, zoe)]
    assert (await service.reset(second)).status_code == 200
    refused = await service.reset(first, "a third password, please")
    assert (problem(refused), refused.json()["reason"]) == ("400 link-dead", "invalid")
    assert await service.works(zoes)
    assert [(await client.get(ME)).status_code for client in clients] == [401, 401, 200]


async def test_a_stranger_s_requests_end_no_link_and_a_mailbox_gets_no_more_links_than_mails(
    start: Start,
) -> None:
    service = await start(limits=NO_COOLDOWN)
    assert await service.operator.reset(ADA) == "asked"
    operators = await service.newest()
    owners, *strangers = [await service.link() for _ in range(11)]
    for _ in range(3):
        await service.ask()
    await service.deliver()
    assert len(service.inbox.sent_to(ADA)) == 12
    assert [await service.works(token) for token in (operators, owners)] == [True, True]
    assert (await service.reset(owners)).status_code == 200
    assert [await service.works(link) for link in strangers] == [False] * 10


async def test_a_link_signs_no_user_in(service: Service) -> None:
    browser = service.anywhere()
    answer = await browser.post(
        RESET, json={"token": await service.link(), "newPassword": NEW_PASSWORD}
    )
    assert problem(answer) == "200"
    assert set(browser.cookies) == {"keyturn_device"}
    assert problem(await browser.get(ME)) == "401 not-signed-in"
    answer = await browser.get(
        ME, headers={"Cookie": f"keyturn_session={browser.cookies['keyturn_device']}"}
    )
    assert problem(answer) == "401 not-signed-in"


@pytest.mark.any_database
async def test_a_new_hash_is_bcrypt_with_a_cost_of_twelve(start: Start) -> None:
    service = await start(hashing={})
    assert (await service.reset(await service.link())).status_code == 200
    assert (await service.password_hash()).startswith("$2b$12$")
    assert await service.knows(NEW_PASSWORD)


@pytest.mark.long
async def test_where_too_many_hashes_wait_the_answer_is_to_come_back_and_the_link_survives(
    start: Start,
) -> None:
    service = await start(hashing={"cost": 10, "workers": 1, "queue": 1})
    token = await service.link()
    answers = await asyncio.gather(*(service.reset(token) for _ in range(8)))
    busy = [answer for answer in answers if problem(answer) == "503 busy"]
    assert busy
    assert all(
        int(answer.headers["retry-after"]) == answer.json()["retryAfter"] > 0 for answer in busy
    )
    assert [problem(answer) for answer in answers].count("200") == 1
