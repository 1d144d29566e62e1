"""Errors are RFC 9457 documents with a stable type, and tell nothing of the inside."""

import logging
import re
from collections.abc import AsyncIterator

import httpx2
import pytest
from tests.driver.database import lose_database
from tests.driver.elsewhere import Elsewhere, Faulty
from tests.driver.routes import CHANGE, LOGIN, LOGOUT, ME, POLICY, REQUEST, RESET, VALIDATE
from tests.driver.service import (
    ADA,
    NEW_PASSWORD,
    NO_COOLDOWN,
    NOBODY,
    PASSWORD,
    Service,
    Start,
    problem,
)
from tests.servers.databases import ON_SQLITE, Databases

from keyturn import Account

pytestmark = pytest.mark.any_database

POSTS = (
    REQUEST,
    "/api/auth/forgot-password",
    VALIDATE,
    "/api/auth/verify-reset-token",
    RESET,
    CHANGE,
    LOGIN,
    LOGOUT,
)
GETS = (ME, POLICY, "/health/live", "/health/ready")
ROUTES = dict.fromkeys((*POSTS, "/api/auth/reset-password-with-token"), "POST") | dict.fromkeys(
    GETS, "GET"
)


async def refusals(start: Start) -> list[httpx2.Response]:
    """Return an answer of each kind by which a service refuses what one asks of it."""
    service = await start(limits={"request": "1/minute"})
    client, guest = await service.sign_in(), service.anywhere()
    login = {"email": ADA, "password": PASSWORD}
    weak = {"token": await service.link(), "newPassword": "short"}
    foreign = {"Origin": "https://evil.test"}
    await client.post(REQUEST, json={"email": NOBODY})
    return [
        await guest.post(REQUEST, json={}),
        await guest.post(RESET, json={"token": "x", "newPassword": NEW_PASSWORD}),
        await guest.post(LOGIN, json=login | {"password": "a guess"}),
        await guest.get(ME),
        await guest.post(LOGIN, json=login, headers=foreign),
        await guest.get("/api/auth/nothing"),
        await guest.get(LOGIN),
        await guest.post(
            LOGIN, content=b" " * 100_000, headers={"Content-Type": "application/json"}
        ),
        await guest.post(LOGIN, data=login),
        await guest.post(RESET, json=weak),
        await client.post(REQUEST, json={"email": NOBODY}),
    ]


async def test_every_kind_of_refusal_has_a_type_of_its_own(start: Start) -> None:
    assert [problem(answer) for answer in await refusals(start)] == [
        "400 invalid-input",
        "400 link-dead",
        "401 credentials-rejected",
        "401 not-signed-in",
        "403 origin-refused",
        "404 not-found",
        "405 method-not-allowed",
        "413 too-large",
        "415 unsupported-media-type",
        "422 password-rejected",
        "429 too-many-requests",
    ]


@ON_SQLITE
async def test_a_refused_method_says_which_are_allowed(service: Service) -> None:
    client = service.anywhere()
    for route, method in ROUTES.items():
        refused, options = [await client.request(other, route) for other in ("DELETE", "OPTIONS")]
        assert problem(refused) == "405 method-not-allowed"
        assert options.status_code == 204
        for answer in (refused, options):
            assert method in answer.headers["allow"].split(", ")


@ON_SQLITE
async def test_no_answer_is_kept_by_a_cache(service: Service) -> None:
    client = await service.sign_in()
    answers = [await client.request(method, route) for route, method in ROUTES.items()]
    answers += [
        await client.post(LOGIN, json={"email": ADA, "password": PASSWORD}),
        await client.post(VALIDATE, json={"token": "x"}),
        await client.post(REQUEST, json={"email": ADA}),
        await client.get("/api/auth/nothing"),
        await client.delete(ME),
        await client.post(LOGIN, content=b"x" * 100_000),
    ]
    assert {answer.status_code for answer in answers} >= {200, 202, 400, 404, 405, 413}
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store", answer.url
        assert answer.headers["x-content-type-options"] == "nosniff", answer.url


@ON_SQLITE
async def test_a_body_that_is_too_large_is_refused_however_it_comes(service: Service) -> None:
    async def in_pieces() -> AsyncIterator[bytes]:
        yield b'{"email": "'
        for _ in range(100):
            yield b"x" * 10_000

    as_json = {"Content-Type": "application/json"}
    for content in (b"x" * 1_000_000, in_pieces()):
        answer = await service.anywhere().post(REQUEST, content=content, headers=as_json)
        assert problem(answer) == "413 too-large"


async def test_a_fault_of_ours_is_told_in_full_to_the_log_alone(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    service = await start(store=Faulty(Account(id="u-1", email=ADA)))
    token = await service.link()
    with caplog.at_level(logging.ERROR):
        answer = await service.anywhere().post(VALIDATE, json={"token": token})
    assert problem(answer) == "500 internal"
    assert answer.json().keys() <= {"type", "title", "status", "instance"}
    for word in ("inside", "RuntimeError", "Traceback", "links", ".py"):
        assert word not in answer.text
    assert "the inside of the store" in caplog.text
    assert (await service.figures("requests_total"))["validate,failed"] == 1
    assert answer.headers["cache-control"] == "no-store"


async def test_a_flood_that_is_refused_writes_one_line_a_minute(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    store = Elsewhere(Account(id="u-1", email=ADA))
    service = await start(store=store, limits=NO_COOLDOWN)
    first, second = await service.link(), await service.link()
    change = await store.hold(service.reset(first))
    with caplog.at_level(logging.INFO, "keyturn.http"):
        answers = [await service.reset(second) for _ in range(20)]
    store.open.set()
    assert (await change).status_code == 200
    assert {problem(answer) for answer in answers} == {"503 busy"}
    assert all(answer.headers["x-request-id"] for answer in answers)
    written = [
        (one.levelname, one.getMessage().partition(" ")[0])
        for one in caplog.records
        if one.name == "keyturn.http"
    ]
    assert written == [("WARNING", "request.busy")]


async def test_unanswered_requests_write_one_error_a_minute_and_cause_with_their_number(
    start: Start, databases: Databases, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = Elsewhere(Account(id="u-1", email=ADA))
    service = await start(store=store, limits={"in_memory": True})
    checked = {"token": await service.link()}
    store.is_away = True
    with caplog.at_level(logging.INFO, "keyturn.http"):
        answers = [await service.anywhere().post(VALIDATE, json=checked)]
        await lose_database(service, databases.drop, database_url)
        answers += [await service.anywhere().post(VALIDATE, json=checked) for _ in range(20)]
        service.let_time_pass(minutes=1)
        answers.append(await service.anywhere().post(VALIDATE, json=checked))
    assert {problem(answer) for answer in answers} == {"503 unavailable"}
    written = [one.getMessage() for one in caplog.records if one.name == "keyturn.http"]
    assert [re.sub(" reason=.+ count", " count", line) for line in written] == [
        "request.failed error=AccountsUnready count=1",
        "request.failed error=DatabaseUnready count=1",
        "request.failed error=DatabaseUnready count=20",
    ]
    assert "reason=the database of the accounts cannot be reached" in written[0]
