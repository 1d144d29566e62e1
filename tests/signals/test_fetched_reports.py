"""A worker fetches reports from a transmitter that does not push them (RFC 8936)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.signals.test_reports import HIJACKED, is_blocked, push, reported
from tests.signals.transmitter import Transmitter, key
from tests.spec.service import ADA, GRACE, Service, Start

from keyturn.errors import SendRetryable
from keyturn.problems.requests import Unavailable
from keyturn.signals import polling

pytestmark = pytest.mark.any_database

ON_SQLITE = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)


@pytest.fixture
def service_options(transmitter: Transmitter) -> dict[str, Any]:
    return {"signals": transmitter.polled(timeout=timedelta(seconds=5))}


def waiting(transmitter: Transmitter, *claims: dict[str, Any], **header: Any) -> None:
    transmitter.events |= {one["jti"]: transmitter.sign(one, **header) for one in claims}


async def drain(service: Service) -> None:
    assert service.parts.reports
    for poller in service.parts.reports.pollers:
        await poller.drain()


async def test_events_are_fetched_kept_and_then_acknowledged(service: Service, transmitter: Transmitter) -> None:
    event = transmitter.event(**HIJACKED)
    waiting(transmitter, event, *(transmitter.event("https://example.test/other") for _ in range(30)))
    await drain(service)

    assert await is_blocked(service)
    assert transmitter.events == {}
    assert len(transmitter.acknowledged) == 31
    assert [poll["maxEvents"] for poll in transmitter.polls] == [25, 25, 25]
    assert all(poll["returnImmediately"] for poll in transmitter.polls)
    assert "ack" not in transmitter.polls[0], "no event is acknowledged before it is kept"


async def test_an_event_that_is_repeated_after_a_lost_acknowledgement_counts_once(
    service: Service, transmitter: Transmitter
) -> None:
    event = transmitter.event(**HIJACKED)
    waiting(transmitter, event)
    await drain(service)
    waiting(transmitter, event)
    await drain(service)

    assert len(await reported(service)) == 1
    assert transmitter.acknowledged == [event["jti"]] * 2


async def test_a_refused_event_is_reported_and_the_others_go_on(service: Service, transmitter: Transmitter) -> None:
    wrong, event = transmitter.event(**HIJACKED) | {"aud": "other"}, transmitter.event(**HIJACKED)
    waiting(transmitter, wrong, event)
    await drain(service)

    assert await is_blocked(service)
    assert transmitter.acknowledged == [event["jti"]]
    assert transmitter.refused[wrong["jti"]]["err"] == "invalid_audience"


async def test_an_event_that_cannot_be_judged_stays_with_the_transmitter(
    service: Service, transmitter: Transmitter
) -> None:
    transmitter.answer = 500
    waiting(transmitter, transmitter.event(**HIJACKED))
    with pytest.raises(Unavailable):
        await drain(service)

    assert len(transmitter.events) == 1
    assert transmitter.acknowledged == []
    assert transmitter.polls[-1]["maxEvents"] == 0, "what was decided is told, and no more is asked for"


async def test_one_event_of_an_unknown_key_does_not_hold_up_the_others(
    service: Service, transmitter: Transmitter
) -> None:
    waiting(transmitter, transmitter.event("https://example.test/other"))
    await drain(service)
    transmitter.published["two"] = key(1)
    waiting(transmitter, late := transmitter.event(**HIJACKED), kid="two")
    waiting(transmitter, event := transmitter.event(**HIJACKED))
    with pytest.raises(Unavailable):
        await drain(service)

    assert await is_blocked(service)
    assert transmitter.acknowledged[1:] == [event["jti"]]
    assert transmitter.events.keys() == {late["jti"]}


async def test_events_that_are_repeated_after_their_end_wait_for_the_next_time(
    service: Service, transmitter: Transmitter, caplog: pytest.LogCaptureFixture
) -> None:
    transmitter.forgets_nothing = True
    waiting(transmitter, transmitter.event(**HIJACKED) | {"aud": "other"}, transmitter.event(**HIJACKED))
    for _ in range(3):
        async with asyncio.timeout(10):
            await drain(service)

    assert len(transmitter.polls) == 6
    refusals = [record for record in caplog.records if "signals.refused" in str(record.msg)]
    assert len(refusals) == 1, "at most one line a minute"


async def test_a_transmitter_that_has_events_without_end_is_left_alone_for_a_while(
    service: Service, transmitter: Transmitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "_MOST_ROUNDS", 3)
    waiting(transmitter, *(transmitter.event("https://example.test/other") for _ in range(80)))
    await drain(service)

    assert [poll["maxEvents"] for poll in transmitter.polls] == [25, 25, 25, 0]
    assert len(transmitter.acknowledged) == 75


async def test_an_error_with_one_event_does_not_hold_up_the_others(
    service: Service, transmitter: Transmitter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waiting(transmitter, broken := transmitter.event(subject={"format": "email", "email": GRACE}, reason="hijacking"))
    waiting(transmitter, event := transmitter.event(**HIJACKED))
    find = service.parts.accounts.find

    async def find_some(address: str) -> Any:
        if address == GRACE:
            raise ArithmeticError
        return await find(address)

    monkeypatch.setattr(service.parts.accounts, "find", find_some)
    with pytest.raises(Unavailable):
        await drain(service)

    assert await is_blocked(service)
    assert transmitter.acknowledged == [event["jti"]]
    assert transmitter.events.keys() == {broken["jti"]}
    assert any(record.exc_info for record in caplog.records)


async def test_an_answer_may_have_the_longest_events_and_take_its_time(
    service: Service, transmitter: Transmitter
) -> None:
    transmitter.delay = 1.2
    padding = "x" * 47_000
    waiting(transmitter, *(transmitter.event("https://example.test/other", padding=padding) for _ in range(25)))
    assert sum(map(len, transmitter.events.values())) > 25 * 60_000
    await drain(service)

    assert len(transmitter.acknowledged) == 25


@pytest.mark.parametrize("status", [401, 404, 500, 302])
async def test_a_poll_that_fails_is_not_an_empty_one(service: Service, transmitter: Transmitter, status: int) -> None:
    transmitter.poll_status = status
    with pytest.raises(SendRetryable, match=str(status)):
        await drain(service)


async def test_a_polled_transmitter_cannot_push(service: Service, transmitter: Transmitter) -> None:
    assert (await push(service, transmitter.sign(transmitter.event(**HIJACKED)))).status_code == 404


@pytest.mark.long
async def test_a_worker_polls_and_goes_on_after_failures(
    start: Start, transmitter: Transmitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "_PAUSE", 0.02)
    transmitter.poll_status = 500
    service = await start(signals=transmitter.polled(), working=True)
    waiting(transmitter, transmitter.event(**HIJACKED))
    async with asyncio.timeout(10):
        while len(transmitter.polls) < 2:
            await asyncio.sleep(0.01)
        transmitter.poll_status = 200
        while not await is_blocked(service, ADA):
            await asyncio.sleep(0.02)
