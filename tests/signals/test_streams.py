"""Receivers find the transmitter, and make, read, change, pause and delete their stream (SSF 1.0, 7 and 8)."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select, update
from tests.signals.receiver import (
    AUDIENCE,
    CHANGE_REQUIRED,
    CREDENTIAL_CHANGE,
    ISSUER,
    OTHER_TOKEN,
    SESSION_REVOKED,
    TOKEN,
    VERIFICATION,
    Receiver,
    bearer,
    signals,
)
from tests.spec.service import PASSWORD, Service, Start
from tests.webhooks.app import Answer
from tests.webhooks.rows import deliver_again

from keyturn.doctor.secret_keys import check_previous_keys
from keyturn.outbox.models import OutboxRow
from keyturn.settings import Secret
from keyturn.signals.streams import StreamRow

pytestmark = pytest.mark.any_database

ON_SQLITE = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

PUSH, POLL = "urn:ietf:rfc:8935", "urn:ietf:rfc:8936"


@pytest.fixture
def service_options(receiver: Receiver) -> dict[str, Any]:
    return {
        "signals": signals(
            workspace={"stream": "api", "token": TOKEN, "push_to": Secret(receiver.address)},
            directory={"stream": "poll", "token": OTHER_TOKEN},
        )
    }


@pytest.fixture(autouse=True)
async def knows_keys(service: Service, receiver: Receiver) -> None:
    receiver.jwks = (await service.anywhere().get("/signals/jwks.json")).json()


@pytest.fixture
def client(service: Service) -> httpx.AsyncClient:
    return service.anywhere(headers=bearer())


def push(receiver: Receiver, **fields: Any) -> dict[str, Any]:
    """Return the example of SSF 1.0, 8.1.1.1, with this receiver's address and events."""
    delivery = {"method": PUSH, "endpoint_url": receiver.url, "authorization_header": "Bearer chosen"}
    wanted = [SESSION_REVOKED, "urn:example:secevent:events:type_4"]
    return {"delivery": delivery, "events_requested": wanted, "description": "Stream for Receiver A"} | fields


async def reset(service: Service) -> None:
    assert (await service.reset(await service.link())).is_success
    await service.deliver()


async def states(service: Service, kind: str = "signal_workspace") -> list[tuple[str, str | None]]:
    rows = await service.rows(select(OutboxRow.__table__).order_by(OutboxRow.id))
    return [(row["state"], row["reason"]) for row in rows if row["kind"] == kind]


@ON_SQLITE
async def test_the_metadata_has_what_the_profile_requires(service: Service) -> None:
    answer = await service.anywhere().get("/.well-known/ssf-configuration")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "spec_version": "1_0",
        "issuer": ISSUER,
        "jwks_uri": f"{ISSUER}/signals/jwks.json",
        "delivery_methods_supported": [PUSH, POLL],
        "configuration_endpoint": f"{ISSUER}/signals/stream",
        "status_endpoint": f"{ISSUER}/signals/status",
        "verification_endpoint": f"{ISSUER}/signals/verify",
        "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6749"}, {"spec_urn": "urn:ietf:rfc:6750"}],
        "default_subjects": "ALL",
    }


@ON_SQLITE
async def test_without_receivers_there_are_no_routes(start: Start) -> None:
    service = await start()
    for path in ("/.well-known/ssf-configuration", "/signals/jwks.json", "/signals/stream"):
        assert (await service.anywhere().get(path)).status_code == 404


async def test_a_receiver_makes_a_stream_and_gets_what_it_asked_for(
    service: Service, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = await client.post("/signals/stream", json=push(receiver))
    assert made.status_code == 201, made.text
    stream = made.json()
    assert len(stream.pop("stream_id")) == 32
    assert stream == {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "delivery": push(receiver)["delivery"],
        "events_supported": [SESSION_REVOKED, CREDENTIAL_CHANGE, CHANGE_REQUIRED],
        "events_requested": push(receiver)["events_requested"],
        "events_delivered": [SESSION_REVOKED],
        "min_verification_interval": 30,
        "description": "Stream for Receiver A",
    }
    await reset(service)

    assert receiver.types == [SESSION_REVOKED]
    assert receiver.told[0].headers["authorization"] == "Bearer chosen"


async def test_a_receiver_has_one_stream_and_reads_it_as_it_was_made(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    assert (await client.get("/signals/stream")).json() == []
    made = (await client.post("/signals/stream", json=push(receiver))).json()

    assert (await client.post("/signals/stream", json={})).status_code == 409
    assert (await client.get("/signals/stream")).json() == [made]
    assert (await client.get("/signals/stream", params={"stream_id": made["stream_id"]})).json() == made
    assert (await client.get("/signals/stream", params={"stream_id": "another"})).status_code == 404


@ON_SQLITE
async def test_a_stream_without_a_delivery_is_polled(client: httpx.AsyncClient) -> None:
    made = (await client.post("/signals/stream", json={})).json()

    assert made["delivery"] == {"method": POLL, "endpoint_url": f"{ISSUER}/signals/poll"}
    assert "events_requested" not in made
    assert made["events_delivered"] == made["events_supported"]


async def test_patch_keeps_what_was_not_sent_and_put_does_not(client: httpx.AsyncClient, receiver: Receiver) -> None:
    made = (await client.post("/signals/stream", json=push(receiver))).json()
    change = {"stream_id": made["stream_id"], "description": "Stream for Receiver B", "iss": ISSUER}

    patched = await client.patch("/signals/stream", json=change)
    assert patched.status_code == 200, patched.text
    assert patched.json() == made | {"description": "Stream for Receiver B"}

    replaced = await client.put("/signals/stream", json=change)
    assert replaced.status_code == 200, replaced.text
    assert replaced.json()["delivery"]["method"] == POLL
    assert "events_requested" not in replaced.json()


@pytest.mark.long
@ON_SQLITE
@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://other.test"},
        {"aud": "https://other.test"},
        {"events_delivered": [CREDENTIAL_CHANGE]},
        {"events_requested": "all"},
        {"description": "x" * 201},
        {"delivery": {"method": "urn:example:pigeon"}},
        {"delivery": {"method": PUSH}},
        {"delivery": {"method": PUSH, "endpoint_url": "http://169.254.169.254/latest"}},
        {"delivery": {"method": PUSH, "endpoint_url": "ORIGIN@evil.test/"}},
        {"delivery": {"method": PUSH, "endpoint_url": "ORIGIN.evil.test/"}},
        {"delivery": {"method": PUSH, "endpoint_url": "http://[::1"}},
        {"delivery": {"method": PUSH, "endpoint_url": "ORIGIN/", "authorization_header": "a\r\nb: c"}},
        {"delivery": {"method": PUSH, "endpoint_url": "ORIGIN/", "authorization_header": "x" * 2_001}},
    ],
    ids=lambda change: str(change)[:60],
)
async def test_what_a_receiver_may_not_choose_changes_nothing(
    client: httpx.AsyncClient, receiver: Receiver, change: dict[str, Any]
) -> None:
    if endpoint := change.get("delivery", {}).get("endpoint_url"):
        delivery = change["delivery"] | {"endpoint_url": endpoint.replace("ORIGIN", receiver.address)}
        change = {"delivery": delivery}
    made = (await client.post("/signals/stream", json=push(receiver))).json()

    refused = await client.patch("/signals/stream", json={"stream_id": made["stream_id"], **change})

    assert refused.status_code == 400
    assert (await client.get("/signals/stream")).json() == [made]


@pytest.mark.long
@ON_SQLITE
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"events_requested": [1]}', b"[" * 5_000])
async def test_a_body_that_cannot_be_read_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    for path in ("stream", "status", "verify"):
        answer = await client.post(f"/signals/{path}", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400, answer.text


@ON_SQLITE
async def test_only_the_token_of_a_receiver_opens_its_stream(service: Service, client: httpx.AsyncClient) -> None:
    made = (await client.post("/signals/stream", json={})).json()
    by_id = {"stream_id": made["stream_id"]}
    for headers, status in (({}, 401), (bearer("wrong"), 401), (bearer(""), 401), (bearer(OTHER_TOKEN), 404)):
        other = service.anywhere(headers=headers)
        answers = [
            await other.get("/signals/stream", params=by_id),
            await other.patch("/signals/stream", json=by_id),
            await other.put("/signals/stream", json=by_id),
            await other.delete("/signals/stream", params=by_id),
            await other.get("/signals/status", params=by_id),
            await other.post("/signals/status", json=by_id | {"status": "disabled"}),
            await other.post("/signals/verify", json=by_id),
        ]
        assert {answer.status_code for answer in answers} == {status}
        assert status == 404 or {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}
    assert (await service.anywhere().get("/signals/stream", params={"access_token": TOKEN})).status_code == 401


@pytest.mark.long
@ON_SQLITE
async def test_who_guesses_tokens_meets_the_limit(service: Service) -> None:
    guesser = service.at("192.0.2.9", headers=bearer("wrong"))
    answers = [(await guesser.get("/signals/stream")).status_code for _ in range(200)]

    assert answers[-1] == 429


async def test_a_paused_stream_keeps_its_events_for_later(
    service: Service, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = (await client.post("/signals/stream", json=push(receiver))).json()
    by_id = {"stream_id": made["stream_id"]}
    paused = await client.post("/signals/status", json=by_id | {"status": "paused", "reason": "Maintenance\n."})
    assert paused.json() == by_id | {"status": "paused", "reason": "Maintenance."}
    assert (await client.get("/signals/status", params=by_id)).json() == paused.json()
    await reset(service)
    assert (receiver.told, await states(service)) == ([], [("waiting", None)])

    assert (await client.post("/signals/status", json=by_id | {"status": "enabled"})).is_success
    await service.deliver()

    assert receiver.types == [SESSION_REVOKED]


@ON_SQLITE
async def test_an_event_that_failed_waits_too_while_the_stream_is_paused(
    service: Service, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = (await client.post("/signals/stream", json=push(receiver))).json()
    receiver.coming.append(Answer(503))
    await reset(service)
    await client.post("/signals/status", json={"stream_id": made["stream_id"], "status": "paused"})
    await deliver_again(service)
    assert len(receiver.told) == 1

    await client.post("/signals/status", json={"stream_id": made["stream_id"], "status": "enabled"})
    await service.deliver()

    assert receiver.types == [SESSION_REVOKED]


async def test_a_disabled_stream_keeps_nothing(service: Service, client: httpx.AsyncClient, receiver: Receiver) -> None:
    made = (await client.post("/signals/stream", json=push(receiver))).json()
    by_id = {"stream_id": made["stream_id"]}
    await client.post("/signals/status", json=by_id | {"status": "paused"})
    await reset(service)
    await client.post("/signals/status", json=by_id | {"status": "disabled"})
    await service.deliver()
    assert await states(service) == [("dropped", "the receiver has no stream, or has disabled it")]

    await client.post("/signals/status", json=by_id | {"status": "enabled"})
    await service.deliver()
    assert receiver.told == []


async def test_a_deleted_stream_keeps_nothing_and_can_be_made_again(
    service: Service, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = (await client.post("/signals/stream", json={})).json()
    await reset(service)
    assert [state for state, _ in await states(service)] == ["waiting"] * 2

    deleted = await client.delete("/signals/stream", params={"stream_id": made["stream_id"]})
    assert (deleted.status_code, deleted.content) == (204, b"")
    await service.deliver()

    assert [state for state, _ in await states(service)] == ["dropped"] * 2
    assert (await client.get("/signals/stream")).json() == []
    again = await client.post("/signals/stream", json=push(receiver))
    assert again.status_code == 201
    assert again.json()["stream_id"] != made["stream_id"]


@ON_SQLITE
async def test_a_stream_that_changes_from_poll_to_push_pushes_what_waits(
    service: Service, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = (await client.post("/signals/stream", json={})).json()
    await reset(service)
    change = {"stream_id": made["stream_id"], "delivery": push(receiver)["delivery"]}
    assert (await client.patch("/signals/stream", json=change)).is_success
    await service.deliver()

    assert set(receiver.types) == {SESSION_REVOKED, CREDENTIAL_CHANGE}


async def test_a_verification_event_has_the_state_and_names_the_stream(
    service: Service, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = (await client.post("/signals/stream", json=push(receiver))).json()
    asked = {"stream_id": made["stream_id"], "state": "VGhpcyBpcyBhbiBleGFtcGxlIHN0YXRlIHZhbHVlLgo="}
    answer = await client.post("/signals/verify", json=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    await service.deliver()

    (claims,) = receiver.accepted
    # SSF 1.0, "Example: Verification SET"
    assert claims["sub_id"] == {"format": "opaque", "id": made["stream_id"]}
    assert claims["events"] == {VERIFICATION: {"state": asked["state"]}}
    assert claims["aud"] == AUDIENCE

    hasty = await client.post("/signals/verify", json=asked)
    assert (hasty.status_code, hasty.headers["retry-after"]) == (429, "30")
    await service.write(update(StreamRow).values(verified_at=None))
    del asked["state"]
    assert (await client.post("/signals/verify", json=asked)).status_code == 204
    await service.deliver()
    assert receiver.accepted[-1]["events"] == {VERIFICATION: {}}


@ON_SQLITE
async def test_a_verification_that_cannot_be_sent_is_refused(client: httpx.AsyncClient) -> None:
    made = (await client.post("/signals/stream", json={})).json()
    by_id = {"stream_id": made["stream_id"]}
    assert (await client.post("/signals/verify", json=by_id | {"state": "x" * 1_025})).status_code == 400
    await client.post("/signals/status", json=by_id | {"status": "disabled"})
    assert (await client.post("/signals/verify", json=by_id)).status_code == 400


async def test_a_stream_of_the_settings_can_only_be_paused(service: Service) -> None:
    client = service.anywhere(headers=bearer(OTHER_TOKEN))
    (stream,) = (await client.get("/signals/stream")).json()
    by_id = {"stream_id": stream["stream_id"]}

    assert (await client.post("/signals/stream", json={})).status_code == 409
    assert (await client.patch("/signals/stream", json=by_id)).status_code == 403
    assert (await client.put("/signals/stream", json=by_id)).status_code == 403
    assert (await client.delete("/signals/stream", params=by_id)).status_code == 403
    paused = await client.post("/signals/status", json=by_id | {"status": "paused"})
    assert paused.json()["status"] == "paused"
    assert (await client.get("/signals/stream")).json() == [stream]


@ON_SQLITE
async def test_the_operators_authorization_is_not_shown_to_the_receiver(start: Start, receiver: Receiver) -> None:
    pushed = {"push_to": Secret(receiver.url), "authorization": Secret("Bearer secret"), "token": TOKEN}
    service = await start(signals=signals(workspace=pushed))

    assert "secret" not in (await service.anywhere(headers=bearer()).get("/signals/stream")).text


async def test_a_stream_survives_a_restart_and_its_secret_is_encrypted(
    service: Service, start: Start, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = (await client.post("/signals/stream", json=push(receiver))).json()
    (row,) = await service.rows(select(StreamRow.__table__))
    assert b"chosen" not in row["choice"]

    later = await start(signals=service.parts.settings.signals)
    assert (await later.anywhere(headers=bearer()).get("/signals/stream")).json() == [made]


async def test_a_lost_key_costs_the_stream_but_no_reset(
    service: Service, start: Start, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    assert (await client.post("/signals/stream", json=push(receiver))).status_code == 201
    rekeyed = await start(signals=service.parts.settings.signals, secret_key=Secret("fedcba9876543210" * 4))
    await reset(rekeyed)
    new = rekeyed.anywhere(headers=bearer())

    assert (await new.get("/signals/stream")).json() == []
    assert (await new.post("/signals/stream", json=push(receiver))).status_code == 201
    assert (await rekeyed.reset(await rekeyed.link(), PASSWORD)).is_success
    await rekeyed.deliver()
    assert receiver.types == [SESSION_REVOKED]


@ON_SQLITE
async def test_a_new_secret_key_takes_the_streams_over(
    service: Service, start: Start, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = (await client.post("/signals/stream", json=push(receiver))).json()
    old, new = service.parts.settings.secret_key, Secret("fedcba9876543210" * 4)
    settings = service.parts.settings.signals
    between = await start(signals=settings, secret_key=new, previous_secret_keys=(old,))
    assert between.parts.signals
    (needed,) = await check_previous_keys(between.parts.settings)
    assert needed.message == "previous_secret_keys: streams of shared signals need one of them: 1"
    await between.parts.signals.streams.seal_again()
    assert [finding.verdict for finding in await check_previous_keys(between.parts.settings)] == ["ok"]

    after = await start(signals=settings, secret_key=new)
    assert (await after.anywhere(headers=bearer()).get("/signals/stream")).json() == [made]


async def test_a_chosen_address_is_pushed_to_only_while_the_settings_allow_its_origin(
    service: Service, start: Start, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    assert (await client.post("/signals/stream", json=push(receiver))).status_code == 201
    receiver.coming.append(Answer(503))
    await reset(service)
    told = len(receiver.told)

    moved = signals(workspace={"stream": "api", "token": TOKEN, "push_to": Secret("https://elsewhere.test")})
    later = await start(signals=moved)
    await deliver_again(later)
    assert len(receiver.told) == told, "the operator trusts that host no more"
    assert [state for state, _ in await states(later)] == ["dropped"]
    assert (await later.reset(await later.link(), PASSWORD)).is_success, "the change of a password does not fail for it"
    again = later.anywhere(headers=bearer())
    assert (await again.get("/signals/stream")).json() == []
    assert (await again.post("/signals/stream", json={})).status_code == 201
