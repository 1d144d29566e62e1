"""Limits: by client, by account, by mailbox; what a client says of itself does not count."""

import asyncio
import logging

import httpx2
import pytest
from tests.driver.routes import LOGIN, REQUEST, RESET, VALIDATE
from tests.driver.service import (
    ADA,
    DAN,
    GRACE,
    NEW_PASSWORD,
    NOBODY,
    PASSWORD,
    Service,
    Start,
    change,
    problem,
)
from tests.servers.databases import ON_SQLITE

pytestmark = pytest.mark.any_database

HERE, ELSEWHERE = "203.0.113.1", "203.0.113.2"
FULL = "429 too-many-requests"

CHOSEN = ("X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP")


async def ask(client: httpx2.AsyncClient, email: str = NOBODY, **headers: str) -> str:
    return problem(await client.post(REQUEST, json={"email": email}, headers=headers))


async def test_a_client_asks_three_times_a_minute_by_either_name_of_the_route(
    service: Service,
) -> None:
    client, other = service.at(HERE), service.at(ELSEWHERE)
    assert [await ask(client) for _ in range(5)] == ["202"] * 3 + [FULL] * 2
    routes = (REQUEST, "/api/auth/forgot-password") * 2
    found = [problem(await other.post(route, json={"email": ADA})) for route in routes]
    assert found == ["202"] * 3 + [FULL]


async def test_the_refusal_says_when_to_come_back_and_is_the_same_for_every_address(
    service: Service,
) -> None:
    client, answers, seconds = service.at(HERE), {}, 0
    for _ in range(3):
        await ask(client, ADA)
    for email in (ADA, NOBODY, DAN, GRACE):
        answer = await client.post(REQUEST, json={"email": email})
        assert problem(answer) == FULL
        seconds = int(answer.headers["retry-after"])
        assert 1 <= seconds <= 60
        assert answer.json()["retryAfter"] == seconds
        shown = answer.text.replace(str(seconds), "N")
        answers[email] = (shown, sorted(set(answer.headers) - {"content-length"}))
    assert answers == dict.fromkeys(answers, answers[NOBODY])
    service.let_time_pass(seconds=seconds - 1)
    assert await ask(client) == FULL
    service.let_time_pass(seconds=1)
    assert await ask(client) == "202"


async def test_of_parallel_requests_and_guesses_no_more_are_let_through(start: Start) -> None:
    service = await start(limits={"account": "3/15 minutes"})
    client = service.at(HERE)
    found = await asyncio.gather(*(ask(client, f"{number}@northwind.test") for number in range(50)))
    assert sorted(found) == ["202"] * 3 + [FULL] * 47
    guess = {"email": ADA, "password": "a guess"}
    answers = await asyncio.gather(*(service.anywhere().post(LOGIN, json=guess) for _ in range(30)))
    assert sorted(map(problem, answers)) == ["401 credentials-rejected"] * 3 + [FULL] * 27


async def test_a_client_cannot_choose_its_address(service: Service) -> None:
    for number, (header, before) in enumerate(
        [("Forwarded", "for="), *((name, "") for name in CHOSEN)]
    ):
        client = service.at(f"203.0.113.{number}")
        found = [await ask(client, **{header: f"{before}198.51.100.{turn}"}) for turn in range(4)]
        assert found == ["202"] * 3 + [FULL], header


async def test_unknown_proxy_is_logged_once(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """The first X-Forwarded-For of a peer that is no trusted proxy is logged, with the peer and the
    setting.
    """
    service = await start(server={"trusted_proxies": ("10.0.0.0/8",)})
    forwarded = {"X-Forwarded-For": HERE}
    with caplog.at_level(logging.WARNING, "keyturn.proxy"):
        await ask(service.at("10.1.2.3"), **forwarded)
        assert caplog.messages == []
        for _ in range(2):
            await ask(service.at("172.18.0.1"), **forwarded)

    (line,) = caplog.messages
    assert line.startswith("proxy.untrusted peer=172.18.0.1 reason=X-Forwarded-For is ignored")
    assert line.endswith("add it to server.trusted_proxies")


async def test_behind_a_trusted_proxy_the_client_is_the_one_that_the_proxy_saw(
    start: Start,
) -> None:
    service = await start(server={"trusted_proxies": ("10.0.0.0/8",)})
    proxy = service.at("10.1.2.3")
    spoofed = [await ask(proxy, **{"X-Forwarded-For": f"198.51.100.{n}, {HERE}"}) for n in range(4)]
    assert spoofed == ["202"] * 3 + [FULL]
    assert await ask(proxy, **{"X-Forwarded-For": f"{HERE}, {ELSEWHERE}, 10.9.9.9"}) == "202"
    assert await ask(proxy, **{"X-Forwarded-For": f"{ELSEWHERE}, {HERE}, 10.9.9.9"}) == FULL
    assert await ask(service.at(HERE), **{"X-Forwarded-For": "198.51.100.77"}) == FULL


@ON_SQLITE
@pytest.mark.parametrize("written", ["10.1.2.3/8", "10.0.0.0/8", "::ffff:10.0.0.0/104"])
@pytest.mark.parametrize("peer", ["10.1.2.3", "::ffff:10.1.2.3"])
@pytest.mark.long
async def test_a_trusted_proxy_is_known_however_it_is_written(
    start: Start, written: str, peer: str
) -> None:
    service = await start(server={"trusted_proxies": (written,)})
    proxy = service.at(peer)
    several = [
        await ask(proxy, **{"X-Forwarded-For": f"198.51.100.{n}, ::ffff:10.9.9.9"})
        for n in range(5)
    ]
    assert several == ["202"] * 5
    same = [await ask(proxy, **{"X-Forwarded-For": f"198.51.100.{n}, {HERE}"}) for n in range(4)]
    assert same == ["202"] * 3 + [FULL]


async def test_one_ipv6_subscriber_is_one_client_and_the_networks_around_have_limits_of_their_own(
    start: Start,
) -> None:
    service = await start(limits={"request": "1/minute"})
    assert [await ask(service.at(f"2001:db8:2:2::{number:x}")) for number in range(2)] == [
        "202",
        FULL,
    ]
    from_a_56 = [await ask(service.at(f"2001:db8:1:{number:x}::1")) for number in range(6)]
    from_a_48 = [await ask(service.at(f"2001:db8:1:{number:x}00::1")) for number in range(1, 20)]
    assert (from_a_56.count("202"), from_a_48.count("202")) == (4, 16 - 4)
    assert await ask(service.at("2001:db8:3::1")) == "202"


async def test_an_ipv4_address_is_the_same_client_in_its_ipv6_form(service: Service) -> None:
    found = [
        await ask(service.at(address))
        for address in (HERE, f"::ffff:{HERE}", HERE, f"::ffff:{HERE}")
    ]
    assert found == ["202"] * 3 + [FULL]
    assert await ask(service.at(f"::ffff:{ELSEWHERE}")) == "202"


async def test_all_requests_together_have_a_hidden_budget_and_limited_clients_use_none_of_it(
    start: Start,
) -> None:
    service = await start(limits={"overall": "5/minute"})
    one = service.at(HERE)
    assert [await ask(one) for _ in range(20)].count("202") == 3
    answers = [
        await service.anywhere().post(REQUEST, json={"email": email})
        for email in (NOBODY, ADA, ADA, GRACE)
    ]
    assert {
        (answer.status_code, answer.text, *sorted(set(answer.headers))) for answer in answers
    } == {(202, answers[0].text, *sorted(set(answers[0].headers)))}
    assert len(await service.messages()) == 5


@ON_SQLITE
@pytest.mark.parametrize("path", [REQUEST, VALIDATE, RESET, LOGIN])
@pytest.mark.long
async def test_an_unreadable_body_is_counted_too(start: Start, path: str) -> None:
    service = await start(limits={"client": "2/minute"})
    json = {"content-type": "application/json"}
    for body in ("{", "[]", '{"email": 5}', '{"email": "a", "email": "b"}', "\xff", "[" * 600):
        client = service.anywhere()
        answers = [
            await client.post(path, content=body.encode("latin-1"), headers=json) for _ in range(3)
        ]
        assert [problem(answer) for answer in answers] == ["400 invalid-input"] * 2 + [FULL], body
        assert answers[2].headers["retry-after"].isdigit()
        assert answers[2].headers["cache-control"] == "no-store"
        assert await ask(client) == "202"


async def test_checks_uses_malformed_requests_and_guesses_at_a_password_are_limited_by_client(
    start: Start,
) -> None:
    service = await start(limits={"client": "3/minute"})
    token = await service.link()
    client = service.at(HERE)
    checked = [problem(await client.post(VALIDATE, json={"token": token})) for _ in range(4)]
    assert checked == ["200"] * 3 + [FULL]
    guess = {"token": "x" * 43, "newPassword": NEW_PASSWORD}
    used = [problem(await client.post(RESET, json=guess)) for _ in range(4)]
    assert used == ["400 link-dead"] * 3 + [FULL]
    assert (await service.reset(token)).status_code == 200
    assert [await ask(client, "no address") for _ in range(4)] == ["400 invalid-input"] * 3 + [FULL]
    assert await ask(client) == "202"
    guesses = [{"email": f"{number}@northwind.test", "password": "a guess"} for number in range(11)]
    found = [problem(await client.post(LOGIN, json=guess)) for guess in guesses]
    assert found == ["401 credentials-rejected"] * 10 + [FULL]


async def test_guesses_at_a_password_are_limited_by_account_wherever_they_come_from(
    start: Start,
) -> None:
    service = await start(limits={"account": "2/15 minutes"})
    found = {}
    for email in (ADA, NOBODY):
        spellings = (email, email.upper(), f" {email} ")
        guesses = [{"email": spelling, "password": "a guess"} for spelling in spellings]
        answers = [await service.anywhere().post(LOGIN, json=guess) for guess in guesses]
        found[email] = [problem(answer) for answer in answers]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 900
    assert found == dict.fromkeys(found, ["401 credentials-rejected"] * 2 + [FULL])


async def test_guesses_at_the_current_password_are_limited_by_account_apart_from_those_of_strangers(
    start: Start,
) -> None:
    service = await start(limits={"account": "3/15 minutes", "login": "100/minute"})
    client, guess = await service.sign_in(), {"email": ADA, "password": "a guess"}
    assert [problem(await service.anywhere().post(LOGIN, json=guess)) for _ in range(4)][-1] == FULL
    found = [
        await change(client, NEW_PASSWORD, current) for current in (*["a guess"] * 4, PASSWORD)
    ]
    assert found == ["401 credentials-rejected"] * 3 + [FULL] * 2
