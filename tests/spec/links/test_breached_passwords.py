"""Passwords that are known from a data leak: asked of a source that may be away, and never of a
dead link.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.driver.service import NEW_PASSWORD, NO_COOLDOWN, POLICY, Service, Start, change, problem
from tests.servers.databases import ON_SQLITE
from tests.servers.pwned_passwords import RangeServer, running_ranges, sha1_of

pytestmark = ON_SQLITE

LEAKED = "sixteen lost umbrellas"
LOOKUPS = "breach_lookups_total"


@pytest.fixture
async def ranges() -> AsyncIterator[RangeServer]:
    async with running_ranges() as server:
        server.leaked = {LEAKED: 1_204}
        yield server


@pytest.fixture
def service_options(ranges: RangeServer) -> dict[str, Any]:
    return {"password": {"breaches": ranges.url}, "limits": NO_COOLDOWN}


async def test_a_leaked_password_is_refused_at_a_reset_and_a_change_and_the_link_survives(
    service: Service,
) -> None:
    token, client = await service.link(), await service.sign_in()
    answer = await service.reset(token, LEAKED)
    assert problem(answer) == "422 password-rejected"
    assert answer.json()["violations"] == [
        {"rule": "breached", "message": "not a password from a known data leak"}
    ]
    assert await change(client, LEAKED) == "422 password-rejected"
    assert problem(await service.reset(token)) == "200"
    assert await service.figures(LOOKUPS) == {"breached": 2, "clear": 1}


async def test_the_source_learns_five_digits_and_its_padding_is_no_leak(
    service: Service, ranges: RangeServer
) -> None:
    ranges.leaked = {NEW_PASSWORD: 0}
    assert problem(await service.reset(await service.link())) == "200"
    ((path, headers),) = ranges.asked
    assert path == f"/range/{sha1_of(NEW_PASSWORD)[:5]}"
    assert headers["add-padding"] == "true"
    assert headers["user-agent"].startswith("keyturn/")
    assert sha1_of(NEW_PASSWORD)[5:] not in str(headers)


@pytest.mark.parametrize("is_there", [True, False], ids=["silent", "away"])
@pytest.mark.long
async def test_where_the_source_fails_the_password_is_taken_and_the_failure_counted(
    start: Start, ranges: RangeServer, is_there: bool, caplog: pytest.LogCaptureFixture
) -> None:
    ranges.is_silent = True
    service = await start(password={"breaches": ranges.url if is_there else "http://127.0.0.1:9"})
    assert problem(await service.reset(await service.link(), LEAKED)) == "200"
    assert await service.figures(LOOKUPS) == {"failed": 1}
    (line,) = [
        record.getMessage()
        for record in caplog.records
        if "breaches.unanswered" in record.getMessage()
    ]
    assert LEAKED not in line
    assert sha1_of(LEAKED)[:5] not in line
    assert len(ranges.asked) == is_there


async def test_nothing_is_asked_without_a_live_link_or_for_a_weak_one(
    service: Service, ranges: RangeServer
) -> None:
    used = await service.link()
    assert problem(await service.reset(used)) == "200"
    ranges.asked.clear()
    for token in (used, "x" * 43):
        assert problem(await service.reset(token, LEAKED)) == "400 link-dead"
    client = await service.sign_in(password=NEW_PASSWORD)
    for weak in ("short", "Summer2026!!!"):
        assert await change(client, weak, NEW_PASSWORD) == "422 password-rejected"
    assert ranges.asked == []


@pytest.mark.long
async def test_no_connection_of_the_database_is_held(service: Service, ranges: RangeServer) -> None:
    ranges.is_silent = is_held = True
    for tries in range(
        1, 6
    ):  # a busy machine may not be done with a request before the source is given up
        resetting = asyncio.create_task(service.reset(await service.link()))
        async with asyncio.timeout(10):
            while len(ranges.asked) < tries:
                await asyncio.sleep(0)
        await service.ask()  # which writes
        is_held = resetting.done()
        assert problem(await resetting) == "200"
        if not is_held:
            break
    assert not is_held


async def test_a_form_shows_the_rule_where_a_source_is_asked_alone(
    service: Service, start: Start
) -> None:
    shown = (await service.anywhere().get(POLICY, headers={"accept-language": "de"})).json()[
        "rules"
    ][-1]
    assert (shown["name"], shown["message"]) == (
        "breached",
        "keines, das aus einem Datenleck bekannt ist",
    )
    assert "breached" not in (await (await start()).anywhere().get(POLICY)).text
