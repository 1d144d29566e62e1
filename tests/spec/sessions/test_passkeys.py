"""Passkeys over HTTP: the right that comes with a new password, creation, sign-in, and their end."""

import asyncio
import json
from datetime import timedelta
from itertools import product
from typing import Any

import cbor2
import httpx
import pytest
from sqlalchemy import func, select, update
from tests.spec.authenticator import Authenticator
from tests.spec.inbox import TOKEN
from tests.spec.service import ADA, LOGIN, ME, NEW_PASSWORD, Service, problem

from keyturn.accounts.builtin import AccountRow
from keyturn.accounts.builtin_passkeys import PasskeyRow
from keyturn.accounts.passkeys import decode, encode
from keyturn.database import now
from keyturn.problems.proofs import PasskeyRejected
from keyturn.reset.proofs.altcha import SpentAnswerRow
from keyturn.reset.records.client import Client
from keyturn.reset.records.models import AuditRow
from keyturn.reset.records.passkey_rights import PasskeyRightRow
from keyturn.reset.records.stores import Records
from keyturn.settings import LimitSettings, PasskeySettings

pytestmark = pytest.mark.any_database

OPTIONS, CREATE = "/api/auth/passkey/create-options", "/api/auth/passkey/create"
SIGN_IN_OPTIONS, SIGN_IN = "/api/auth/passkey/sign-in-options", "/api/auth/passkey/sign-in"
GENEROUS = LimitSettings(request="100/minute", validate="500/minute", reset="100/minute", login="100/minute")


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"base_url": "http://localhost:8000", "passkeys": PasskeySettings(enabled=True), "limits": GENEROUS}


async def right_of(service: Service, password: str = NEW_PASSWORD) -> str:
    """Reset Ada's password, and return the right to create a passkey."""
    answer = await service.reset(await service.link(), password)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["passkeyRight"])


async def begin(service: Service, right: str) -> dict[str, Any]:
    answer = await service.anywhere().post(OPTIONS, json={"right": right})
    assert answer.status_code == 200, answer.text
    offer: dict[str, Any] = answer.json()
    return offer


async def create(
    service: Service, authenticator: Authenticator, right: str, offer: dict[str, Any] | None = None, **changes: Any
) -> httpx.Response:
    offer = offer or await begin(service, right)
    body = {"right": right, "state": offer["state"], "credential": authenticator.create(offer["options"])}
    return await service.anywhere().post(CREATE, json=body | changes)


async def offered(service: Service) -> dict[str, Any]:
    offer: dict[str, Any] = (await service.anywhere().post(SIGN_IN_OPTIONS)).json()
    return offer


async def sign_in(service: Service, authenticator: Authenticator, **changes: Any) -> httpx.Response:
    offer = await offered(service)
    body = {"state": offer["state"], "credential": authenticator.use(offer["options"], **changes)}
    return await service.anywhere().post(SIGN_IN, json=body)


async def enrolled(service: Service, password: str = NEW_PASSWORD, **options: Any) -> Authenticator:
    authenticator = Authenticator(**options)
    answer = await create(service, authenticator, await right_of(service, password))
    assert answer.status_code == 200, answer.text
    return authenticator


async def count(service: Service, table: Any) -> int:
    (row,) = await service.rows(select(func.count().label("rows")).select_from(table))
    return int(row["rows"])


async def test_a_reset_gives_the_right_to_create_a_passkey_that_signs_in(service: Service) -> None:
    authenticator = await enrolled(service)
    offer = await offered(service)
    assert "allowCredentials" not in offer["options"] or offer["options"]["allowCredentials"] == []
    client = service.anywhere()
    body = {"state": offer["state"], "credential": authenticator.use(offer["options"])}
    signed_in = await client.post(SIGN_IN, json=body)
    assert signed_in.json()["email"] == ADA
    assert (await client.get(ME)).json()["email"] == ADA


async def test_the_handle_is_random_and_the_same_for_all_passkeys_of_an_account(service: Service) -> None:
    first = await enrolled(service)
    second = await enrolled(service, "another long password of hers")
    assert first.handle == second.handle
    assert len(first.handle) == 32
    assert ADA.encode() not in first.handle


async def test_the_owner_is_told_by_mail_and_a_later_confirmation_names_the_passkey(service: Service) -> None:
    await enrolled(service)
    await service.deliver()
    (mail,) = service.inbox.sent_to(ADA, "passkey_changed")
    assert "Passkey created" in mail.subject
    assert "This also removes recently created passkeys." in mail.text
    await service.reset(await service.link(), "another long password of hers")
    await service.deliver()
    assert "New passkeys: " in service.inbox.sent_to(ADA, "password_changed")[-1].text


async def test_a_right_creates_one_passkey_of_concurrent_tries(service: Service) -> None:
    right = await right_of(service)
    offers = [await begin(service, right) for _ in range(4)]
    answers = await asyncio.gather(*(create(service, Authenticator(), right, offer) for offer in offers))
    assert sorted(problem(answer) for answer in answers) == ["200", *["401 passkey-rejected"] * 3]
    assert await count(service, PasskeyRow) == 1


async def test_a_right_opens_no_session_and_a_used_link_is_no_right(service: Service) -> None:
    link = await service.link()
    right = (await service.reset(link)).json()["passkeyRight"]
    client = service.anywhere(cookies={"keyturn_session": right})
    assert problem(await client.get(ME)) == "401 not-signed-in"
    assert problem(await service.anywhere().post(OPTIONS, json={"right": link})) == "401 passkey-rejected"


async def test_a_right_ends_with_the_next_password_and_with_not_me(service: Service) -> None:
    first = await right_of(service)
    second = await right_of(service, "another long password of hers")
    assert problem(await create(service, Authenticator(), first, await begin(service, second))) == (
        "401 passkey-rejected"
    )
    await service.deliver()
    secure = TOKEN.findall(service.inbox.sent_to(ADA, "password_changed")[-1].text)[0]
    offer = await begin(service, second)
    await service.anywhere().post("/api/auth/secure-account", json={"token": secure})
    assert problem(await create(service, Authenticator(), second, offer)) == "401 passkey-rejected"
    assert await count(service, PasskeyRow) == 0


async def test_a_right_ends_after_ten_minutes(service: Service) -> None:
    right = await right_of(service)
    offer = await begin(service, right)
    await service.write(update(PasskeyRightRow).values(expires_at=now() - timedelta(seconds=1)))
    assert problem(await create(service, Authenticator(), right, offer)) == "401 passkey-rejected"
    assert await count(service, PasskeyRow) == 0
    assert (await service.parts.retention.purge(now()))["passkey_rights"] == 1


async def test_not_me_removes_recent_passkeys_and_leaves_older_ones(service: Service) -> None:
    owner = await enrolled(service)
    await service.write(update(PasskeyRow).values(created_at=now() - timedelta(days=30)))
    thief = await enrolled(service, "a password of the thief's")
    await service.deliver()
    secure = TOKEN.findall(service.inbox.sent_to(ADA, "passkey_changed")[-1].text)[0]
    answer = await service.anywhere().post("/api/auth/secure-account", json={"token": secure})
    assert answer.status_code == 200, answer.text
    await service.deliver()
    assert problem(await sign_in(service, thief)) == "401 passkey-rejected"
    assert problem(await sign_in(service, owner)) == "200"


async def test_a_sign_in_between_not_me_and_the_worker_does_not_last(service: Service) -> None:
    thief = await enrolled(service)
    await service.deliver()
    secure = TOKEN.findall(service.inbox.sent_to(ADA, "passkey_changed")[-1].text)[0]
    assert (await service.anywhere().post("/api/auth/secure-account", json={"token": secure})).status_code == 200
    client, offer = service.anywhere(), await offered(service)
    body = {"state": offer["state"], "credential": thief.use(offer["options"])}
    assert (await client.post(SIGN_IN, json=body)).status_code == 200
    await service.deliver()
    assert problem(await client.get(ME)) == "401 not-signed-in"
    assert problem(await sign_in(service, thief)) == "401 passkey-rejected"


async def test_the_link_after_not_me_removes_a_passkey_that_was_created_since(service: Service) -> None:
    await enrolled(service)
    await service.deliver()
    secure = TOKEN.findall(service.inbox.sent_to(ADA, "passkey_changed")[-1].text)[0]
    await service.anywhere().post("/api/auth/secure-account", json={"token": secure})
    await service.deliver()
    (recovery,) = [mail for mail in service.inbox.sent_to(ADA, "password_reset") if "you told us" in mail.text]
    thief = await enrolled_by_session(service)
    answer = await service.reset(TOKEN.findall(recovery.text)[0], "a password that she alone knows")
    assert answer.status_code == 200, answer.text
    assert problem(await sign_in(service, thief)) == "401 passkey-rejected"
    await service.deliver()
    assert "1 passkey" in service.inbox.sent_to(ADA, "password_changed")[-1].text


async def enrolled_by_session(service: Service) -> Authenticator:
    """Create a passkey as a thief does who knows the password."""
    passkeys, client = service.parts.passkeys, service.anywhere()
    assert passkeys
    assert (await client.post(LOGIN, json={"email": ADA, "password": NEW_PASSWORD})).status_code == 200
    secret = client.cookies["keyturn_session"]
    offer = await passkeys.begin_signed_in(secret, Client())
    authenticator = Authenticator()
    await passkeys.create_signed_in(secret, offer.state, json.dumps(authenticator.create(offer.options)), Client())
    return authenticator


async def test_a_session_that_ends_meanwhile_creates_no_passkey_and_removes_none(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enrolled(service)
    passkeys, client = service.parts.passkeys, service.anywhere()
    assert passkeys
    await client.post(LOGIN, json={"email": ADA, "password": NEW_PASSWORD})
    secret = client.cookies["keyturn_session"]
    (ada,) = await service.rows(select(AccountRow.id).where(AccountRow.email == ADA))
    (theirs,) = await passkeys.of_account(ada["id"])
    offer = await passkeys.begin_signed_in(secret, Client())
    answer = json.dumps(Authenticator().create(offer.options))

    transact = Records.transact

    async def end_it_first(records: Records, work: Any) -> Any:
        """End the session at the last moment, as a press of "this was not me" may."""
        await records.sessions.end(secret)
        return await transact(records, work)

    with monkeypatch.context() as patched:
        patched.setattr(Records, "transact", end_it_first)
        with pytest.raises(PasskeyRejected):
            await passkeys.create_signed_in(secret, offer.state, answer, Client())
    await client.post(LOGIN, json={"email": ADA, "password": NEW_PASSWORD})
    secret = client.cookies["keyturn_session"]
    with monkeypatch.context() as patched:
        patched.setattr(Records, "transact", end_it_first)
        with pytest.raises(PasskeyRejected):
            await passkeys.remove(secret, theirs.id, Client())
    assert await count(service, PasskeyRow) == 1
    await service.deliver()
    assert len(service.inbox.sent_to(ADA, "passkey_changed")) == 1


FORMS = ["none", "packed", "tpm", "android-key", "fido-u2f", "apple", "android-safetynet"]
STATEMENTS: list[Any] = [None, 7, {"x5c": [1]}, {"alg": -7, "sig": 1}, {"ver": "2.0", "certInfo": 1}]


async def test_an_attestation_that_makes_no_sense_is_refused(service: Service) -> None:
    right = await right_of(service)
    offer = await begin(service, right)
    for form, statement in product(
        FORMS, [None, 7, {"x5c": [1]}, {"alg": -7, "sig": 1}, {"ver": "2.0", "certInfo": 1}]
    ):
        made = Authenticator().create(offer["options"])
        attestation = cbor2.loads(decode(made["response"]["attestationObject"]))
        made["response"]["attestationObject"] = encode(cbor2.dumps(attestation | {"fmt": form, "attStmt": statement}))
        body = {"right": right, "state": offer["state"], "credential": made}
        assert problem(await service.anywhere().post(CREATE, json=body)) == "401 passkey-rejected", (form, statement)
    assert await count(service, PasskeyRow) == 0


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"verifies": False}, id="the user was not verified"),
        pytest.param({"origin": "http://evil.example"}, id="another origin"),
        pytest.param({"is_framed": True}, id="the page is in a frame of another site"),
    ],
)
async def test_a_passkey_is_not_created_if(service: Service, options: dict[str, Any]) -> None:
    right = await right_of(service)
    assert problem(await create(service, Authenticator(**options), right)) == "401 passkey-rejected"
    assert await count(service, PasskeyRow) == 0
    assert problem(await create(service, Authenticator(), right)) == "200"  # the right has survived


async def test_an_id_that_another_account_has_is_refused(service: Service) -> None:
    taken = await enrolled(service)
    grace = "ida@northwind.test"
    await service.add(grace, name="Ida")
    right = (await service.reset(await service.link(grace))).json()["passkeyRight"]
    copy = Authenticator()
    copy.id = taken.id
    assert problem(await create(service, copy, right)) == "401 passkey-rejected"
    assert await count(service, PasskeyRow) == 1
    assert await count(service, PasskeyRightRow) == 1  # rolled back with it


@pytest.mark.parametrize(
    "body",
    [
        {"state": "nonsense", "credential": {}},
        {"state": "é" * 10, "credential": {"id": "AA", "response": {}}},
        {"state": "", "credential": {"id": 1}},
        {"state": "", "credential": {"id": "AA", "response": {"x": "y" * 13_000}}},
    ],
)
async def test_nonsense_is_refused_and_writes_nothing(service: Service, body: dict[str, Any]) -> None:
    right = await right_of(service)
    for path, more in ((SIGN_IN, {}), (CREATE, {"right": right})):
        assert problem(await service.anywhere().post(path, json=body | more)) == "401 passkey-rejected"
    assert await count(service, SpentAnswerRow) == 0


async def test_answers_are_the_same_for_an_unknown_passkey_and_a_wrong_signature(service: Service) -> None:
    authenticator = await enrolled(service)
    unknown = await sign_in(service, Authenticator())
    wrong = await sign_in(service, authenticator, signature="AAAA")
    other = await sign_in(service, authenticator, userHandle="AAAA")
    assert unknown.status_code == wrong.status_code == other.status_code == 401
    assert unknown.content == wrong.content == other.content


async def test_a_page_in_a_frame_of_another_site_signs_nobody_in(service: Service) -> None:
    authenticator = await enrolled(service)
    authenticator.is_framed = True
    assert problem(await sign_in(service, authenticator)) == "401 passkey-rejected"
    authenticator.is_framed = False
    assert problem(await sign_in(service, authenticator)) == "200"


async def test_asking_for_options_fills_no_table(service: Service) -> None:
    right = await right_of(service)
    for _ in range(20):
        await offered(service)
        await begin(service, right)
    await sign_in(service, Authenticator())
    assert await count(service, SpentAnswerRow) == 0


async def test_an_answer_signs_in_once(service: Service) -> None:
    authenticator = await enrolled(service)
    offer = await offered(service)
    body = {"state": offer["state"], "credential": authenticator.use(offer["options"])}
    answers = [await service.anywhere().post(SIGN_IN, json=body) for _ in range(2)]
    answers += await asyncio.gather(*(service.anywhere().post(SIGN_IN, json=body) for _ in range(3)))
    assert [problem(answer) for answer in answers] == ["200", *["401 passkey-rejected"] * 4]


async def test_a_clone_with_an_older_counter_is_refused_and_recorded(service: Service) -> None:
    authenticator = await enrolled(service, counts=True)
    assert problem(await sign_in(service, authenticator)) == "200"
    authenticator.counter -= 1
    assert problem(await sign_in(service, authenticator)) == "401 passkey-rejected"
    rows = await service.rows(select(AuditRow.outcome).where(AuditRow.event == "sign_in").order_by(AuditRow.id))
    assert [row["outcome"] for row in rows] == ["signed_in", "rejected"]
    authenticator.counter += 1
    assert problem(await sign_in(service, authenticator)) == "200"


async def test_of_two_uses_with_one_counter_one_signs_in(service: Service) -> None:
    authenticator = await enrolled(service, counts=True)
    offers = [await offered(service) for _ in range(2)]
    bodies = []
    for offer in offers:
        authenticator.counter = 6
        bodies.append({"state": offer["state"], "credential": authenticator.use(offer["options"])})
    answers = await asyncio.gather(*(service.anywhere().post(SIGN_IN, json=body) for body in bodies))
    assert sorted(problem(answer) for answer in answers) == ["200", "401 passkey-rejected"]


async def test_a_disabled_account_is_not_signed_in(service: Service) -> None:
    authenticator = await enrolled(service)
    await service.write(update(AccountRow).where(AccountRow.email == ADA).values(active=False))
    assert problem(await sign_in(service, authenticator)) == "401 passkey-rejected"


async def test_an_account_with_only_a_passkey_gets_a_link_and_no_invitation(service: Service) -> None:
    authenticator = await enrolled(service)
    await service.write(update(AccountRow).where(AccountRow.email == ADA).values(password_hash=None))
    accounts: Any = service.parts.accounts
    assert ADA not in await accounts.awaiting_password()
    link = await service.link()
    assert "you sign in with a passkey" in service.inbox.sent_to(ADA, "password_reset")[-1].text
    assert problem(await sign_in(service, authenticator)) == "200"  # no password was chosen
    assert problem(await service.reset(link)) == "200"
    assert problem(await sign_in(service, authenticator)) == "200"
    assert await service.knows(NEW_PASSWORD)


async def test_password_managers_find_the_page_of_passkeys(service: Service) -> None:
    answer = await service.anywhere().get("/.well-known/passkey-endpoints")
    assert answer.status_code == 200
    page = "http://localhost:8000/security-settings/passkeys"
    assert answer.json() == {"enroll": page, "manage": page}


async def test_without_the_setting_nothing_of_it_is_there(start: Any) -> None:
    service = await start()
    answer = await service.reset(await service.link())
    assert "passkeyRight" not in answer.json()
    for path in (OPTIONS, SIGN_IN_OPTIONS):
        assert (await service.anywhere().post(path, json={})).status_code == 404
    assert (await service.anywhere().get("/.well-known/passkey-endpoints")).status_code == 404


async def test_the_schema_has_the_routes(service: Service) -> None:
    schema = (await service.anywhere().get("/schema/openapi.json")).json()
    assert {CREATE, OPTIONS, SIGN_IN, SIGN_IN_OPTIONS} <= schema["paths"].keys()
