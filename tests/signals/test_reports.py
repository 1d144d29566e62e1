"""A mailbox that another system reports as hijacked gets no link (RFC 8417, 8935, 9493; Google's RISC)."""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select, text, update
from tests.accounts.table.app import App, running_app
from tests.connections import connected
from tests.signals.transmitter import AUDIENCE, DISABLED, ENABLED, ISSUER, RISC, Transmitter, key
from tests.spec.inbox import token_in
from tests.spec.service import ADA, GRACE, NOBODY, REQUEST, Service, Start, running, settings_for

from keyturn.accounts.builtin import AccountRow
from keyturn.database import now
from keyturn.reset.records.models import AuditRow, MailboxRow, ReceivedSignalRow
from keyturn.settings import AccountSettings, Secret, SubjectColumns, TableSettings

pytestmark = pytest.mark.any_database

ON_SQLITE = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

ADA_BY_EMAIL = {"format": "email", "email": ADA}
HIJACKED: dict[str, Any] = {"subject": ADA_BY_EMAIL, "reason": "hijacking"}
TYPE = {"content-type": "application/secevent+jwt"}


@pytest.fixture
def service_options(transmitter: Transmitter) -> dict[str, Any]:
    return {"signals": transmitter.settings()}


async def push(service: Service, token: str | bytes, **headers: str) -> httpx.Response:
    return await service.anywhere().post("/signals/events/google", content=token, headers=TYPE | headers)


async def refusal(service: Service, token: str | bytes, **headers: str) -> str:
    """Return the code of the refusal, or the status of another answer."""
    answer = await push(service, token, **headers)
    if answer.status_code == 400:
        assert answer.json().keys() == {"err", "description"}, "RFC 8935, 2.3"
        return str(answer.json()["err"])
    return str(answer.status_code)


async def reported(service: Service) -> list[tuple[str, str, str]]:
    rows = await service.rows(
        select(AuditRow.__table__).where(AuditRow.event == "mailbox_report").order_by(AuditRow.id)
    )
    return [(row["outcome"], row["email"], row["note"]) for row in rows]


async def is_blocked(service: Service, email: str = ADA) -> bool:
    mailbox = await service.parts.mailboxes.find(email)
    return mailbox is not None and mailbox.blocked_at is not None


async def test_a_hijacked_mailbox_gets_no_link_until_an_operator_unblocks_it(
    service: Service, transmitter: Transmitter
) -> None:
    before = await service.link()
    client = await service.sign_in()
    answer = await push(service, transmitter.sign(transmitter.event(**HIJACKED)))
    assert (answer.status_code, answer.content) == (202, b"")

    assert not await service.works(before), "the link that is in the mailbox ends"
    assert (await client.get("/api/auth/me")).status_code == 401, "the sessions end"
    sent = len(service.inbox.sent_to(ADA, "password_reset"))
    await service.write(update(MailboxRow).values(mailed_at=now() - timedelta(days=3)))
    await service.ask()
    await service.deliver()
    assert len(service.inbox.sent_to(ADA, "password_reset")) == sent
    rows = await service.rows(select(AuditRow.__table__).order_by(AuditRow.id.desc()).limit(1))
    assert (rows[0]["event"], rows[0]["outcome"]) == ("reset_request", "blocked")
    assert await reported(service) == [("hijacked", ADA, "google: account-disabled hijacking")]
    mailbox = await service.parts.mailboxes.find(ADA)
    assert mailbox
    assert mailbox.blocked_for == "hijacked: google"

    await service.parts.records.transact(lambda tx: tx.mailboxes.unblock(ADA))
    assert await service.works(await service.link())


async def test_the_same_transmitter_reports_that_the_user_has_the_mailbox_back(
    service: Service, transmitter: Transmitter
) -> None:
    await push(service, transmitter.sign(transmitter.event(ago=60, **HIJACKED)))
    await push(service, transmitter.sign(transmitter.event(ENABLED, subject=ADA_BY_EMAIL)))

    assert not await is_blocked(service)
    assert [outcome for outcome, *_ in await reported(service)] == ["hijacked", "enabled"]


async def test_an_older_report_that_comes_later_blocks_nothing(service: Service, transmitter: Transmitter) -> None:
    late = transmitter.sign(transmitter.event(ago=60, **HIJACKED))
    await push(service, transmitter.sign(transmitter.event(ENABLED, subject=ADA_BY_EMAIL)))
    assert (await push(service, late)).status_code == 202

    assert not await is_blocked(service)
    assert [outcome for outcome, *_ in await reported(service)] == ["not_blocked", "superseded"]


async def test_a_repeat_counts_once(service: Service, transmitter: Transmitter) -> None:
    assert await refusal(service, transmitter.sign(transmitter.event("https://example.test/other"))) == "202"
    token = transmitter.sign(transmitter.event(**HIJACKED))
    answers = await asyncio.gather(*(push(service, token) for _ in range(5)))
    assert [answer.status_code for answer in answers] == [202] * 5
    await service.parts.records.transact(lambda tx: tx.mailboxes.unblock(ADA))
    assert (await push(service, token)).status_code == 202

    assert not await is_blocked(service), "a captured event cannot be used again"
    assert len(await reported(service)) == 1


async def test_an_id_is_kept_for_longer_than_its_event_is_accepted(service: Service, transmitter: Transmitter) -> None:
    await push(service, transmitter.sign(transmitter.event(**HIJACKED)))
    await service.parts.retention.purge(now() + timedelta(days=14, hours=1))
    assert len(await service.rows(select(ReceivedSignalRow.digest))) == 1
    await service.parts.records.transact(lambda tx: tx.mailboxes.unblock(ADA))
    await service.parts.retention.purge(now() + timedelta(days=15, hours=1))
    assert await service.rows(select(ReceivedSignalRow.digest)) == []


async def test_a_mailbox_is_blocked_until_no_transmitter_reports_it(start: Start, transmitter: Transmitter) -> None:
    service = await start(signals=transmitter.several("google", "idp", "console"))

    async def report(name: str, kind: str, ago: float) -> str:
        token = transmitter.sign(transmitter.event(kind, subject=ADA_BY_EMAIL, ago=ago))
        await service.anywhere().post(f"/signals/events/{name}", content=token, headers=TYPE)
        mailbox = await service.parts.mailboxes.find(ADA)
        assert mailbox
        return mailbox.blocked_for or ""

    for name, ago in (("google", 90), ("idp", 80), ("console", 70)):
        assert await report(name, DISABLED, ago) == "hijacked: google"
    assert await report("google", ENABLED, 60) == "hijacked: idp"
    await service.parts.retention.purge(now() + timedelta(days=20))
    assert await report("idp", ENABLED, 50) == "hijacked: console", "what blocks a mailbox is not forgotten"
    assert await report("console", ENABLED, 40) == ""
    assert [outcome for outcome, *_ in await reported(service)][3:] == ["still_reported", "still_reported", "enabled"]


async def test_a_report_from_before_an_operator_unblocked_the_mailbox_does_not_hold(
    start: Start, transmitter: Transmitter
) -> None:
    service = await start(signals=transmitter.several("google", "idp"))

    async def report(name: str, kind: str, ago: float) -> None:
        token = transmitter.sign(transmitter.event(kind, subject=ADA_BY_EMAIL, ago=ago))
        await service.anywhere().post(f"/signals/events/{name}", content=token, headers=TYPE)

    await report("idp", DISABLED, 90)
    await service.parts.records.transact(lambda tx: tx.mailboxes.unblock(ADA))
    await report("google", DISABLED, 80)
    await report("google", ENABLED, 70)
    assert not await is_blocked(service)


@ON_SQLITE
async def test_a_transmitter_without_authority_over_a_mailbox_keeps_no_block(
    start: Start, transmitter: Transmitter
) -> None:
    several = transmitter.several("google", "idp")
    transmitters = {**several.transmitters}
    transmitters["idp"] = msgspec.structs.replace(transmitters["idp"], domains=("other.test",))
    service = await start(signals=msgspec.structs.replace(several, transmitters=transmitters))
    await push(service, transmitter.sign(transmitter.event(ago=60, **HIJACKED)))
    await service.write(update(ReceivedSignalRow).values(transmitter="idp"))
    await push(service, transmitter.sign(transmitter.event(ENABLED, subject=ADA_BY_EMAIL)))
    assert not await is_blocked(service)


@ON_SQLITE
async def test_an_unknown_subject_is_accepted_and_changes_nothing(service: Service, transmitter: Transmitter) -> None:
    known = await push(service, transmitter.sign(transmitter.event(**HIJACKED)))
    unknown = await push(
        service, transmitter.sign(transmitter.event(subject={"format": "email", "email": NOBODY}, reason="hijacking"))
    )

    assert (known.status_code, known.headers, known.content) == (unknown.status_code, unknown.headers, unknown.content)
    assert [outcome for outcome, *_ in await reported(service)] == ["hijacked", "no_account"]
    assert not await is_blocked(service, NOBODY)


@ON_SQLITE
async def test_a_transmitter_has_no_authority_over_other_domains(start: Start, transmitter: Transmitter) -> None:
    service = await start(signals=transmitter.settings(domains=("gmail.com",), ends_sessions=True))
    client = await service.sign_in()
    await push(service, transmitter.sign(transmitter.event(**HIJACKED)))
    await push(service, transmitter.sign(transmitter.event(f"{RISC}sessions-revoked", subject=ADA_BY_EMAIL)))

    assert not await is_blocked(service)
    assert (await client.get("/api/auth/me")).status_code == 200
    assert {outcome for outcome, *_ in await reported(service)} == {"no_account"}


@ON_SQLITE
async def test_every_domain_has_to_be_asked_for(start: Start, transmitter: Transmitter) -> None:
    service = await start(signals=transmitter.settings(domains=("*",)))
    await push(service, transmitter.sign(transmitter.event(**HIJACKED)))

    assert await is_blocked(service)


@ON_SQLITE
@pytest.mark.parametrize(
    ("subject", "in_sub_id"),
    [
        ({"format": "email", "email": " ADA@northwind.TEST"}, True),
        ({"format": "email", "email": ADA}, False),
        ({"subject_type": "email", "email": ADA}, False),
        ({"subject_type": "id_token_claims", "iss": ISSUER, "sub": "unknown", "email": ADA}, False),
        ({"format": "account", "uri": f"acct:{ADA}"}, True),
        ({"format": "aliases", "identifiers": [{"format": "opaque", "id": "1"}, ADA_BY_EMAIL]}, True),
        ({"format": "complex", "user": ADA_BY_EMAIL, "session": {"format": "opaque", "id": "x"}}, True),
        ({"user": ADA_BY_EMAIL}, False),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_the_account_is_named_in_each_of_these_ways(
    service: Service, transmitter: Transmitter, subject: dict[str, Any], *, in_sub_id: bool
) -> None:
    claims = transmitter.event(subject={} if in_sub_id else subject, reason="hijacking")
    await push(service, transmitter.sign(claims | ({"sub_id": subject} if in_sub_id else {})))

    assert await is_blocked(service)


@ON_SQLITE
@pytest.mark.parametrize(
    "subject",
    [
        {"format": "opaque", "id": ADA},
        {"format": "email", "email": 7},
        {"format": "email"},
        {"format": "email", "email": "not an address"},
        {"format": "aliases", "identifiers": ADA},
        {"format": "complex", "tenant": ADA_BY_EMAIL},
        {"format": "iss_sub", "iss": "https://other.test", "sub": "7"},
        {"format": "account", "uri": f"https://{ADA}"},
        {"user": {"user": {"user": {"user": {"user": ADA_BY_EMAIL}}}}},
        [ADA],
    ],
    ids=lambda value: str(value)[:40],
)
async def test_no_account_is_named_in_these(service: Service, transmitter: Transmitter, subject: Any) -> None:
    answer = await push(service, transmitter.sign(transmitter.event(subject=subject, reason="hijacking")))

    assert answer.status_code == 202
    assert [outcome for outcome, *_ in await reported(service)] == ["no_account"]


@ON_SQLITE
@pytest.mark.parametrize(
    ("kind", "body", "outcome"),
    [
        (DISABLED, {}, "hijacked"),  # Google suggests to stop recovery mails without a reason, too
        (f"{RISC}identifier-recycled", {}, "hijacked"),
        (DISABLED, {"reason": "bulk-account"}, None),
        (f"{RISC}account-credential-change-required", {}, "noted"),
        (f"{RISC}sessions-revoked", {}, None),
        (f"{RISC}verification", {"state": "x"}, None),
        ("https://schemas.openid.net/secevent/ssf/event-type/verification", {"state": "x"}, None),
        ("https://example.test/unknown", {}, None),
    ],
)
async def test_what_each_event_does(
    service: Service, transmitter: Transmitter, kind: str, body: dict[str, Any], outcome: str | None
) -> None:
    assert await refusal(service, transmitter.sign(transmitter.event(kind, subject=ADA_BY_EMAIL, **body))) == "202"

    assert [found for found, *_ in await reported(service)] == ([outcome] if outcome else [])
    assert await is_blocked(service) == (outcome == "hijacked")
    assert len(await service.rows(select(ReceivedSignalRow.digest))) == bool(outcome), "others are not even kept"


@ON_SQLITE
async def test_revoked_sessions_end_here_too_if_the_settings_say_so(start: Start, transmitter: Transmitter) -> None:
    service = await start(signals=transmitter.settings(ends_sessions=True))
    for kind in (
        f"{RISC}sessions-revoked",
        "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
        "https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked",
    ):
        client = await service.sign_in()
        await push(service, transmitter.sign(transmitter.event(kind, subject=ADA_BY_EMAIL)))
        assert (await client.get("/api/auth/me")).status_code == 401, kind
    assert not await is_blocked(service)


TABLES = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(99), password_hash VARCHAR(60));\n"
    "CREATE TABLE identities (user_id INTEGER, provider VARCHAR(20), uid VARCHAR(60));\n"
    "CREATE TABLE app_sessions (user_id INTEGER);\n"
    "INSERT INTO users VALUES (1, 'ada@northwind.test', '$2b$04$old'), (2, 'bob@elsewhere.test', '$2b$04$old');\n"
    "INSERT INTO identities VALUES (1, 'google', 'ada-at-google'), (2, 'google', 'bob-at-google');\n"
    "INSERT INTO app_sessions VALUES (1), (1), (2), (3)"
)


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[App]:
    async with running_app(database_url, TABLES) as app:
        yield app


@pytest.fixture
async def beside_app(database_url: str, app: App, transmitter: Transmitter) -> AsyncIterator[Service]:
    del app
    subjects = SubjectColumns(account="identities.user_id", subject="uid", where={"provider": "google"})
    table = TableSettings(table="users", delete=("app_sessions.user_id",), subjects={"google": subjects})
    accounts = AccountSettings(store="table", table=table)
    async with running(settings_for(database_url, accounts=accounts, signals=transmitter.settings())) as service:
        yield service


def of_google(transmitter: Transmitter, sub: str) -> str:
    return transmitter.sign(transmitter.event(subject={"subject_type": "iss-sub", "iss": ISSUER, "sub": sub}))


async def test_a_user_of_google_is_found_by_the_apps_own_table(
    beside_app: Service, app: App, transmitter: Transmitter
) -> None:
    for sub in ("ada-at-google", "bob-at-google", "unknown"):
        assert await refusal(beside_app, of_google(transmitter, sub)) == "202"

    assert [(outcome, email) for outcome, email, _ in await reported(beside_app)] == [
        ("hijacked", ADA),
        ("other_mailbox", "bob@elsewhere.test"),  # a Google account whose address is not at Google
        ("no_account", ""),
    ]
    assert await is_blocked(beside_app)
    assert not await is_blocked(beside_app, "bob@elsewhere.test")
    assert [row.user_id for row in await app.run("SELECT user_id FROM app_sessions")] == [3]


async def test_two_accounts_of_one_user_of_google_are_none(
    beside_app: Service, app: App, transmitter: Transmitter
) -> None:
    await app.run("INSERT INTO identities VALUES (1, 'google', 'ada-at-google')")
    await app.run("INSERT INTO identities VALUES (1, 'google', 'both'), (2, 'google', 'both')")
    for sub in ("ada-at-google", "both"):
        assert await refusal(beside_app, of_google(transmitter, sub)) == "202"

    assert [outcome for outcome, *_ in await reported(beside_app)] == ["hijacked", "no_account"]


async def test_a_report_counts_only_once_the_sessions_have_ended(
    beside_app: Service, app: App, transmitter: Transmitter
) -> None:
    token = of_google(transmitter, "ada-at-google")
    await app.run("ALTER TABLE app_sessions RENAME TO away")
    assert await refusal(beside_app, token) == "503"
    await app.run("ALTER TABLE away RENAME TO app_sessions")
    assert await refusal(beside_app, token) == "202"

    assert await is_blocked(beside_app)
    assert [row.user_id for row in await app.run("SELECT user_id FROM app_sessions ORDER BY 1")] == [2, 3]


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_block_waits_for_a_link_that_is_being_stored_and_ends_it(
    service: Service, transmitter: Transmitter
) -> None:
    await service.link()
    mailboxes, waiting = service.parts.mailboxes, text("SELECT 1 FROM pg_locks WHERE NOT granted")
    async with connected(service.parts.database) as storing:
        assert await storing.run_sync(lambda one: mailboxes.within(one).refuses_links(ADA, now())) is None
        blocking = asyncio.create_task(push(service, transmitter.sign(transmitter.event(**HIJACKED))))
        async with asyncio.timeout(10):
            while not await service.rows(waiting):
                assert not blocking.done()
        await storing.rollback()

    assert (await blocking).status_code == 202
    assert await is_blocked(service)


async def test_the_button_this_was_not_me_in_a_hijacked_mailbox_ends(
    service: Service, transmitter: Transmitter
) -> None:
    assert (await service.reset(await service.link())).is_success
    await service.deliver()
    (notice,) = service.inbox.sent_to(ADA, "password_changed")
    await push(service, transmitter.sign(transmitter.event(**HIJACKED)))
    pressed = await service.anywhere().post("/api/auth/secure-account", json={"token": token_in(notice)})

    assert pressed.status_code == 400


async def test_the_owners_button_in_another_mailbox_still_works(service: Service, transmitter: Transmitter) -> None:
    assert (await service.reset(await service.link())).is_success
    await service.deliver()
    (notice,) = service.inbox.sent_to(ADA, "password_changed")
    thief = "thief@northwind.test"
    await service.write(update(AccountRow).where(AccountRow.email == ADA).values(email=thief))
    subject = {"format": "email", "email": thief}
    await push(service, transmitter.sign(transmitter.event(subject=subject, reason="hijacking")))
    assert await is_blocked(service, thief)

    pressed = await service.anywhere().post("/api/auth/secure-account", json={"token": token_in(notice)})
    assert pressed.is_success


# Who may report


@ON_SQLITE
@pytest.mark.parametrize(
    ("changes", "err"),
    [
        ({"iss": "https://evil.test"}, "invalid_issuer"),
        ({"iss": ISSUER.rstrip("/")}, "202"),
        ({"aud": "another-receiver"}, "invalid_audience"),
        ({"aud": []}, "invalid_audience"),
        ({"aud": ["x", AUDIENCE]}, "202"),
        ({"jti": ""}, "invalid_request"),
        ({"jti": None}, "invalid_request"),
        ({"events": {}}, "invalid_request"),
        ({"events": {DISABLED: "hijacking"}}, "invalid_request"),
        ({"events": None}, "invalid_request"),
        ({"iat": "yesterday"}, "invalid_request"),
        ({"iat": 1e300}, "invalid_request"),
        ({"iat": -1e18}, "invalid_request"),
    ],
    ids=str,
)
async def test_claims_are_checked(
    service: Service, transmitter: Transmitter, changes: dict[str, Any], err: str
) -> None:
    claims = {name: value for name, value in (transmitter.event(**HIJACKED) | changes).items() if value is not None}
    token = _signed(transmitter, claims)

    assert await refusal(service, token) == err
    assert await is_blocked(service) == (err == "202")


def _signed(transmitter: Transmitter, claims: dict[str, Any]) -> str:
    """Sign claims that PyJWT would refuse to encode."""
    return _signed_text(transmitter, json.dumps(claims))


def _signed_text(transmitter: Transmitter, claims: str) -> str:
    import jwt

    return jwt.PyJWS().encode(claims.encode(), transmitter.published["one"], "RS256", headers={"kid": "one"})


@ON_SQLITE
@pytest.mark.parametrize(
    ("ago", "err"),
    [(-240, "202"), (-360, "invalid_request"), (13.9 * 86_400, "202"), (14.1 * 86_400, "invalid_request")],
)
async def test_the_clocks_may_differ_a_little(service: Service, transmitter: Transmitter, ago: float, err: str) -> None:
    assert await refusal(service, transmitter.sign(transmitter.event(ago=ago, **HIJACKED))) == err


@ON_SQLITE
async def test_a_forged_signature_is_refused(service: Service, transmitter: Transmitter) -> None:
    claims = transmitter.event(**HIJACKED)
    genuine = transmitter.sign(claims)
    header, _, signature = genuine.split(".")
    payload = urlsafe_b64encode(json.dumps(claims | {"jti": "other"}).encode()).decode().rstrip("=")

    assert await refusal(service, transmitter.sign(claims, by=key(1))) == "invalid_key"
    assert await refusal(service, f"{header}.{payload}.{signature}") == "invalid_key"
    assert await refusal(service, genuine[:-8]) == "invalid_key"
    assert not await is_blocked(service)


@ON_SQLITE
async def test_only_signatures_with_a_public_key_count(service: Service, transmitter: Transmitter) -> None:
    import jwt

    claims = transmitter.event(**HIJACKED)
    none = jwt.encode(claims, "", "none", headers={"kid": "one"})
    shared = jwt.encode(claims, "a secret that is long enough for 256 bits", "HS256", headers={"kid": "one"})
    for token in (none, shared, transmitter.sign(claims, alg="PS256"), transmitter.sign(claims, alg="RS512")):
        assert await refusal(service, token) == "invalid_key"
    assert transmitter.fetches == 0, "not even the keys are asked for"


@ON_SQLITE
async def test_an_elliptic_key_signs_as_well(service: Service, transmitter: Transmitter) -> None:
    transmitter.published["curve"] = ec.generate_private_key(ec.SECP256R1())
    token = transmitter.sign(transmitter.event(**HIJACKED), kid="curve", typ="secevent+jwt")

    assert await refusal(service, token) == "202"
    # The header cannot choose how the key is used.
    assert await refusal(service, transmitter.sign(transmitter.event(**HIJACKED), kid="curve", by=key(0))) == (
        "invalid_key"
    )


@ON_SQLITE
@pytest.mark.parametrize(
    ("header", "err"),
    [
        ({"typ": "secevent+jwt"}, "202"),
        ({"typ": "application/SecEvent+JWT"}, "202"),
        ({"typ": "JWT"}, "202"),
        ({"typ": "at+jwt"}, "invalid_request"),
        ({"crit": ["exp"], "exp": 1}, "invalid_request"),
        ({"extra": "x"}, "202"),
        ({"jku": "http://127.0.0.1:9/jwks"}, "202"),
    ],
    ids=str,
)
async def test_a_token_of_another_type_is_no_event(
    service: Service, transmitter: Transmitter, header: dict[str, Any], err: str
) -> None:
    assert await refusal(service, transmitter.sign(transmitter.event(**HIJACKED), **header)) == err


@ON_SQLITE
async def test_an_id_token_with_the_same_key_is_no_event(service: Service, transmitter: Transmitter) -> None:
    claims = transmitter.event(**HIJACKED)
    del claims["events"]

    assert await refusal(service, transmitter.sign(claims | {"sub": "7", "exp": claims["iat"] + 60})) == (
        "invalid_request"
    )


@ON_SQLITE
@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"a.b.c", b"." * 60_000, b"e30.e30.e30", b"W10.e30.x"], ids=repr)
async def test_a_body_that_is_no_token_is_refused(service: Service, transmitter: Transmitter, body: bytes) -> None:
    assert await refusal(service, body) == "invalid_request"
    assert transmitter.fetches == 0


@ON_SQLITE
async def test_json_of_any_depth_is_refused(service: Service, transmitter: Transmitter) -> None:
    deep = "[" * 20_000 + "]" * 20_000
    header = urlsafe_b64encode(f'{{"alg":"RS256","kid":"one","x":{deep}}}'.encode()).decode()
    assert await refusal(service, f"{header}.e30.AA") == "invalid_request"
    assert transmitter.fetches == 0

    claims = json.dumps(transmitter.event(**HIJACKED))
    assert await refusal(service, _signed_text(transmitter, f'{claims[:-1]}, "x": {deep}}}')) == "invalid_request"
    assert not await is_blocked(service)


@ON_SQLITE
async def test_a_body_is_bounded_and_has_its_type(service: Service, transmitter: Transmitter) -> None:
    assert await refusal(service, b"x" * 70_000) == "413"
    token = transmitter.sign(transmitter.event(**HIJACKED))
    assert await refusal(service, token, **{"content-type": "application/json"}) == "invalid_request"
    assert await refusal(service, token + "\n") == "202"


@ON_SQLITE
async def test_a_secret_can_be_asked_for_before_anything_else(start: Start, transmitter: Transmitter) -> None:
    service = await start(signals=transmitter.settings(authorization=Secret("Bearer agreed-upon")))
    token = transmitter.sign(transmitter.event(**HIJACKED))
    assert await refusal(service, token) == "authentication_failed"
    assert await refusal(service, token, authorization="Bearer wrong") == "authentication_failed"
    assert transmitter.fetches == 0

    assert await refusal(service, token, authorization="Bearer agreed-upon") == "202"


@ON_SQLITE
async def test_a_client_that_keeps_sending_nonsense_is_held_off(service: Service, transmitter: Transmitter) -> None:
    async with service.at("203.0.113.9", headers=TYPE) as client:
        statuses = [(await client.post("/signals/events/google", content=b"x")).status_code for _ in range(200)]
    assert statuses[-1] == 429
    assert await refusal(service, transmitter.sign(transmitter.event(**HIJACKED))) == "202", "others are heard"


@ON_SQLITE
async def test_there_is_no_other_transmitter_and_without_one_no_route(service: Service, start: Start) -> None:
    assert (await service.anywhere().post("/signals/events/other", content=b"x", headers=TYPE)).status_code == 404
    off = await start()
    assert (await push(off, b"x")).status_code == 404
    assert (await off.anywhere().post(REQUEST, json={"email": GRACE})).status_code == 202


# Keys


@ON_SQLITE
async def test_keys_are_read_once_and_again_for_a_new_one(
    service: Service, transmitter: Transmitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = _clock(monkeypatch)
    for _ in range(3):
        assert await refusal(service, transmitter.sign(transmitter.event(**HIJACKED))) == "202"
    assert transmitter.fetches == 1

    transmitter.published["two"] = key(1)
    rotated = transmitter.sign(transmitter.event(**HIJACKED), kid="two")
    assert await refusal(service, rotated) == "503", "not known yet: the transmitter sends it again"
    clock.append(31)
    assert await refusal(service, rotated) == "202"
    assert transmitter.fetches == 2


@ON_SQLITE
async def test_strangers_cannot_make_us_fetch_keys_for_each_token(
    service: Service, transmitter: Transmitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = _clock(monkeypatch)
    forged = [transmitter.sign(transmitter.event(), kid=f"k{number}", by=key(1)) for number in range(20)]
    answers = await asyncio.gather(*(refusal(service, token) for token in forged))
    assert sorted(answers) == ["503"] * 19 + ["invalid_key"]
    assert transmitter.fetches == 1
    assert await refusal(service, transmitter.sign(transmitter.event(**HIJACKED))) == "202", "a known key still counts"

    clock.append(31)
    assert await refusal(service, forged[0]) == "invalid_key"
    assert transmitter.fetches == 2


@ON_SQLITE
async def test_a_client_that_keeps_inventing_keys_is_held_off(service: Service, transmitter: Transmitter) -> None:
    assert await refusal(service, transmitter.sign(transmitter.event(**HIJACKED))) == "202"
    forged = transmitter.sign(transmitter.event(), kid="invented", by=key(1))
    async with service.at("203.0.113.9", headers=TYPE) as client:
        statuses = [(await client.post("/signals/events/google", content=forged)).status_code for _ in range(200)]
    assert (statuses[0], statuses[-1]) == (503, 429)


@ON_SQLITE
async def test_a_withdrawn_key_ends(
    service: Service, transmitter: Transmitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = _clock(monkeypatch)
    assert await refusal(service, transmitter.sign(transmitter.event(**HIJACKED))) == "202"
    stolen = transmitter.published.pop("one")
    transmitter.published["two"] = key(1)
    clock.append(3_601)

    assert await refusal(service, transmitter.sign(transmitter.event(**HIJACKED), by=stolen)) == "invalid_key"


@ON_SQLITE
@pytest.mark.parametrize(
    "answer",
    [
        500,
        404,
        b"",
        b"<html>",
        b'{"keys": []}',
        b'{"x": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b'{"keys": [{"kty": "oct", "k": "AAAA", "kid": "one"}]}',
        b"x" * 70_000,
        None,
    ],
    ids=lambda answer: repr(answer)[:20],
)
async def test_keys_that_cannot_be_read_are_neither_a_yes_nor_a_no(
    start: Start, transmitter: Transmitter, answer: int | bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await start(signals=transmitter.settings(timeout=timedelta(seconds=0.3)))
    clock = _clock(monkeypatch)
    transmitter.answer = answer
    token = transmitter.sign(transmitter.event(**HIJACKED))
    failed = await push(service, token)
    assert failed.status_code == 503
    assert int(failed.headers["retry-after"]) > 0
    assert not await is_blocked(service)

    transmitter.answer = 200
    clock.append(31)
    assert await refusal(service, token) == "202"


@ON_SQLITE
async def test_keys_that_cannot_be_used_do_not_hide_the_others(service: Service, transmitter: Transmitter) -> None:
    from tests.signals.transmitter import _public

    keys: list[Any] = [
        {"kty": "AKP", "alg": "ML-DSA-44", "kid": "later", "pub": "x"},
        {"kty": "RSA", "kid": "short", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": "broken"},
        {**_public(key(0)), "kid": "one"},
    ]
    transmitter.answer = json.dumps({"keys": keys}).encode()

    assert await refusal(service, transmitter.sign(transmitter.event(**HIJACKED))) == "202"


def _clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list of seconds by which the clock of the keys is ahead."""
    import time

    from keyturn.signals import published_keys

    ahead: list[float] = []
    monkeypatch.setattr(published_keys, "monotonic", lambda: time.monotonic() + sum(ahead))
    return ahead
