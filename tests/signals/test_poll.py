"""Receivers fetch events and acknowledge them (RFC 8936)."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import select, update
from tests.signals.receiver import (
    CREDENTIAL_CHANGE,
    OTHER_TOKEN,
    SESSION_REVOKED,
    TOKEN,
    VERIFICATION,
    bearer,
    signals,
    type_of,
    verified,
)
from tests.spec.service import Service, Start
from tests.webhooks.rows import deliver_again

from keyturn.database import now
from keyturn.outbox.history import retry
from keyturn.outbox.models import OutboxRow

pytestmark = pytest.mark.any_database

ON_SQLITE = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)


@pytest.fixture
def service_options() -> dict[str, Any]:
    found = signals(
        directory={"stream": "poll", "token": TOKEN},
        other={"stream": "poll", "token": OTHER_TOKEN, "events": ("session-revoked",)},
    )
    return {"signals": msgspec.structs.replace(found, poll_wait=timedelta(seconds=5))}


@pytest.fixture
def client(service: Service) -> httpx.AsyncClient:
    return service.anywhere(headers=bearer())


async def poll(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/signals/poll", json={"returnImmediately": True, **fields})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def reset(service: Service) -> None:
    assert (await service.reset(await service.link())).is_success
    await service.deliver()


async def states(service: Service) -> dict[str, tuple[str, str | None]]:
    rows = await service.rows(select(OutboxRow.__table__).where(OutboxRow.kind == "signal_directory"))
    return {row["key"]: (row["state"], row["reason"]) for row in rows}


async def test_events_are_fetched_until_they_are_acknowledged(service: Service, client: httpx.AsyncClient) -> None:
    assert await poll(client) == {"sets": {}, "moreAvailable": False}
    await reset(service)
    await deliver_again(service)  # a worker leaves them to the receiver
    first = await poll(client)
    jwks = (await client.get("/signals/jwks.json")).json()

    claims = {jti: verified(token, jwks) for jti, token in first["sets"].items()}
    assert sorted(map(type_of, claims.values())) == [CREDENTIAL_CHANGE, SESSION_REVOKED]
    assert all(claim["jti"] == jti for jti, claim in claims.items())
    assert (await poll(client))["sets"].keys() == first["sets"].keys()

    one, two = first["sets"]
    assert (await poll(client, ack=[one, "unknown"]))["sets"].keys() == {two}
    assert await poll(client, ack=[two]) == {"sets": {}, "moreAvailable": False}
    assert await states(service) == {one: ("sent", None), two: ("sent", None)}


async def test_a_receiver_gets_only_its_own_events_and_acknowledges_no_others(
    service: Service, client: httpx.AsyncClient
) -> None:
    await reset(service)
    other = service.anywhere(headers=bearer(OTHER_TOKEN))
    mine, others = (await poll(client))["sets"], (await poll(other))["sets"]
    assert len(others) == 1
    assert not mine.keys() & others.keys()
    assert (await service.anywhere().post("/signals/poll", json={})).status_code == 401

    await poll(other, ack=list(mine), setErrs={jti: {"err": "invalid_request"} for jti in mine})
    assert (await poll(client))["sets"].keys() == mine.keys()


@ON_SQLITE
async def test_a_receiver_says_how_many_events_it_takes(service: Service, client: httpx.AsyncClient) -> None:
    await reset(service)
    one = await poll(client, maxEvents=1)
    assert (len(one["sets"]), one["moreAvailable"]) == (1, True)
    rest = await poll(client, maxEvents=1, ack=list(one["sets"]))
    assert (len(rest["sets"]), rest["moreAvailable"]) == (1, False)
    # Only acknowledgements (RFC 8936, 2.4.2): the answer does not wait, either.
    async with asyncio.timeout(4):
        none = await poll(client, maxEvents=0, returnImmediately=False, ack=list(rest["sets"]))
    assert none == {"sets": {}, "moreAvailable": False}


@ON_SQLITE
async def test_an_answer_has_a_hundred_events_at_most(service: Service, client: httpx.AsyncClient) -> None:
    assert service.parts.signals
    stream = await service.parts.signals.streams.of("directory")
    assert stream
    for number in range(101):
        await service.parts.signals.verify(stream, str(number))

    answer = await poll(client, maxEvents=1_000)
    assert (len(answer["sets"]), answer["moreAvailable"]) == (100, True)
    jwks = (await client.get("/signals/jwks.json")).json()
    told = [verified(token, jwks)["events"][VERIFICATION]["state"] for token in answer["sets"].values()]
    assert told == [str(number) for number in range(100)], "the oldest first"


async def test_an_event_that_a_receiver_cannot_take_is_dead_until_an_operator_retries_it(
    service: Service, client: httpx.AsyncClient
) -> None:
    await reset(service)
    one, two = (await poll(client))["sets"]
    refused = {one: {"err": "invalid_key", "description": "no such\nkey"}}
    assert (await poll(client, setErrs=refused))["sets"].keys() == {two}
    assert await states(service) == {one: ("dead", "invalid_key: no suchkey"), two: ("waiting", None)}

    (row,) = await service.rows(select(OutboxRow.id).where(OutboxRow.key == one))
    await retry(service.parts.database, [row["id"]], now())
    await service.deliver()
    assert (await poll(client))["sets"].keys() == {one, two}


async def test_ids_that_no_event_has_are_ignored_and_nothing_is_logged(
    service: Service, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await reset(service)
    one, two = (await poll(client))["sets"]
    unknown = ["\0", f"{one}\0", one.upper() + "x", "é" * 32]
    rest = await poll(client, ack=[*unknown, one], setErrs={name + "y": {"err": "invalid_key"} for name in unknown})

    assert rest["sets"].keys() == {two}
    assert "event_refused" not in caplog.text


@pytest.mark.long
@ON_SQLITE
async def test_a_poll_waits_for_an_event(service: Service, client: httpx.AsyncClient) -> None:
    waiting = asyncio.create_task(poll(client, returnImmediately=False))
    await reset(service)

    assert len((await waiting)["sets"]) == 2


@ON_SQLITE
async def test_a_poll_ends_without_an_event(service: Service, start: Start) -> None:
    short = msgspec.structs.replace(service.parts.settings.signals, poll_wait=timedelta(milliseconds=50))
    client = (await start(signals=short)).anywhere(headers=bearer())

    assert await poll(client, returnImmediately=False) == {"sets": {}, "moreAvailable": False}


@ON_SQLITE
async def test_a_paused_stream_answers_nothing_and_a_later_poll_gets_it(
    service: Service, client: httpx.AsyncClient
) -> None:
    (stream,) = (await client.get("/signals/stream")).json()
    by_id = {"stream_id": stream["stream_id"]}
    await client.post("/signals/status", json=by_id | {"status": "paused"})
    await reset(service)
    async with asyncio.timeout(4):
        assert (await poll(client, returnImmediately=False))["sets"] == {}
    await client.post("/signals/status", json=by_id | {"status": "enabled"})

    assert len((await poll(client))["sets"]) == 2


async def test_events_that_nobody_fetches_end(service: Service, client: httpx.AsyncClient) -> None:
    await reset(service)
    hold = service.parts.settings.signals.hold
    (row, *_) = await service.rows(select(OutboxRow.available_at).where(OutboxRow.kind == "signal_directory"))
    assert timedelta(0) <= now() + hold - row["available_at"] < timedelta(minutes=1)
    earlier = now() - hold
    await service.write(update(OutboxRow).values(available_at=earlier, created_at=earlier))
    await service.deliver()

    assert set((await states(service)).values()) == {("dropped", "the receiver has not fetched it in time")}
    assert (await poll(client))["sets"] == {}


@pytest.mark.long
@ON_SQLITE
@pytest.mark.parametrize(
    "body",
    [
        {"maxEvents": -1},
        {"ack": ["x"] * 1_001},
        {"setErrs": {"x": "invalid_key"}},
        {"maxEvents": "many"},
    ],
    ids=lambda body: str(body)[:20],
)
async def test_a_malformed_poll_is_refused(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    assert (await client.post("/signals/poll", json=body)).status_code == 400
