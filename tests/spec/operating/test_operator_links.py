"""Links for owners whose mailbox is lost, as an operator's app gets them: `keyturn accounts link`
over HTTP.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest
from tests.driver.inbox import TOKEN
from tests.driver.reporting import HARD, WITH_WEBHOOK, deliver_all, provider_id, report
from tests.driver.service import (
    ADA,
    DAN,
    GRACE,
    INVITE,
    NEW_PASSWORD,
    NOBODY,
    VERIFY,
    Service,
    Start,
    problem,
)
from tests.servers.databases import ON_SQLITE

from keyturn import SendRetryable

pytestmark = pytest.mark.any_database

LINKS = "/api/auth/links"
INVITING, KEY = "0123456789abcdef" * 2, "fedcba9876543210" * 2
KEYS = {"service_key": INVITING, "link_key": KEY}
REASON = "Lost the mailbox; passport checked."
EVE = "eve@northwind.test"


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"invitations": KEYS, "secure_account": {"lock": True}}


async def post(service: Service, path: str = LINKS, key: str = KEY, **body: Any) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return await service.anywhere().post(
        path, json={"email": ADA, "reason": REASON} | body, headers=headers
    )


async def token_of(service: Service, **body: Any) -> str:
    answer = await post(service, **body)
    assert answer.is_success, answer.text
    return str(TOKEN.findall(answer.json()["link"])[0])


# The link


async def test_a_link_sets_a_password_once_as_any_other_and_the_trail_has_its_reason(
    service: Service,
) -> None:
    answer = (await post(service)).json()
    assert (
        timedelta(minutes=29)
        < datetime.fromisoformat(answer["expiresAt"]) - service.now()
        <= timedelta(minutes=30)
    )
    (token,) = TOKEN.findall(answer["link"])
    assert problem(await service.reset(token)) == "200"
    assert problem(await service.reset(token)) == "400 link-dead"
    assert await service.knows(NEW_PASSWORD)
    entries = await service.trail("operator_link")
    assert [(entry.outcome, entry.email, entry.note) for entry in entries] == [
        ("link_issued", ADA, REASON)
    ]
    assert token not in str(entries)


async def test_earlier_links_of_the_account_end_and_a_later_request_by_a_stranger_ends_none(
    service: Service,
) -> None:
    mailed, first = await service.link(), await token_of(service)
    last = await token_of(service)
    await service.ask_and_deliver(ADA)
    assert [await service.works(token) for token in (mailed, first, last)] == [False, False, True]


async def test_it_works_for_an_owner_whose_mailbox_is_suppressed(start: Start) -> None:
    service = await start(invitations=KEYS, resend=WITH_WEBHOOK)
    await service.ask_and_deliver()
    await deliver_all(service, report("bounced", await provider_id(service), **HARD))
    assert problem(await service.reset(await token_of(service))) == "200"


async def test_a_code_in_its_place_is_exchanged_as_a_mailed_one_if_a_page_can(
    service: Service, start: Start
) -> None:
    refused = await post(service, code=True)
    assert problem(refused) == "400 invalid-input"
    (error,) = refused.json()["errors"]
    assert (error["field"], error["message"].startswith("token.code is off")) == ("code", True)
    service = await start(invitations=KEYS, token={"code": True})
    answer = (await post(service, code=True)).json()
    assert answer.keys() == {"code", "expiresAt"}
    taken = await service.anywhere().post(VERIFY, json={"email": ADA, "code": answer["code"]})
    assert problem(await service.reset(taken.json()["token"])) == "200"


# What the mailbox and the trail are told


async def test_the_mailbox_is_told_without_the_link_and_the_button_of_that_notice_ends_it(
    service: Service,
) -> None:
    token = await token_of(service)
    button = await service.newest(template="help_requested")
    (mail,) = service.inbox.sent_to(ADA, "help_requested")
    assert "someone asked our help desk for a new password" in mail.text
    assert token not in mail.text
    assert "/reset-password" not in mail.text
    assert await service.press(button) == "200"
    assert not await service.works(token)


async def rest(service: Service, email: str) -> None:
    """Let the mailbox rest after a mail that a stranger caused."""
    await service.ask_and_deliver(email)


async def bounce(service: Service, email: str) -> None:
    """Block the mailbox, as its provider reports that it returned a mail for good."""
    await service.ask_and_deliver(email)
    await deliver_all(service, report("bounced", await provider_id(service), to=email, **HARD))


HELD_BACK = {"free": None, "cooldown": rest, "suppressed": bounce}


@pytest.mark.parametrize("held_back", HELD_BACK.values(), ids=HELD_BACK)
@pytest.mark.parametrize("path", [LINKS, INVITE])
async def test_notice_of_a_link_given_out(
    start: Start, path: str, held_back: Callable[..., Awaitable[None]]
) -> None:
    """No link is given out without a notice, whose button ends it, whatever holds other emails to
    the mailbox back.
    """
    service = await start(invitations=KEYS, resend=WITH_WEBHOOK)
    await service.add(EVE, awaits_password=path == INVITE)
    if held_back:
        await held_back(service, EVE)
    answer = (
        await post(service, path, email=EVE, link=True)
        if path == INVITE
        else await post(service, path, email=EVE)
    )
    (token,) = TOKEN.findall(answer.json()["link"])
    button = await service.newest(EVE, "help_requested")
    assert len(service.inbox.sent_to(EVE, "help_requested")) == 1
    assert await service.press(button) == "200"
    assert not await service.works(token)


async def test_notice_that_is_sent_again(start: Start) -> None:
    """A notice of a link is also sent again to a mailbox that was blocked after its first try."""
    service = await start(invitations=KEYS, resend=WITH_WEBHOOK)
    await service.ask_and_deliver()
    sent = await provider_id(service)
    service.inbox.failures.append(SendRetryable("busy"))
    await post(service)
    await service.deliver()
    await deliver_all(service, report("bounced", sent, **HARD))
    await service.deliver_again()
    assert len(service.inbox.sent_to(ADA, "help_requested")) == 1


async def test_kinds_of_operators_messages(service: Service) -> None:
    """The outbox and the metrics tell an invitation and the notice of a link from a user's request
    and a change.
    """
    await service.add(EVE, awaits_password=True)
    await post(service, INVITE, email=EVE)
    await post(service)
    await service.deliver()
    kinds = ["invitation_requested", "link_issued"]
    assert [message.kind for message in await service.messages()] == kinds
    sent = {name for name, number in (await service.figures("messages_total")).items() if number}
    assert sent == {f"{kind},sent" for kind in kinds}


# Who gets none


@ON_SQLITE
async def test_an_account_that_can_have_no_link_is_told_and_a_reason_is_needed(
    service: Service,
) -> None:
    for email, why in (
        (NOBODY, "no account has this address"),
        (DAN, "the account is disabled"),
        (GRACE, "the account has no password: its owner signs in through another service"),
        ("ada", "not an email address"),
    ):
        answer = await post(service, email=email)
        assert problem(answer) == "400 invalid-input"
        assert answer.json()["errors"] == [{"field": "email", "message": why}]
    for reason in ("", "  ", "x" * 301):
        answer = await post(service, reason=reason)
        assert problem(answer) == "400 invalid-input"
        assert [error["field"] for error in answer.json()["errors"]] == ["reason"]
    assert (await post(service, reason="x" * 300)).status_code == 200


@ON_SQLITE
async def test_another_key_gets_no_link_not_even_that_for_invitations_and_a_client_only_its_limit(
    service: Service, start: Start
) -> None:
    for key in ("", "x" * 32, INVITING):
        answer = await post(service, key=key)
        assert problem(answer) == "401 service-key-refused"
        assert answer.headers["www-authenticate"] == "Bearer"
    without = await start(invitations={"service_key": INVITING})
    assert (await post(without, key=INVITING)).status_code == 404
    client = service.anywhere(headers={"Authorization": f"Bearer {KEY}"})
    answers = [
        problem(await client.post(LINKS, json={"email": ADA, "reason": REASON})) for _ in range(11)
    ]
    assert answers == ["200"] * 10 + ["429 too-many-requests"]


# Invitations


async def test_an_invitation_answers_with_a_link_too_for_that_key_and_an_account_without_a_password(
    service: Service,
) -> None:
    await service.add(EVE, awaits_password=True)
    assert (
        problem(await post(service, INVITE, INVITING, email=EVE, link=True))
        == "401 service-key-refused"
    )
    assert problem(await post(service, INVITE, link=True)) == "400 invalid-input"
    await service.deliver()
    assert not service.inbox.sent_to(EVE)
    assert not TOKEN.findall(" ".join(mail.text for mail in service.inbox.mails))
    answer = await post(service, INVITE, email=EVE, link=True)
    assert answer.status_code == 202
    await service.deliver()
    assert len(service.inbox.sent_to(EVE, "invitation")) == 1
    (notice,) = service.inbox.sent_to(EVE, "help_requested")
    assert "someone received a link to choose the first password" in " ".join(notice.text.split())
    assert "help desk" not in notice.text
    (token,) = TOKEN.findall(answer.json()["link"])
    assert (await service.check(token))["operatorReason"] == REASON
    assert (await post(service, INVITE, email=EVE)).json().keys() == {"message", "success"}
    assert problem(await service.reset(token)) == "200"
