"""Checking a link: it says whose it is or why it is dead, and never uses it up."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from tests.driver.service import ADA, REPLACE, RESET, SECURE, VALIDATE, Service, Start, problem
from tests.servers.databases import ON_SQLITE

pytestmark = pytest.mark.any_database

NO_TOKENS = (
    *(
        "{}",
        '{"token": null}',
        '{"token": 1}',
        '{"token": true}',
        '{"token": ["x"]}',
        '{"token": {"$ne": null}}',
    ),
    *('{"token": ""}', '{"token": "x", "token": "y"}', '{"token": "' + "x" * 513 + '"}'),
)


@pytest.mark.parametrize(
    ("settings", "minutes"), [({}, 30), ({"token": {"ttl": timedelta(minutes=45)}}, 45)]
)
async def test_a_live_link_says_whose_it_is_and_how_long(
    start: Start, settings: dict[str, Any], minutes: int
) -> None:
    service = await start(**settings)
    before = service.now()
    found = await service.check(await service.link())
    assert found.keys() == {"valid", "email", "expiresAt", "awaitsPassword"}
    assert (found["valid"], found["email"]) == (True, ADA)
    expires_at = datetime.fromisoformat(found["expiresAt"])
    assert before <= expires_at - timedelta(minutes=minutes) <= service.now()


@ON_SQLITE
@pytest.mark.parametrize("behind", [".", ").", ">", "”", '"', ",", "*"])
async def test_a_sign_that_a_mail_app_takes_for_a_part_of_the_link_is_none(
    service: Service, behind: str
) -> None:
    token = await service.link()
    assert (await service.check(f"{token}{behind}"))["valid"]
    page = await service.anywhere().get(
        f"/reset-password/{quote(token + behind)}", follow_redirects=True
    )
    assert "Choose a new password" in page.text


@ON_SQLITE
@pytest.mark.parametrize(
    ("before", "behind"), [(" ", ""), ("", "\n"), ("\t\u00a0", " \r\n"), ("", "\n."), ("", ". ")]
)
async def test_blanks_around_a_token(service: Service, before: str, behind: str) -> None:
    """A token works with the blanks and line ends that were copied with it, by the API as by the
    page.
    """
    token = f"{before}{await service.link()}{behind}"
    page = await service.anywhere().get(
        "/reset-password", params={"token": token}, follow_redirects=True
    )
    assert "Choose a new password" in page.text
    assert (await service.check(token))["valid"]
    assert problem(await service.reset(token)) == "200"


async def test_an_unknown_token_is_invalid_and_so_is_one_beside_another_address(
    service: Service,
) -> None:
    token = await service.link()
    assert (await service.check(token, email=ADA.upper()))["valid"] is True
    for email in ("grace@northwind.test", "not an address", ""):
        assert await service.check(token, email=email) == {"valid": False, "reason": "invalid"}
    near = [
        token[:-1],
        token + "=",
        token + "A",
        token.swapcase(),
        token + "\0",
        f"{token[:20]} {token[20:]}",
    ]
    near += [
        token[1:] + token[0],
        "\u00e9" * 43,
        f"{token[:-1]}\U0001f600",
        "%41" + token[1:],
        "x",
        "\x00",
    ]
    for other in near:
        assert await service.check(other) == {"valid": False, "reason": "invalid"}


async def test_of_several_links_that_are_checked_at_once_each_says_whose_it_is(
    service: Service,
) -> None:
    people = [ADA, "zoe@northwind.test", "ben@northwind.test"]
    for email in people[1:]:
        await service.add(email)
    links = [await service.link(email) for email in people]
    found = await asyncio.gather(
        *(service.check(link) for link in (links[1], "x" * 43, links[2], links[0], links[1]))
    )
    assert [one.get("email") for one in found] == [people[1], None, people[2], people[0], people[1]]


async def test_checking_never_uses_a_link_up_and_the_server_s_clock_decides_when_it_expires(
    service: Service,
) -> None:
    token = await service.link()
    service.let_time_pass(minutes=29, seconds=30)
    for _ in range(20):
        assert await service.works(token)
    service.let_time_pass(seconds=30)
    assert (await service.check(token))["reason"] == "expired"


@ON_SQLITE
async def test_only_a_post_uses_a_link_up(service: Service) -> None:
    token = await service.link()
    body = {"token": token, "newPassword": "eleven loud lighthouses"}
    client = service.anywhere()
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"):
        for route in (RESET, "/api/auth/reset-password-with-token", VALIDATE):
            for _ in range(7):
                beside = await client.request(method, route, params=body)
                within = await client.request(method, route, json=body)
                below = await client.request(method, f"{route}/{token}")
                expected = 204 if method == "OPTIONS" else 405
                assert (beside.status_code, within.status_code, below.status_code) == (
                    expected,
                    expected,
                    404,
                )
    assert await service.works(token)
    assert await service.knows("seven quiet harbours")


@ON_SQLITE
async def test_a_malformed_token_is_refused_by_the_name_of_its_field(service: Service) -> None:
    for route in (VALIDATE, RESET, REPLACE, SECURE):
        for body in NO_TOKENS:
            sent = body.replace("}", ', "newPassword": "eleven loud lighthouses"}').replace(
                "{,", "{"
            )
            answer = await service.anywhere().post(
                route, content=sent, headers={"Content-Type": "application/json"}
            )
            assert problem(answer) == "400 invalid-input", (route, body)
            assert {error["field"] for error in answer.json()["errors"]} == {"token"}, (route, body)


async def test_a_check_does_not_wait_for_a_write(service: Service) -> None:
    token = await service.link()
    async with asyncio.timeout(20), service.writing_elsewhere():
        assert await service.works(token)
