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
ALTCHA = {"method": "altcha"}


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"challenge": ALTCHA}


async def puzzle(service: Service) -> dict[str, Any]:
    answer = await service.anywhere().get(CHALLENGE)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def ask(client: httpx2.AsyncClient, answer: str = "", email: str = ADA) -> httpx2.Response:
    return await client.post(REQUEST, json={"email": email, "challenge": answer})


async def told(service: Service, answer: Any) -> tuple[str, str]:
    """Send what a widget writes; return the answer, and why it is none that counts."""
    found = await ask(service.anywhere(), written(answer))
    return problem(found), found.json().get("reason", "")


async def outcomes(service: Service) -> dict[str, float]:
    return await service.figures("challenges_total")


async def test_without_an_answer_nothing_is_asked_for_and_the_problem_says_what_is_needed(
    service: Service,
) -> None:
    with statements_sent() as statements:
        refused = [await ask(service.anywhere(), email=email) for email in (ADA, NOBODY)]
    assert statements == []
    assert problem(refused[0]) == REFUSED
    needed = {"method": "altcha", "siteKey": "", "action": "request_reset"}
    assert (refused[0].json()["reason"], refused[0].json()["challenge"]) == (MISSING, needed)
    assert (refused[0].content, refused[0].headers.keys()) == (
        refused[1].content,
        refused[1].headers.keys(),
    )
    assert problem(await ask(service.anywhere(), email="nobody")) == "400 invalid-input"
    await service.deliver()
    assert service.inbox.mails == []


async def test_a_solved_puzzle_asks_for_a_link_once_and_is_derived_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived, derive = list[Any](), hashlib.pbkdf2_hmac

    def note(*arguments: Any) -> bytes:
        derived.append(arguments)
        return derive(*arguments)

    with statements_sent() as statements:
        payload = solved(await puzzle(service))
    assert [text for text in statements if "keyturn_limits" not in text] == []
    monkeypatch.setattr(hashlib, "pbkdf2_hmac", note)
    assert await told(service, payload) == ("202", "")
    for other in (
        payload,
        payload | {"more": 1},
        payload | {"solution": payload["solution"] | {"time": 7}},
        payload
        | {
            "challenge": payload["challenge"]
            | {"signature": payload["challenge"]["signature"].upper()}
        },
    ):
        assert (await told(service, other))[0] == REFUSED
    assert await told(service, payload) == (REFUSED, "expired")
    assert len(derived) == 1
    await service.deliver()
    assert [mail.to for mail in service.inbox.mails] == [ADA]
    found = await outcomes(service)
    assert found["passed"] == 1
    assert found["replayed"] == 4


async def test_of_fifty_requests_with_one_answer_to_two_processes_one_passes(start: Start) -> None:
    services = await start(challenge=ALTCHA), await start(challenge=ALTCHA)
    answer = written(solved(await puzzle(services[0])))
    found = await asyncio.gather(*(ask(service.anywhere(), answer) for service in services * 25))
    assert sorted(map(problem, found)) == ["202"] + [REFUSED] * 49


async def test_an_expired_answer_is_refused_and_so_is_one_whose_end_was_moved(
    service: Service,
) -> None:
    payload = solved(await puzzle(service))
    end = payload["challenge"]["parameters"]["expiresAt"]
    moved = json.loads(json.dumps(payload))
    moved["challenge"]["parameters"]["expiresAt"] = end + 10_000
    service.let_time_pass(seconds=end + 1 - service.now().timestamp())
    assert [await told(service, one) for one in (payload, moved)] == [
        (REFUSED, "expired"),
        (REFUSED, "refused"),
    ]


async def test_an_answer_of_another_host_or_key_is_refused_unless_that_key_was_the_one_before(
    start: Start,
) -> None:
    older, newer = "0123456789abcdef" * 4, "fedcba9876543210" * 4
    here = await start(challenge=ALTCHA)
    elsewhere = await start(challenge=ALTCHA, base_url="http://other.test")
    another = await start(challenge=ALTCHA, secret_key=newer)
    for other, fault in ((elsewhere, "elsewhere"), (another, "forged")):
        assert await told(here, solved(await puzzle(other))) == (REFUSED, "refused")
        assert fault in await outcomes(here)
    after = await start(challenge=ALTCHA, secret_key=newer, previous_secret_keys=(older,))
    assert await told(after, solved(await puzzle(here))) == ("202", "")


@pytest.mark.long
async def test_what_no_widget_writes_is_refused_and_a_forger_s_costs_nothing(
    service: Service,
) -> None:
    """Half an hour of PBKDF2 would be asked for, were the signature not looked at first."""
    payload = solved(await puzzle(service))
    payload["challenge"]["parameters"]["cost"] = 10**9
    assert await told(service, payload) == (REFUSED, "refused")
    assert "forged" in await outcomes(service)
    wrong = (written([]), written({"challenge": 1, "solution": 2}), written({"a": "\ud800"}))
    deep, no_text = (base64.b64encode(one).decode() for one in (b"[" * 3_000, b"\xff\xfe"))
    for answer in ("x", "e30=", "a" * 8_000, "\u2603", deep, no_text, *wrong):
        assert problem(await ask(service.anywhere(), answer)) == REFUSED, answer


async def stored(service: Service) -> list[tuple[str, bytes]]:
    """Return all that the database holds but the counts of limits."""
    return [
        (place, value) for place, value in await service.dump() if "keyturn_limits" not in place
    ]


async def test_a_right_signature_with_a_wrong_solution_is_refused_and_spends_nothing(
    service: Service,
) -> None:
    payload = solved(await puzzle(service))
    before = await stored(service)
    guessed = payload | {"solution": {"counter": 4_000_000, "derivedKey": "00" * 32}}
    assert (await told(service, guessed))[0] == REFUSED
    assert await stored(service) == before
    assert await told(service, payload) == ("202", "")
    assert await stored(service) != before


async def test_answers_and_puzzles_are_limited_by_client(service: Service) -> None:
    client = service.at("192.0.2.1")
    assert [(await client.get(CHALLENGE)).status_code for _ in range(31)] == [200] * 30 + [429]
    assert problem(await ask(client, "x")) == "429 too-many-requests"
    assert problem(await ask(service.at("192.0.2.2"), "x")) == REFUSED


@pytest.mark.long
async def test_without_a_challenge_in_the_settings_there_is_no_route_and_nothing_is_asked_for(
    start: Start,
) -> None:
    client = (await start()).anywhere()
    assert problem(await client.get(CHALLENGE)) == "404 not-found"
    assert problem(await ask(client, "whatever")) == "202"
    assert CHALLENGE not in (await client.get("/schema/openapi.json")).json()["paths"]
