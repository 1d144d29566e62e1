"""Inviting people to choose a first password, as an operator's app does it."""

from itertools import product
from typing import Any

import httpx2
import pytest
from tests.driver.inbox import TOKEN, token_in
from tests.driver.routes import INVITE
from tests.driver.service import (
    ADA,
    DAN,
    GRACE,
    NEW_PASSWORD,
    NO_COOLDOWN,
    NOBODY,
    Service,
    Start,
    hash_of,
    problem,
)
from tests.servers.databases import ON_SQLITE

pytestmark = pytest.mark.any_database

KEY = "0123456789abcdef" * 2
EVE = "eve@northwind.test"
LINK_KEY = "fedcba9876543210" * 2
WITH_KEY = {"service_key": KEY}
KEYS = WITH_KEY | {"link_key": LINK_KEY}


@pytest.fixture
async def inviting(start: Start) -> Service:
    service = await start(invitations=WITH_KEY)
    await service.add(EVE, name="Eve", awaits_password=True)
    return service


async def invite(
    service: Service, email: Any = EVE, key: Any = KEY, **fields: Any
) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return await service.anywhere().post(INVITE, json={"email": email, **fields}, headers=headers)


async def test_an_invitation_says_who_invites_to_what_and_sets_the_first_password(
    inviting: Service,
) -> None:
    words = "Grace <Hopper> invites you to Algebra I."
    document = (await inviting.anywhere().get("/schema/openapi.json")).json()
    assert document["paths"][INVITE]["post"]["security"] == [{"serviceKey": []}]
    assert document["components"]["securitySchemes"]["serviceKey"]["scheme"] == "bearer"
    answer = await invite(inviting, reason=f"  {words}\n")
    assert (answer.status_code, answer.json()["success"]) == (202, True)
    await inviting.deliver()

    (mail,) = inviting.inbox.sent_to(EVE)
    assert mail.tags["template"] == "invitation"
    assert mail.subject == "Choose your Northwind School password"
    assert "(3 days)" in mail.text
    assert words in mail.text
    assert "Grace &lt;Hopper&gt; invites you" in mail.html
    token = token_in(mail)
    assert (await inviting.check(token))["operatorReason"] == words
    assert (await inviting.reset(token)).status_code == 200
    assert await inviting.knows(NEW_PASSWORD, EVE)
    assert [(entry.event, entry.outcome) for entry in await inviting.trail()] == [
        ("invitation", "link_mailed"),
        ("password_reset", "changed"),
        ("sign_in", "signed_in"),
    ]


@ON_SQLITE
async def test_a_reason_that_cannot_be_shown_or_a_bad_address_sends_no_invitation(
    inviting: Service,
) -> None:
    for field, value, why in (
        ("reason", "x" * 301, "must have at most 300 characters"),
        ("reason", "Grace\u202e invites", "must have at most 300 characters, all printable"),
        ("reason", 7, "must be a text, not a whole number"),
        ("email", "eve", "not an email address"),
        ("email", 5, "must be a text, not a whole number"),
    ):
        answer = await invite(inviting, **{"email": EVE, field: value})
        assert problem(answer) == "400 invalid-input"
        assert answer.json()["errors"] == [{"field": field, "message": why}]
    await inviting.deliver()
    assert not inviting.inbox.mails


async def test_an_invitation_works_for_three_days_and_one_on_request_for_as_long_as_any_link(
    start: Start,
) -> None:
    inviting = await start(invitations=WITH_KEY, limits=NO_COOLDOWN)
    await inviting.add(EVE, awaits_password=True)
    await invite(inviting)
    invitation = await inviting.newest(EVE, "invitation")
    link = [await inviting.link(EVE, "invitation") for _ in range(8)][-1]
    assert "(30 minutes)" in inviting.inbox.mails[-1].text

    for time, works in (
        ({"minutes": 29}, (True, True)),
        ({"minutes": 2}, (True, False)),
        ({"days": 2, "hours": 23, "minutes": 28}, (True, False)),
        ({"minutes": 2}, (False, False)),
    ):
        inviting.let_time_pass(**time)
        assert (await inviting.works(invitation), await inviting.works(link)) == works


STORES = {
    "builtin": {"store": "builtin"},
    "table": {"store": "table", "table": {"table": "keyturn_accounts"}},
}


@pytest.mark.parametrize("accounts", STORES.values(), ids=STORES)
async def test_invitation_after_the_app_set_a_password(
    start: Start, accounts: dict[str, Any]
) -> None:
    """An invitation, and an operator's mail, set no password once there is one; a link on request
    does.
    """
    await start()  # with the people
    inviting = await start(people={}, accounts=accounts, invitations=KEYS, limits=NO_COOLDOWN)
    await inviting.change_account(ADA, password_hash=None)
    await invite(inviting, ADA)
    await inviting.deliver()
    await inviting.operator.reset(ADA)
    await inviting.deliver()
    invitations = [token_in(mail) for mail in inviting.inbox.sent_to(ADA, "invitation")]
    assert [await inviting.works(token) for token in invitations] == [True, True]
    inviting.let_time_pass(hours=60)
    requested = await inviting.link(ADA, "invitation")

    await inviting.change_account(ADA, password_hash=hash_of("the app's own choice"))
    for token in invitations:
        assert await inviting.check(token) == {"valid": False, "reason": "invalid"}
        assert problem(await inviting.reset(token)) == "400 link-dead"
    assert await inviting.password_hash(ADA) == hash_of("the app's own choice")
    assert problem(await inviting.reset(requested)) == "200"


@pytest.mark.parametrize("accounts", STORES.values(), ids=STORES)
async def test_issued_invitation_after_the_app_set_a_password(
    start: Start, accounts: dict[str, Any]
) -> None:
    """A link that the app got to an invitation sets a first password only."""
    await start()
    inviting = await start(people={}, accounts=accounts, invitations=KEYS)
    for chosen, answer in ((hash_of("the app's own choice"), "400 link-dead"), (None, "200")):
        await inviting.change_account(ADA, password_hash=None)
        issued = await invite(inviting, ADA, key=LINK_KEY, link=True)
        (token,) = TOKEN.findall(issued.json()["link"])
        await inviting.change_account(ADA, password_hash=chosen)
        assert problem(await inviting.reset(token)) == answer


@pytest.mark.long
async def test_an_account_with_a_password_gets_no_invitation(inviting: Service) -> None:
    for email in (ADA, GRACE, DAN, NOBODY):
        assert (await invite(inviting, email)).status_code == 202
    await inviting.deliver()
    assert inviting.inbox.mails == []
    found = sorted((entry.email, entry.outcome) for entry in await inviting.trail("invitation"))
    needless = [(ADA, "needs_no_invitation"), (DAN, "disabled"), (GRACE, "needs_no_invitation")]
    assert found == [*needless, (NOBODY, "no_account")]


@ON_SQLITE
async def test_without_the_key_no_body_is_read_and_no_invitation_is_sent(inviting: Service) -> None:
    forms = (f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", f"Basic {KEY}")
    keys = (b"", b"Bearer", b"Bearer \xe9\xff", *(form.encode() for form in forms))
    for key, body in product(keys, (b'{"email": "eve@northwind.test"}', b"{")):
        headers = [(b"authorization", key), (b"content-type", b"application/json")]
        answer = await inviting.anywhere().post(INVITE, content=body, headers=headers)
        assert problem(answer) == "401 service-key-refused"
        assert answer.headers["www-authenticate"] == "Bearer"
    await inviting.deliver()
    assert await inviting.trail() == []


async def test_keys_are_guessed_only_as_often_as_the_limit_says_and_invitations_have_none(
    start: Start,
) -> None:
    service = await start(invitations=WITH_KEY, limits={"client": "2/minute"})
    for key, told in (
        ("x", ["401 service-key-refused"] * 2 + ["429 too-many-requests"]),
        (KEY, ["202"] * 10),
    ):
        client = service.anywhere(headers={"Authorization": f"Bearer {key}"})
        answers = [
            await client.post(INVITE, json={"email": f"{n}@northwind.test"})
            for n in range(len(told))
        ]
        assert [problem(answer) for answer in answers] == told


async def test_without_a_service_key_there_is_nothing_and_the_app_is_not_told_of_what_it_asked_for(
    service: Service, start: Start
) -> None:
    told = await start(
        invitations=WITH_KEY, webhooks={"url": "http://127.0.0.1:9/", "secret": "whsec_" + "A" * 32}
    )
    await told.add(EVE, awaits_password=True)
    await invite(told)
    await told.deliver()
    assert told.inbox.sent_to(EVE, "invitation")
    assert [message.state for message in await told.messages()] == ["sent"]
    assert problem(await invite(service)) == "404 not-found"
    answer = await service.anywhere().post(
        INVITE, json={"email": EVE}, headers={"Authorization": "Bearer "}
    )
    assert problem(answer) == "404 not-found"
