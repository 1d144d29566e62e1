"""A challenge of our own on the request for a link: made here, solved by a browser, taken once."""

import asyncio
import base64
import hashlib
import json
from typing import Any

import httpx2
import pytest
from tests.driver.puzzles import solved, written
from tests.driver.service import ADA, NOBODY, REQUEST, Service, Start, problem
from tests.driver.statements import statements_sent

pytestmark = pytest.mark.any_database

CHALLENGE = "/api/auth/challenge"
REFUSED, MISSING = "403 challenge-required", "missing"


def altcha_settings(**changes: Any) -> dict[str, Any]:
    return {"method": "altcha", **changes}


@pytest.fixture
async def challenging(start: Start) -> Service:
    return await start(challenge=altcha_settings())


async def puzzle(client: httpx2.AsyncClient) -> dict[str, Any]:
    answer = await client.get(CHALLENGE)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def ask(client: httpx2.AsyncClient, answer: str = "", email: str = ADA) -> httpx2.Response:
    return await client.post(REQUEST, json={"email": email, "challenge": answer})


async def outcomes(service: Service) -> dict[str, float]:
    figures = await service.metrics()
    name = "keyturn_challenges_total{outcome="
    lines = (line.removeprefix(name).split("} ") for line in figures.splitlines() if line.startswith(name))
    return {outcome.strip('"'): float(count) for outcome, count in lines}


async def test_without_an_answer_nothing_is_asked_for_and_the_problem_says_what_is_needed(challenging: Service) -> None:
    with statements_sent() as statements:
        refused = await challenging.anywhere().post(REQUEST, json={"email": ADA})

    assert problem(refused) == REFUSED
    assert (refused.json()["reason"], refused.json()["challenge"]) == (
        MISSING,
        {"method": "altcha", "siteKey": "", "action": "request_reset"},
    )
    assert statements == []
    await challenging.deliver()
    assert challenging.inbox.mails == []


async def test_a_solved_puzzle_asks_for_a_link_once(challenging: Service) -> None:
    client = challenging.anywhere()
    answer = written(solved(await puzzle(client)))

    assert problem(await ask(client, answer)) == "202"
    replayed = await ask(client, answer)
    assert (problem(replayed), replayed.json()["reason"]) == (REFUSED, "expired")
    await challenging.deliver()
    assert [mail.to for mail in challenging.inbox.mails] == [ADA]
    assert await outcomes(challenging) == {"passed": 1, "replayed": 1}


async def test_an_answer_that_was_taken_is_derived_no_second_time(
    challenging: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived = 0
    derive = hashlib.pbkdf2_hmac

    def count(*arguments: Any) -> bytes:
        nonlocal derived
        derived += 1
        return derive(*arguments)

    answer = written(solved(await puzzle(challenging.anywhere())))
    monkeypatch.setattr(hashlib, "pbkdf2_hmac", count)
    found = [problem(await ask(challenging.anywhere(), answer)) for _ in range(4)]

    assert found == ["202", REFUSED, REFUSED, REFUSED]
    assert derived == 1


async def test_an_answer_that_is_written_differently_is_the_same_answer(challenging: Service) -> None:
    client = challenging.anywhere()
    payload = solved(await puzzle(client))
    assert problem(await ask(client, written(payload))) == "202"

    for other in (
        payload | {"more": 1},
        payload | {"solution": payload["solution"] | {"time": 7}},
        payload | {"challenge": payload["challenge"] | {"signature": payload["challenge"]["signature"].upper()}},
    ):
        assert problem(await ask(challenging.anywhere(), written(other))) == REFUSED


async def test_of_fifty_requests_with_one_answer_to_two_processes_one_passes(start: Start) -> None:
    services = await start(challenge=altcha_settings()), await start(challenge=altcha_settings())
    answer = written(solved(await puzzle(services[0].anywhere())))

    found = await asyncio.gather(*(ask(service.anywhere(), answer) for service in services * 25))
    assert sorted(map(problem, found)) == ["202"] + [REFUSED] * 49


async def test_an_expired_answer_is_refused_and_so_is_one_whose_end_was_moved(challenging: Service) -> None:
    payload = solved(await puzzle(challenging.anywhere()))
    end = payload["challenge"]["parameters"]["expiresAt"]
    moved = json.loads(json.dumps(payload))
    moved["challenge"]["parameters"]["expiresAt"] = end + 10_000
    challenging.let_time_pass(seconds=end + 1 - challenging.now().timestamp())

    told = await ask(challenging.anywhere(), written(payload))
    assert (problem(told), told.json()["reason"]) == (REFUSED, "expired")
    told = await ask(challenging.anywhere(), written(moved))
    assert (problem(told), told.json()["reason"]) == (REFUSED, "refused")


async def test_an_answer_of_another_host_or_under_another_key_is_refused(start: Start) -> None:
    here = await start(challenge=altcha_settings())
    elsewhere = await start(challenge=altcha_settings(), base_url="http://other.test")
    another = await start(challenge=altcha_settings(), secret_key="fedcba9876543210" * 4)

    for other, fault in ((elsewhere, "elsewhere"), (another, "forged")):
        told = await ask(here.anywhere(), written(solved(await puzzle(other.anywhere()))))
        assert (problem(told), told.json()["reason"]) == (REFUSED, "refused")
        assert fault in await outcomes(here)


async def test_after_a_change_of_keys_puzzles_of_the_older_one_are_taken(start: Start) -> None:
    older, newer = "0123456789abcdef" * 4, "fedcba9876543210" * 4
    before = await start(challenge=altcha_settings(), secret_key=older)
    after = await start(challenge=altcha_settings(), secret_key=newer, previous_secret_keys=(older,))

    assert problem(await ask(after.anywhere(), written(solved(await puzzle(before.anywhere()))))) == "202"


async def test_what_a_forger_writes_costs_nothing(challenging: Service) -> None:
    """Half an hour of PBKDF2 would be asked for, were the signature not looked at first."""
    payload = solved(await puzzle(challenging.anywhere()))
    payload["challenge"]["parameters"]["cost"] = 10**9

    assert problem(await ask(challenging.anywhere(), written(payload))) == REFUSED
    assert "forged" in await outcomes(challenging)


@pytest.mark.parametrize(
    "answer",
    [
        "x",
        "e30=",
        written([]),
        written({"challenge": 1, "solution": 2}),
        "a" * 8_000,
        written({"a": "\ud800"}),
        base64.b64encode(b"[" * 3_000).decode(),
        "\u2603",
        base64.b64encode(b"\xff\xfe").decode(),
    ],
    ids=["no base64", "empty", "list", "numbers", "long", "surrogate", "deep", "snowman", "bytes"],
)
@pytest.mark.long
async def test_an_answer_that_no_widget_writes_is_refused(challenging: Service, answer: str) -> None:
    assert problem(await ask(challenging.anywhere(), answer)) == REFUSED


async def stored(service: Service) -> list[tuple[str, bytes]]:
    """Return all that the database holds but the counts of limits."""
    return [(place, value) for place, value in await service.dump() if "keyturn_limits" not in place]


async def test_a_right_signature_with_a_wrong_solution_is_refused_and_spends_nothing(challenging: Service) -> None:
    client = challenging.anywhere()
    payload = solved(await puzzle(client))
    guessed = payload | {"solution": {"counter": 4_000_000, "derivedKey": "00" * 32}}

    before = await stored(challenging)
    assert problem(await ask(client, written(guessed))) == REFUSED
    assert await stored(challenging) == before
    assert problem(await ask(client, written(payload))) == "202"
    assert await stored(challenging) != before


async def test_answers_and_puzzles_are_limited_by_client(start: Start) -> None:
    service = await start(challenge=altcha_settings())
    client = service.at("192.0.2.1")
    assert [(await client.get(CHALLENGE)).status_code for _ in range(31)] == [200] * 30 + [429]
    assert problem(await ask(client, "x")) == "429 too-many-requests"
    assert problem(await ask(service.at("192.0.2.2"), "x")) == REFUSED


async def test_a_puzzle_costs_no_statement_but_the_count_of_its_limit(challenging: Service) -> None:
    with statements_sent() as statements:
        await puzzle(challenging.anywhere())
    assert [text for text in statements if "keyturn_limits" not in text] == []


async def test_the_answer_is_the_same_for_known_and_unknown_addresses(challenging: Service) -> None:
    told = [await ask(challenging.anywhere(), email=email) for email in (ADA, NOBODY)]
    assert told[0].content == told[1].content
    assert told[0].headers.keys() == told[1].headers.keys()


async def test_a_bad_address_is_refused_before_a_challenge(challenging: Service) -> None:
    assert problem(await ask(challenging.anywhere(), email="nobody")) == "400 invalid-input"


@pytest.mark.long
async def test_without_a_challenge_in_the_settings_there_is_no_route_and_nothing_is_asked_for(service: Service) -> None:
    assert problem(await service.anywhere().get(CHALLENGE)) == "404 not-found"
    assert problem(await ask(service.anywhere(), "whatever")) == "202"
    assert CHALLENGE not in (await service.anywhere().get("/schema/openapi.json")).json()["paths"]
