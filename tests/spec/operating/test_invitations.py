"""Inviting people to choose a first password, as an operator's app does it."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from tests.driver.inbox import token_in
from tests.driver.service import (
    ADA,
    DAN,
    GRACE,
    INVITE,
    NEW_PASSWORD,
    NOBODY,
    REQUEST,
    RESET,
    VALIDATE,
    Service,
    Start,
    problem,
)
from tests.driver.statements import statements_sent
from tests.servers.databases import ON_SQLITE

pytestmark = pytest.mark.any_database

KEY = "0123456789abcdef" * 2
EVE = "eve@northwind.test"
WITH_KEY = {"service_key": KEY}


@pytest.fixture
async def inviting(start: Start) -> Service:
    service = await start(invitations=WITH_KEY)
    await service.add(EVE, name="Eve", awaits_password=True)
    return service


async def invite(service: Service, email: Any = EVE, **fields: Any) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {KEY}"}
    return await service.anywhere().post(INVITE, json={"email": email, **fields}, headers=headers)


async def outcomes(service: Service) -> list[tuple[str, str]]:
    return [(entry.event, entry.outcome) for entry in await service.trail()]


async def test_an_invitation_sets_the_first_password(inviting: Service) -> None:
    answer = await invite(inviting)
    assert (answer.status_code, answer.json()["success"]) == (202, True)
    await inviting.deliver()

    (mail,) = inviting.inbox.sent_to(EVE)
    assert mail.tags["template"] == "invitation"
    assert mail.subject == "Choose your Northwind School password"
    assert "(3 days)" in mail.text
    token = token_in(mail)
    assert await inviting.works(token)
    assert (await inviting.reset(token)).status_code == 200
    assert await inviting.knows(NEW_PASSWORD, EVE)
    assert await outcomes(inviting) == [
        ("invitation", "link_mailed"),
        ("password_reset", "changed"),
        ("sign_in", "signed_in"),
    ]


async def test_a_strangers_requests_end_no_invitation(start: Start) -> None:
    inviting = await start(invitations=WITH_KEY, limits={"mailbox_cooldown": timedelta(0)})
    await inviting.add(EVE, awaits_password=True)
    await invite(inviting)
    await inviting.deliver()
    token = token_in(inviting.inbox.sent_to(EVE)[0])
    for _ in range(8):
        await inviting.link(EVE, "invitation")
    assert await inviting.works(token)


async def test_the_mail_and_the_page_say_who_invites_to_what(inviting: Service) -> None:
    words = "Grace <Hopper> invites you to Algebra I."
    assert (await invite(inviting, reason=f"  {words}\n")).status_code == 202
    await inviting.deliver()

    (mail,) = inviting.inbox.sent_to(EVE)
    assert words in mail.text
    assert "Grace &lt;Hopper&gt; invites you" in mail.html
    assert (await inviting.check(token_in(mail)))["operatorReason"] == words


@ON_SQLITE
@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("x" * 301, "must have at most 300 characters"),
        ("Grace\u202e invites", "must have at most 300 characters, all printable"),
        (7, "must be a text, not a whole number"),
    ],
)
async def test_a_reason_that_cannot_be_shown_is_refused_and_sends_no_invitation(
    inviting: Service, reason: Any, why: str
) -> None:
    answer = await invite(inviting, reason=reason)

    assert problem(answer) == "400 invalid-input"
    assert answer.json()["errors"] == [{"field": "reason", "message": why}]
    await inviting.deliver()
    assert not inviting.inbox.mails


async def test_an_invitation_works_for_three_days(inviting: Service) -> None:
    await invite(inviting)
    await inviting.deliver()
    invitation = token_in(inviting.inbox.sent_to(EVE)[0])
    await inviting.add("bob@northwind.test")
    link = await inviting.link("bob@northwind.test")

    inviting.let_time_pass(minutes=29)
    assert (await inviting.works(invitation), await inviting.works(link)) == (True, True)
    inviting.let_time_pass(minutes=2)
    assert (await inviting.works(invitation), await inviting.works(link)) == (True, False)
    inviting.let_time_pass(days=2, hours=23, minutes=28)
    assert await inviting.works(invitation)
    inviting.let_time_pass(minutes=2)
    assert not await inviting.works(invitation)


async def test_a_request_without_a_password_gets_an_invitation_as_long_as_any_link(inviting: Service) -> None:
    await inviting.ask_and_deliver(EVE)

    (mail,) = inviting.inbox.sent_to(EVE)
    assert mail.tags["template"] == "invitation"
    assert "(30 minutes)" in mail.text
    assert (await inviting.reset(token_in(mail))).status_code == 200


@pytest.mark.parametrize(
    ("email", "outcome"),
    [(ADA, "needs_no_invitation"), (GRACE, "needs_no_invitation"), (DAN, "disabled"), (NOBODY, "no_account")],
)
@pytest.mark.long
async def test_an_account_with_a_password_gets_no_invitation(email: str, outcome: str, inviting: Service) -> None:
    assert (await invite(inviting, email)).status_code == 202
    await inviting.deliver()

    assert inviting.inbox.mails == []
    assert await outcomes(inviting) == [("invitation", outcome)]


async def test_the_worker_does_the_same_with_and_without_an_account(inviting: Service) -> None:
    work = []
    for email in (EVE, NOBODY):
        await inviting.ask(email)
        with statements_sent() as statements:
            await inviting.deliver()
        work.append([statement.partition(" SET ")[0] for statement in statements])
    assert work[0] == work[1]


@ON_SQLITE
@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"Bearer",
        b"Bearer \xe9\xff",
        *(form.encode() for form in (f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", f"Basic {KEY}")),
    ],
)
async def test_without_the_key_no_body_is_read_and_no_invitation_is_sent(key: bytes, inviting: Service) -> None:
    headers = [(b"authorization", key), (b"content-type", b"application/json")]
    for body in (b'{"email": "eve@northwind.test"}', b"{"):
        answer = await inviting.anywhere().post(INVITE, content=body, headers=headers)
        assert problem(answer) == "401 service-key-refused"
        assert answer.headers["www-authenticate"] == "Bearer"
    await inviting.deliver()
    assert await outcomes(inviting) == []


async def test_keys_can_be_guessed_only_as_often_as_the_limit_says(start: Start) -> None:
    service = await start(invitations=WITH_KEY, limits={"client": "2/minute"})
    client = service.anywhere()
    answers = [await client.post(INVITE, json={"email": EVE}, headers={"Authorization": "Bearer x"}) for _ in range(3)]
    assert [problem(answer) for answer in answers] == [
        "401 service-key-refused",
        "401 service-key-refused",
        "429 too-many-requests",
    ]


async def test_an_app_invites_more_people_than_one_client_may_ask_for_links(inviting: Service) -> None:
    client = inviting.at("198.51.100.1", headers={"Authorization": f"Bearer {KEY}"})
    answers = [await client.post(INVITE, json={"email": f"{number}@northwind.test"}) for number in range(10)]
    assert {answer.status_code for answer in answers} == {202}


async def test_a_bad_address_is_refused(inviting: Service) -> None:
    assert problem(await invite(inviting, "eve")) == "400 invalid-input"
    assert problem(await invite(inviting, 5)) == "400 invalid-input"


async def test_without_a_service_key_in_the_settings_there_is_nothing(service: Service) -> None:
    assert problem(await invite(service)) == "404 not-found"
    answer = await service.anywhere().post(INVITE, json={"email": EVE}, headers={"Authorization": "Bearer "})
    assert problem(answer) == "404 not-found"


async def test_the_app_is_not_told_of_what_it_asked_for_itself(start: Start) -> None:
    service = await start(invitations=WITH_KEY, webhooks={"url": "http://127.0.0.1:9/", "secret": "whsec_" + "A" * 32})
    await service.add(EVE, awaits_password=True)
    await invite(service)
    await service.deliver()
    assert service.inbox.sent_to(EVE, "invitation")
    assert [message.state for message in await service.messages()] == ["sent"]


async def test_it_is_described_with_the_key_that_it_asks_for(inviting: Service) -> None:
    document = (await inviting.anywhere().get("/schema/openapi.json")).json()
    operation = document["paths"][INVITE]["post"]
    assert operation["operationId"] == "invite"
    assert operation["security"] == [{"serviceKey": []}]
    assert document["components"]["securitySchemes"]["serviceKey"]["scheme"] == "bearer"
    assert set(operation["responses"]) >= {"202", "400", "401", "413", "415", "429", "503"}
    assert {REQUEST, VALIDATE, RESET} <= document["paths"].keys()
