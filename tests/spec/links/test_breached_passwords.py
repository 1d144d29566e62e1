"""Passwords that are known from a data leak: asked of a source that may be away, and never of a dead link."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.driver.service import CHANGE, NEW_PASSWORD, PASSWORD, POLICY, Service, Start, problem
from tests.servers.databases import ON_SQLITE
from tests.servers.pwned_passwords import Fault, RangeServer, running_ranges, sha1_of

pytestmark = ON_SQLITE

LEAKED = "sixteen lost umbrellas"
MORE_THAN_CONNECTIONS = 12
"""The pool has ten connections to PostgreSQL, and SQLite has one that writes."""

BREACHED = {"rule": "breached", "message": "not a password from a known data leak"}


@pytest.fixture
async def ranges() -> AsyncIterator[RangeServer]:
    async with running_ranges() as server:
        server.leaked = {LEAKED: 1_204}
        yield server


def asking(server: RangeServer) -> dict[str, str]:
    return {"breaches": server.url}


async def lookups(service: Service) -> dict[str, float]:
    figures = await service.metrics()
    name = "keyturn_breach_lookups_total{outcome="
    lines = (line.removeprefix(name).split("} ") for line in figures.splitlines() if line.startswith(name))
    return {outcome.strip('"'): float(count) for outcome, count in lines}


async def test_a_leaked_password_is_refused_and_the_link_survives(start: Start, ranges: RangeServer) -> None:
    service = await start(password=asking(ranges))
    token = await service.link()

    answer = await service.reset(token, LEAKED)
    assert problem(answer) == "422 password-rejected"
    assert answer.json()["violations"] == [BREACHED]
    assert problem(await service.reset(token)) == "200"
    assert await lookups(service) == {"breached": 1, "clear": 1}


async def test_the_source_learns_five_digits_of_a_hash_and_who_asks_and_pads_its_answer(
    start: Start, ranges: RangeServer
) -> None:
    service = await start(password=asking(ranges))
    await service.reset(await service.link())

    ((path, headers),) = ranges.asked
    assert path == f"/range/{sha1_of(NEW_PASSWORD)[:5]}"
    assert headers["add-padding"] == "true"
    assert headers["user-agent"].startswith("keyturn/")
    assert sha1_of(NEW_PASSWORD)[5:] not in str(headers)


async def test_padding_is_no_leak(start: Start, ranges: RangeServer) -> None:
    ranges.leaked = {NEW_PASSWORD: 0}
    service = await start(password=asking(ranges))

    assert problem(await service.reset(await service.link())) == "200"


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.long
async def test_where_the_source_fails_the_password_is_taken_and_the_failure_counted(
    start: Start, ranges: RangeServer, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    ranges.fault = fault
    service = await start(password=asking(ranges))

    assert problem(await service.reset(await service.link(), LEAKED)) == "200"
    assert await lookups(service) == {"failed": 1}
    (line,) = [record.getMessage() for record in caplog.records if "breaches.unanswered" in record.getMessage()]
    assert LEAKED not in line
    assert sha1_of(LEAKED)[:5] not in line
    assert len(ranges.asked) == 1, "no answer leads elsewhere"


async def test_where_nothing_listens_the_password_is_taken(start: Start) -> None:
    service = await start(password={"breaches": "http://127.0.0.1:9"})

    assert problem(await service.reset(await service.link(), LEAKED)) == "200"
    assert await lookups(service) == {"failed": 1}


async def test_nothing_is_asked_without_a_live_link_or_for_what_is_refused_anyway(
    start: Start, ranges: RangeServer
) -> None:
    service = await start(password=asking(ranges))
    used = await service.link()
    assert problem(await service.reset(used)) == "200"
    ranges.asked.clear()

    for token in (used, "x" * 43):
        assert problem(await service.reset(token, LEAKED)) == "400 link-dead"
    client = await service.sign_in(password=NEW_PASSWORD)
    for weak in ("short", "Summer2026!!!"):
        body = {"currentPassword": NEW_PASSWORD, "newPassword": weak}
        assert problem(await client.post(CHANGE, json=body)) == "422 password-rejected"
    assert ranges.asked == []


@pytest.mark.long
async def test_no_connection_of_the_database_is_held(start: Start, ranges: RangeServer) -> None:
    service = await start(password=asking(ranges), limits={"mailbox_cooldown": timedelta(0)})
    links = [await service.link() for _ in range(MORE_THAN_CONNECTIONS)]
    ranges.fault = Fault.SILENT
    resetting = [asyncio.create_task(service.reset(link)) for link in links]
    async with asyncio.timeout(10):
        while len(ranges.asked) < len(links):
            await asyncio.sleep(0)

    await service.ask()  # which writes
    assert not any(one.done() for one in resetting)
    assert sorted([problem(await one) for one in resetting]) == ["200"] + ["400 link-dead"] * (len(links) - 1)


async def test_a_change_of_a_password_is_compared_too(start: Start, ranges: RangeServer) -> None:
    service = await start(password=asking(ranges))
    client = await service.sign_in()

    answer = await client.post(CHANGE, json={"currentPassword": PASSWORD, "newPassword": LEAKED})
    assert answer.json()["violations"] == [BREACHED]


async def test_a_form_shows_the_rule_where_a_source_is_asked_alone(start: Start, ranges: RangeServer) -> None:
    asking_one, plain = await start(password=asking(ranges)), await start()

    german = {"accept-language": "de"}
    shown = (await asking_one.anywhere().get(POLICY, headers=german)).json()["rules"][-1]
    assert (shown["name"], shown["message"]) == ("breached", "keines, das aus einem Datenleck bekannt ist")
    assert "breached" not in (await plain.anywhere().get(POLICY)).text
