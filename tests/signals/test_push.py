"""Events are pushed once, signed, and tried again for as long as the receiver cannot take them (RFC 8417, 8935)."""

from datetime import timedelta
from typing import Any

import jwt
import msgspec
import pytest
from sqlalchemy import select, update
from tests.signals.receiver import (
    AUTHORIZATION,
    CHANGE_REQUIRED,
    CREDENTIAL_CHANGE,
    ISSUER,
    SESSION_REVOKED,
    Receiver,
    pem,
    signals,
    verified,
)
from tests.spec.inbox import token_in
from tests.spec.service import ADA, CHANGE, NEW_PASSWORD, PASSWORD, Service, Start
from tests.statements import statements_sent
from tests.webhooks.app import Answer, Trouble
from tests.webhooks.rows import deliver_again

from keyturn.accounts.builtin import AccountRow
from keyturn.cli.outbox import _recipient_of
from keyturn.database import now
from keyturn.outbox.history import Wanted, read
from keyturn.outbox.models import OutboxRow
from keyturn.reset.inviting import Campaign
from keyturn.reset.records.client import Client
from keyturn.settings import Secret, SignalSettings

pytestmark = [pytest.mark.any_database, pytest.mark.long]

ON_SQLITE = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)


def pushed(receiver: Receiver, **fields: Any) -> SignalSettings:
    return signals(workspace={"push_to": Secret(receiver.url), "authorization": AUTHORIZATION, **fields})


@pytest.fixture
def service_options(receiver: Receiver) -> dict[str, Any]:
    return {"signals": pushed(receiver)}


@pytest.fixture(autouse=True)
async def knows_keys(service: Service, receiver: Receiver) -> None:
    """Let the receiver read the transmitter's keys, as its metadata says."""
    metadata = (await service.anywhere().get("/.well-known/ssf-configuration")).json()
    receiver.jwks = (await service.anywhere().get(metadata["jwks_uri"])).json()


async def states(service: Service) -> list[tuple[str, str, str | None]]:
    rows = await service.rows(select(OutboxRow.__table__).order_by(OutboxRow.id))
    return [(row["kind"], row["state"], row["reason"]) for row in rows if row["kind"].startswith("signal_")]


async def reset(service: Service) -> None:
    assert (await service.reset(await service.link())).is_success


async def test_a_reset_tells_that_the_password_changed_and_sessions_ended(service: Service, receiver: Receiver) -> None:
    began = int(now().timestamp())
    await reset(service)
    assert receiver.told == [], "no request waits for a receiver"
    await service.deliver()
    await deliver_again(service)

    change, revoked = sorted(receiver.accepted, key=lambda claims: "session" in str(claims["events"]))
    at = change["events"][CREDENTIAL_CHANGE].pop("event_timestamp")
    assert began <= at == change["iat"] <= now().timestamp()
    assert change["sub_id"] == {"format": "email", "email": ADA}
    assert change["events"] == {
        CREDENTIAL_CHANGE: {
            "credential_type": "password",
            "change_type": "update",
            "initiating_entity": "user",
            "reason_admin": {"en": "A new password was set through a link"},
        }
    }
    assert revoked["events"][SESSION_REVOKED]["event_timestamp"] == at
    assert revoked["events"][SESSION_REVOKED]["reason_admin"]["en"]
    assert change["txn"] == revoked["txn"]
    assert change["jti"] != revoked["jti"]
    assert [told.headers["authorization"] for told in receiver.told] == [AUTHORIZATION] * 2
    assert await states(service) == [("signal_workspace", "sent", None)] * 2


@ON_SQLITE
async def test_a_change_by_who_knew_the_password_is_told_too(service: Service, receiver: Receiver) -> None:
    client = await service.sign_in()
    answer = await client.post(CHANGE, json={"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD})
    assert answer.is_success, answer.text
    await service.deliver()

    assert set(receiver.types) == {CREDENTIAL_CHANGE, SESSION_REVOKED}


@ON_SQLITE
async def test_a_stranger_who_asks_for_a_link_causes_no_event(service: Service, receiver: Receiver) -> None:
    await service.link()
    await service.deliver()

    assert receiver.told == []


async def test_this_was_not_me_ends_sessions_and_requires_a_new_password(service: Service, receiver: Receiver) -> None:
    await reset(service)
    await service.deliver()
    receiver.accepted.clear()
    (notice,) = service.inbox.sent_to(ADA, "password_changed")
    pressed = await service.anywhere().post("/api/auth/secure-account", json={"token": token_in(notice)})
    assert pressed.is_success
    await service.deliver()
    await service.deliver()

    assert sorted(receiver.types) == [SESSION_REVOKED, CHANGE_REQUIRED]
    assert {claims["sub_id"]["email"] for claims in receiver.accepted} == {ADA}


@ON_SQLITE
async def test_an_account_that_has_moved_is_not_told_to_need_a_new_password(
    service: Service, receiver: Receiver
) -> None:
    await reset(service)
    await service.deliver()
    receiver.accepted.clear()
    (notice,) = service.inbox.sent_to(ADA, "password_changed")
    await service.write(update(AccountRow).where(AccountRow.email == ADA).values(email="ada@elsewhere.test"))
    await service.anywhere().post("/api/auth/secure-account", json={"token": token_in(notice)})
    await service.deliver()
    await service.deliver()

    assert receiver.types == [SESSION_REVOKED]
    assert receiver.accepted[0]["sub_id"]["email"] == "ada@elsewhere.test"


async def test_a_wave_after_a_breach_tells_that_a_new_password_is_required(
    service: Service, receiver: Receiver
) -> None:
    campaign = Campaign(name="november", operator=Client(operator="ops"), reason="A copy was stolen.")
    await service.parts.operator_resets.ask(campaign, [ADA])
    await service.deliver()
    await service.deliver()

    assert receiver.types == [CHANGE_REQUIRED]
    assert receiver.accepted[0]["events"] == {CHANGE_REQUIRED: {}}


@ON_SQLITE
@pytest.mark.parametrize(
    ("fields", "subject"),
    [
        ({"subject": "iss_sub"}, {"format": "iss_sub", "iss": ISSUER, "sub": "ID"}),
        (
            {"subject": "iss_sub", "subject_issuer": "https://id.northwind.test"},
            {"format": "iss_sub", "iss": "https://id.northwind.test", "sub": "ID"},
        ),
        ({"subject": "opaque"}, {"format": "opaque", "id": "ID"}),
    ],
    ids=["iss_sub", "another issuer", "opaque"],
)
async def test_the_setting_says_how_the_account_is_named(
    start: Start, receiver: Receiver, fields: dict[str, str], subject: dict[str, str]
) -> None:
    service = await start(signals=pushed(receiver, events=("credential-change",), **fields))
    await reset(service)
    await service.deliver()

    account = await service.parts.accounts.find(ADA)
    assert account
    (claims,) = receiver.accepted
    assert claims["sub_id"] == {name: account.id if text == "ID" else text for name, text in subject.items()}


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (Answer(400, said={"err": "invalid_key", "description": "k\x00ey"}), "400 Bad Request: invalid_key: key"),
        (Answer(400, said={"err": "access_denied"}), "400 Bad Request: access_denied"),
        (Answer(400), "400 Bad Request: unspecified"),
        (Answer(401), "401 Unauthorized"),
        (Answer(429, {"retry-after": "30"}), "429 Too Many Requests"),
        (Answer(302, {"location": "http://127.0.0.1:9/"}), "302 Found"),
        (Answer(503), "503 Service Unavailable"),
        (Trouble.DROP, "RemoteProtocolError"),
    ],
)
@ON_SQLITE
async def test_each_try_repeats_the_event_under_the_same_id(
    start: Start, receiver: Receiver, trouble: Answer | Trouble, reason: str
) -> None:
    service = await start(signals=pushed(receiver, events=("credential-change",)))
    receiver.coming.append(trouble)
    await reset(service)
    await service.deliver()
    assert await states(service) == [("signal_workspace", "waiting", reason)]
    assert receiver.accepted == []

    await deliver_again(service)

    first, second = (verified(told.body.decode(), receiver.jwks) for told in receiver.told)
    assert first == second
    assert await states(service) == [("signal_workspace", "sent", None)]


@ON_SQLITE
async def test_a_receiver_that_does_not_answer_in_time_is_asked_again(start: Start, receiver: Receiver) -> None:
    settings = msgspec.structs.replace(pushed(receiver, events=("credential-change",)), timeout=timedelta(seconds=0.3))
    service = await start(signals=settings)
    receiver.coming.append(Trouble.STALL)
    await reset(service)
    await service.deliver()
    assert await states(service) == [("signal_workspace", "waiting", "no answer within 0.3 s")]
    await deliver_again(service)

    assert receiver.types == [CREDENTIAL_CHANGE]


@pytest.mark.parametrize("err", ["invalid_request", "invalid_state"])
@ON_SQLITE
async def test_an_error_that_no_try_would_end_is_given_up(start: Start, receiver: Receiver, err: str) -> None:
    service = await start(signals=pushed(receiver, events=("credential-change",)))
    receiver.coming.append(Answer(400, said={"err": err}))
    await reset(service)
    await service.deliver()

    assert await states(service) == [("signal_workspace", "dead", f"400 Bad Request: {err}")]


async def test_a_process_that_is_killed_loses_no_event(service: Service, start: Start, receiver: Receiver) -> None:
    await reset(service)
    # The next process has the database only.
    later = await start(signals=service.parts.settings.signals)
    await later.deliver()

    assert set(receiver.types) == {CREDENTIAL_CHANGE, SESSION_REVOKED}


@ON_SQLITE
async def test_a_key_is_published_before_it_signs_and_after(service: Service, start: Start, receiver: Receiver) -> None:
    both = msgspec.structs.replace(
        service.parts.settings.signals, keys={"2026-11": pem(0), "2027-11": pem(1)}, sign_with="2026-11"
    )
    announced = await start(signals=both)
    receiver.jwks = (await announced.anywhere().get("/signals/jwks.json")).json()
    assert [key["kid"] for key in receiver.jwks["keys"]] == ["2026-11", "2027-11"]
    assert all(key.keys() == {"kty", "n", "e", "kid", "use", "alg"} for key in receiver.jwks["keys"])

    receiver.coming.extend([Answer(503), Answer(503)])
    await reset(announced)
    await announced.deliver()
    rotated = await start(signals=msgspec.structs.replace(both, sign_with="2027-11"))
    await deliver_again(rotated)

    kids = [jwt.get_unverified_header(told.body.decode())["kid"] for told in receiver.told]
    assert kids == ["2026-11"] * 2 + ["2027-11"] * 2
    ids = [verified(told.body.decode(), receiver.jwks)["jti"] for told in receiver.told]
    assert set(ids[:2]) == set(ids[2:]), "a retry under the new key has the same id"


@ON_SQLITE
async def test_an_event_for_another_audience_is_refused_by_the_receiver(start: Start, receiver: Receiver) -> None:
    service = await start(signals=pushed(receiver, audience="https://other.test", events=("credential-change",)))
    await reset(service)
    await service.deliver()

    (state,) = await states(service)
    assert state[2] == "400 Bad Request: invalid_audience: it is for another receiver"


@ON_SQLITE
async def test_without_receivers_nothing_more_is_executed(start: Start, receiver: Receiver) -> None:
    counts: list[list[str]] = []
    for settings in (SignalSettings(), pushed(receiver)):
        service = await start(signals=settings)
        token = await service.link()
        with statements_sent() as statements:
            assert (await service.reset(token, NEW_PASSWORD if not counts else PASSWORD)).is_success
        counts.append(statements)
    off, on = counts

    assert not [text for text in off if "signal" in text]
    assert len(on) == len(off) + 3, "the streams are read, and two events are written"


@ON_SQLITE
@pytest.mark.parametrize("subject", ["email", "iss_sub", "opaque"])
async def test_an_operator_finds_the_events_of_an_account(start: Start, receiver: Receiver, subject: str) -> None:
    service = await start(signals=pushed(receiver, events=("credential-change",), subject=subject))
    await reset(service)
    account = await service.parts.accounts.find(ADA)
    assert account
    about = {"email": ADA, "account_id": account.id}
    found = await read(service.parts.database, Wanted(about=about), now())

    (item,) = [item for item in found if item.kind == "signal_workspace"]
    assert _recipient_of(item) == (ADA if subject == "email" else f"account {account.id}")
