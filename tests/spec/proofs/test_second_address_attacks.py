"""What a second address must withstand: links that outlive it, mailboxes that others read, and curious users."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from tests.spec.proofs.test_second_address import (
    HOME,
    KEY,
    NO_COOLDOWN,
    ON,
    OTHER,
    OWN,
    SECURE,
    SERVICE_KEY,
    added,
    asked,
    button,
    confirm,
    of_app,
    second_link,
    templates,
    trail,
    want,
)
from tests.spec.second_factors import BUILTIN, enrol, reset_with, wrong_code
from tests.spec.service import ADA, CHANGE, NEW_PASSWORD, NOBODY, PASSWORD, REQUEST, Service, Start, problem

from keyturn.accounts.builtin import AccountRow
from keyturn.accounts.port import Account
from keyturn.database import now
from keyturn.errors import SendRetryable
from keyturn.outbox.models import OutboxRow
from keyturn.reset.records.client import Client
from keyturn.reset.records.models import ResetTokenRow
from keyturn.settings import HelpDeskSettings

pytestmark = pytest.mark.any_database

ZOE = "zoe@northwind.test"


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"second_address": ON, "limits": NO_COOLDOWN, "invitations": SERVICE_KEY}


async def account_of(service: Service, email: str = ADA) -> Account:
    account = await service.parts.accounts.find(email)
    assert account
    return account


# Links that outlive it


async def test_a_link_that_is_sent_while_the_address_is_removed_does_not_work(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await added(service)
    room, account = service.parts.second_address, await account_of(service)
    look_up = room.recipients

    async def look_up_before_the_removal(requests: Any) -> Sequence[str | None]:
        found = await look_up(requests)
        await room.remove(account, Client())
        return found

    monkeypatch.setattr(room, "recipients", look_up_before_the_removal)
    link = await second_link(service)

    assert not await service.works(link)
    assert problem(await service.reset(link)) == "400 link-dead"
    assert await service.knows(PASSWORD)


async def test_a_link_does_not_work_if_the_address_is_removed_while_its_password_is_checked(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await added(service)
    link, account = await second_link(service), await account_of(service)
    require = service.parts.policy.require

    async def require_during_the_removal(password: str, email: str) -> None:
        await require(password, email)
        await service.parts.records.transact(lambda tx: tx.second_addresses.remove(account.id))

    monkeypatch.setattr(service.parts.policy, "require", require_during_the_removal)
    assert problem(await service.reset(link)) == "400 link-dead"
    assert await service.knows(PASSWORD)


async def test_a_link_in_a_mailbox_that_the_help_desk_has_blocked_does_not_work(start: Start) -> None:
    desk = HelpDeskSettings(enabled=True)
    service = await start(second_address=ON, invitations=SERVICE_KEY, limits=NO_COOLDOWN, help_desk=desk)
    zoe, greta = await service.add(ZOE), Client(operator="greta")
    await added(service, ZOE)
    link = await second_link(service, ZOE)
    case = await service.parts.help_desk.open(zoe, greta, "a thief reads it")
    code = (await service.parts.help_desk.issue(case, greta)).code
    answer = await service.anywhere().post("/api/auth/verify-reset-code", json={"email": ZOE, "code": code})
    assert problem(answer) == "200"

    assert not await service.works(link)
    assert problem(await service.reset(link)) == "400 link-dead"
    assert await service.knows(PASSWORD)


# Curious users


async def test_no_user_learns_from_the_card_whether_another_mailbox_has_just_got_a_mail(start: Start) -> None:
    service = await start(second_address=ON, invitations=SERVICE_KEY)
    zoe = await service.add(ZOE)
    seen = []
    for mailbox in (ADA, NOBODY):
        await service.anywhere().post(REQUEST, json={"email": mailbox})
        await service.deliver()
        await of_app(service, zoe.email, mailbox)
        await service.deliver()
        found = await service.parts.second_address.find(zoe)
        seen.append(found and found.pending)
    assert seen == [ADA, NOBODY]
    assert templates(service, ADA) == ["password_reset"]


async def test_an_ask_that_sends_no_mail_keeps_the_link_to_that_address(start: Start) -> None:
    service = await start(second_address=ON, invitations=SERVICE_KEY)
    token = await asked(service)
    await of_app(service, ADA, HOME)
    await service.deliver()
    assert (await trail(service))[-1] == "second_address cooldown"
    assert await confirm(service, token) == "200"


async def test_a_link_verifies_no_other_address_than_that_it_went_to(start: Start) -> None:
    service = await start(second_address=ON, invitations=SERVICE_KEY)
    token = await asked(service)
    await service.anywhere().post(REQUEST, json={"email": ADA})
    await service.deliver()
    zoe = await service.add(ZOE)
    await service.anywhere().post(REQUEST, json={"email": ZOE})
    await service.deliver()
    await of_app(service, ADA, zoe.email)
    await service.deliver()
    assert (await trail(service))[-1] == "second_address cooldown"
    assert await confirm(service, token) == "400 security-link-dead"


async def test_another_mail_to_an_address_ends_the_earlier_link(service: Service) -> None:
    token = await asked(service)
    fresh = await asked(service)
    assert await confirm(service, token) == "400 security-link-dead"
    assert await confirm(service, fresh) == "200"


async def test_guesses_at_a_second_step_by_a_link_at_the_second_address_are_told_to_the_own_mailbox(
    start: Start,
) -> None:
    service = await start(second_address=ON, invitations=SERVICE_KEY, second_step=BUILTIN, limits=NO_COOLDOWN)
    await enrol(service)
    await added(service)
    link = await second_link(service)
    service.inbox.mails.clear()
    for _ in range(5):
        await reset_with(service, link, "totp", wrong_code())
    await service.deliver()
    assert not await service.works(link)
    assert templates(service, ADA) == ["second_step_failed"]
    assert templates(service, HOME) == []


# What a new password ends


async def test_a_reset_ends_the_link_to_a_new_address(service: Service) -> None:
    token = await asked(service, OTHER)
    assert problem(await service.reset(await service.link())) == "200"
    assert await confirm(service, token) == "400 security-link-dead"


async def test_a_change_of_the_password_ends_the_link_to_a_new_address(service: Service) -> None:
    token = await asked(service, OTHER)
    owner = await service.sign_in()
    body = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    assert problem(await owner.post(CHANGE, json=body)) == "200"
    assert await confirm(service, token) == "400 security-link-dead"


async def test_a_new_password_ends_an_ask_that_still_waits(service: Service) -> None:
    link = await service.link()
    await of_app(service, ADA, OTHER)
    assert problem(await service.reset(link)) == "200"
    await service.deliver()
    assert templates(service, OTHER) == []
    assert "second_address superseded" in await trail(service)
    assert await asked(service, OTHER)


async def test_this_was_not_me_ends_an_ask_that_still_waits(service: Service) -> None:
    await service.reset(await service.link(), "the thief was here")
    await service.deliver()
    await of_app(service, ADA, OTHER)
    assert problem(await service.anywhere().post(SECURE, json={"token": await button(service)})) == "200"
    await service.deliver()
    assert templates(service, OTHER) == []


async def test_a_refused_link_ends_no_ask(service: Service) -> None:
    link = await service.link()
    await service.reset(link)
    await of_app(service, ADA, OTHER)
    assert problem(await service.reset(link)) == "400 link-dead"
    await service.deliver()
    assert templates(service, OTHER) == ["confirm_second_address"]


# What the app says


@pytest.mark.parametrize("body", [{}, {"second_address": OTHER}, {"secondAddress": ""}])
async def test_only_null_removes_it(service: Service, body: dict[str, Any]) -> None:
    await added(service)
    headers = {"Authorization": f"Bearer {KEY}"}
    answer = await service.anywhere().post(OWN, json={"email": ADA} | body, headers=headers)
    await service.deliver()
    assert problem(answer) == "400 invalid-input"
    assert await second_link(service)


async def test_a_malformed_second_address_is_named_by_its_field(service: Service) -> None:
    answer = await of_app(service, ADA, "nonsense")
    assert problem(answer) == "400 invalid-input"
    assert [error["field"] for error in answer.json()["errors"]] == ["secondAddress"]


async def test_a_removal_that_was_delayed_leaves_a_later_address(service: Service) -> None:
    await added(service)
    await of_app(service, ADA, None)
    await service.parts.second_address.remove(await account_of(service), Client())
    await service.write(
        update(OutboxRow).where(OutboxRow.settled_at.is_(None)).values(available_at=now() + timedelta(hours=1))
    )
    await added(service, OTHER)
    await service.write(update(OutboxRow).where(OutboxRow.settled_at.is_(None)).values(available_at=now()))
    await service.deliver()
    assert await second_link(service, OTHER)


async def test_mails_about_what_the_app_asked_name_no_client(service: Service) -> None:
    await added(service)
    await of_app(service, ADA, None)
    await service.deliver()
    (mail,) = service.inbox.sent_to(ADA, "second_address_changed")
    assert "IP address" not in mail.text
    assert "Device" not in mail.text


# What its requests do not do


async def test_a_worker_without_the_feature_sends_no_link_for_a_request_for_the_second_address(start: Start) -> None:
    service = await start(limits=NO_COOLDOWN)
    await service.parts.requests.accept(ADA, Client(), to="second")
    await service.deliver()
    assert service.inbox.mails == []
    assert await trail(service) == ["second_address_request no_second_address"]


async def test_an_account_that_signs_in_elsewhere_is_not_told_of_a_link_that_nobody_got(service: Service) -> None:
    await added(service)
    await service.write(update(AccountRow).where(AccountRow.email == ADA).values(password_hash=None, provider="google"))
    await want(service)
    assert (await trail(service))[-1] == "second_address_request provider_mailed"
    assert templates(service, ADA) == []


async def test_a_request_for_the_own_mailbox_does_not_replace_a_delayed_mail_to_the_second_one(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await added(service)

    async def fail(*_: Any, **__: Any) -> None:
        raise SendRetryable("the provider is down", not_accepted=True)

    with monkeypatch.context() as during:
        during.setattr(service.inbox, "send", fail)
        await want(service)
    await service.write(update(ResetTokenRow).values(expires_at=now()))
    await service.link()
    await service.write(update(OutboxRow).where(OutboxRow.settled_at.is_(None)).values(available_at=now()))
    await service.deliver()
    assert "second_address_request link_renewed" in await trail(service)
    assert "password_reset" in templates(service, HOME)


async def test_a_link_that_expired_on_its_way_is_told_once_although_its_reader_gets_another_mail(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await added(service)

    async def fail(*_: Any, **__: Any) -> None:
        raise SendRetryable("the answer was lost", not_accepted=False)

    with monkeypatch.context() as during:
        during.setattr(service.inbox, "send", fail)
        await want(service)
    await service.write(update(ResetTokenRow).values(expires_at=now()))
    await service.write(update(OutboxRow).where(OutboxRow.settled_at.is_(None)).values(available_at=now()))
    await service.deliver()
    assert templates(service, HOME) == ["link_expired"]
    assert templates(service, ADA) == ["second_address_changed"]
