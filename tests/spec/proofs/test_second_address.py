"""The second address: verified and told when it is added, and a request may ask for it. No answer shows who has one."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update
from tests.spec.inbox import TOKEN
from tests.spec.service import (
    ADA,
    CHANGE,
    DAN,
    ME,
    NEW_PASSWORD,
    NOBODY,
    PASSWORD,
    REQUEST,
    Service,
    Start,
    problem,
)
from tests.statements import statements_sent

from keyturn.accounts.builtin import AccountRow
from keyturn.database import now
from keyturn.outbox.models import OutboxRow
from keyturn.reset.records.client import Client
from keyturn.reset.records.models import AuditRow, ResetTokenRow
from keyturn.reset.records.second_addresses import SecondAddressRow
from keyturn.settings import (
    HelpDeskSettings,
    InvitationSettings,
    LimitSettings,
    MuteSettings,
    SecondAddressSettings,
    Secret,
    SecureAccountSettings,
    TokenSettings,
)

pytestmark = pytest.mark.any_database

HOME, OTHER = "ada@home.test", "other@home.test"
CONFIRM, OWN, SECURE = "/api/auth/confirm-second-address", "/api/auth/second-address", "/api/auth/secure-account"
KEY = "k" * 40
NO_COOLDOWN = LimitSettings(mailbox_cooldown=timedelta(0), mailbox_daily=100)
ON = SecondAddressSettings(enabled=True, wait=timedelta(0))
SERVICE_KEY = InvitationSettings(service_key=Secret(KEY))


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"second_address": ON, "limits": NO_COOLDOWN, "invitations": SERVICE_KEY}


async def of_app(service: Service, email: str, second: str | None) -> httpx.Response:
    body = {"email": email, "secondAddress": second}
    return await service.anywhere().post(OWN, json=body, headers={"Authorization": f"Bearer {KEY}"})


async def asked(service: Service, second: str = HOME, email: str = ADA) -> str:
    """Have the app ask for a second address; return the token of the mail to it."""
    before = len(service.inbox.sent_to(second, "confirm_second_address"))
    assert problem(await of_app(service, email, second)) == "202"
    await service.deliver()
    (mail,) = service.inbox.sent_to(second, "confirm_second_address")[before:]
    return str(re.findall(r"/confirm-second-address/([\w-]{43})", mail.text)[0])


async def confirm(service: Service, token: str) -> str:
    return problem(await service.anywhere().post(CONFIRM, json={"token": token}))


async def added(service: Service, second: str = HOME, email: str = ADA) -> None:
    assert await confirm(service, await asked(service, second, email)) == "200"
    await service.deliver()
    service.inbox.mails.clear()


async def want(service: Service, email: str = ADA) -> httpx.Response:
    answer = await service.anywhere().post(REQUEST, json={"email": email, "to": "second"})
    await service.deliver()
    return answer


async def second_link(service: Service, second: str = HOME) -> str:
    before = len(service.inbox.sent_to(second, "password_reset"))
    assert problem(await want(service)) == "202"
    (mail,) = service.inbox.sent_to(second, "password_reset")[before:]
    return str(re.findall(r"/reset-password/([\w-]{43})", mail.text)[0])


async def trail(service: Service) -> list[str]:
    rows = await service.rows(select(AuditRow.event, AuditRow.outcome).order_by(AuditRow.id))
    return [f"{row['event']} {row['outcome']}" for row in rows]


def templates(service: Service, mailbox: str) -> list[str]:
    return [mail.tags["template"] for mail in service.inbox.sent_to(mailbox)]


# It is added


async def test_a_link_to_the_new_address_verifies_it_once_and_the_own_mailbox_is_told(service: Service) -> None:
    token = await asked(service)
    assert templates(service, ADA) == []
    assert await confirm(service, token) == "200"
    assert await confirm(service, token) == "400 security-link-dead"
    await service.deliver()

    (told,) = service.inbox.sent_to(ADA, "second_address_changed")
    assert "Second address added" in told.subject
    assert "a***@home.test" in told.text
    assert HOME not in told.text + told.html
    assert "/secure-your-account/" in told.text
    assert await trail(service) == ["second_address link_mailed", "second_address added"]


async def test_the_mail_to_the_new_address_names_neither_the_owner_nor_the_whole_address(service: Service) -> None:
    await asked(service)
    (mail,) = service.inbox.sent_to(HOME)
    assert "a***@northwind.test" in mail.text
    assert ADA not in mail.text + mail.html
    assert "Hello Ada" not in mail.text


async def test_the_token_is_stored_as_a_digest(service: Service) -> None:
    token = await asked(service)
    rows = await service.rows(select(SecondAddressRow)), await service.rows(select(OutboxRow.payload))
    assert token not in str(rows)


async def test_the_link_works_for_a_day(service: Service) -> None:
    token = await asked(service)
    await service.write(update(SecondAddressRow).values(expires_at=now()))
    assert await confirm(service, token) == "400 security-link-dead"


async def test_of_simultaneous_presses_one_verifies(service: Service) -> None:
    token = await asked(service)
    answers = await asyncio.gather(*(confirm(service, token) for _ in range(4)))
    assert sorted(answers) == ["200"] + ["400 security-link-dead"] * 3


@pytest.mark.parametrize("second", [ADA, ADA.upper()])
async def test_the_own_address_is_refused_in_words(service: Service, second: str) -> None:
    answer = await of_app(service, ADA, second)
    assert problem(answer) == "400 invalid-input"
    assert "is the account's own address" in answer.text


async def test_an_address_of_another_account_is_taken_without_a_word(service: Service) -> None:
    assert await asked(service, "grace@northwind.test")
    assert (await of_app(service, ADA, OTHER)).content == (await of_app(service, NOBODY, OTHER)).content


async def test_an_account_has_one_at_a_time(service: Service) -> None:
    await added(service)
    await of_app(service, ADA, OTHER)
    await service.deliver()
    assert service.inbox.sent_to(OTHER) == []
    assert (await trail(service))[-1] == "second_address refused"


async def test_an_account_can_have_five_links_a_day_sent_to_strangers(service: Service) -> None:
    for number in range(7):
        await of_app(service, ADA, f"stranger{number}@home.test")
        await service.deliver()
    assert len(service.inbox.mails) == 5
    await of_app(service, ADA, None)
    await service.deliver()
    await of_app(service, ADA, OTHER)
    await service.deliver()
    assert len(service.inbox.mails) == 5


async def test_the_limits_of_a_mailbox_hold_for_a_new_address_and_count_no_mail_that_is_refused(start: Start) -> None:
    service = await start(second_address=ON, invitations=SERVICE_KEY)
    await asked(service)
    await of_app(service, ADA, HOME)
    await service.deliver()
    assert (await trail(service))[-1] == "second_address cooldown"
    assert len(service.inbox.mails) == 1


async def test_a_disabled_or_unknown_account_gets_none(service: Service) -> None:
    for email in (DAN, NOBODY):
        await of_app(service, email, HOME)
    await service.deliver()
    assert service.inbox.mails == []


async def test_the_app_needs_the_service_key(service: Service) -> None:
    answer = await service.anywhere().post(OWN, json={"email": ADA, "secondAddress": HOME})
    assert problem(answer) == "401 service-key-refused"


async def test_removing_has_its_effect_at_once_and_both_mailboxes_are_told(service: Service) -> None:
    await added(service)
    link = await second_link(service)
    service.inbox.mails.clear()
    await of_app(service, ADA, None)
    await service.deliver()

    assert not await service.works(link)
    assert templates(service, ADA) == templates(service, HOME) == ["second_address_changed"]
    assert TOKEN.findall(service.inbox.sent_to(HOME)[0].text) == []
    await want(service)
    assert (await trail(service))[-1] == "second_address_request no_second_address"


# A link goes there


async def test_a_link_at_the_second_address_sets_a_password_and_every_mailbox_is_told(service: Service) -> None:
    await added(service)
    link = await second_link(service)
    (used,) = service.inbox.sent_to(ADA)
    assert "Link sent to your second address" in used.subject
    (mail,) = service.inbox.sent_to(HOME)
    assert "second address of the account a***@northwind.test" in " ".join(mail.text.split())
    assert ADA not in mail.text + mail.html

    assert problem(await service.reset(link)) == "200"
    await service.deliver()
    assert await service.knows(NEW_PASSWORD)
    (own,) = service.inbox.sent_to(ADA, "password_changed")
    (copy,) = service.inbox.sent_to(HOME, "password_changed")
    assert "a***@home.test" in own.text
    assert "/secure-your-account/" in own.text
    assert "/secure-your-account/" not in copy.text


async def test_a_link_at_the_own_mailbox_is_told_to_the_second_one(service: Service) -> None:
    await added(service)
    await service.reset(await service.link())
    await service.deliver()
    (copy,) = service.inbox.sent_to(HOME, "password_changed")
    assert "Link sent to: a***@northwind.test" in copy.text.replace("\u2068", "").replace("\u2069", "")
    assert len(service.inbox.sent_to(ADA, "password_changed")) == 1


async def test_it_gets_no_link_before_the_waiting_time_is_over(start: Start) -> None:
    service = await start(
        second_address=SecondAddressSettings(enabled=True), limits=NO_COOLDOWN, invitations=SERVICE_KEY
    )
    await added(service)
    await want(service)
    assert service.inbox.mails == []

    await service.write(update(SecondAddressRow).values(usable_at=now()))
    assert await second_link(service)


async def test_the_answer_is_that_of_any_other_request(service: Service) -> None:
    await added(service)
    answers = [await want(service, email) for email in (ADA, DAN, NOBODY)]
    answers.append(await service.anywhere().post(REQUEST, json={"email": NOBODY}))
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1


async def test_the_request_is_the_same_work_with_without_and_unknown(service: Service) -> None:
    await added(service)

    async def work(email: str) -> list[str]:
        with statements_sent() as statements:
            await service.anywhere().post(REQUEST, json={"email": email, "to": "second"})
        await service.deliver()
        return statements

    assert await work(ADA) == await work(DAN) == await work(NOBODY)


async def test_an_account_without_one_is_the_same_work_for_the_worker_as_an_unknown_address(service: Service) -> None:
    async def work(email: str) -> list[str]:
        await service.anywhere().post(REQUEST, json={"email": email, "to": "second"})
        with statements_sent() as statements:
            await service.deliver()
        return statements

    assert await work(ADA) == await work(NOBODY)


async def test_a_link_survives_a_move_of_the_account_and_a_later_address_keeps_the_second_one(service: Service) -> None:
    await added(service)
    link = await second_link(service)
    await service.write(update(AccountRow).where(AccountRow.email == ADA).values(email="ada@new.test"))

    assert problem(await service.reset(link)) == "200"
    assert problem(await want(service, "ada@new.test")) == "202"
    assert service.inbox.sent_to(HOME, "password_reset")


async def test_its_mail_has_no_code(start: Start) -> None:
    service = await start(
        second_address=ON, token=TokenSettings(code=True), limits=NO_COOLDOWN, invitations=SERVICE_KEY
    )
    await added(service)
    await second_link(service)
    assert re.findall(r"^\d{8}$", service.inbox.sent_to(HOME)[0].text, re.MULTILINE) == []


async def test_an_expired_link_at_the_second_address_cannot_be_replaced(service: Service) -> None:
    await added(service)
    link = await second_link(service)
    await service.write(update(ResetTokenRow).values(expires_at=now() - timedelta(seconds=1)))
    assert "emailHint" not in await service.check(link)
    answer = await service.anywhere().post("/api/auth/replace-expired-link", json={"token": link})
    assert problem(answer) == "400 link-dead"


async def test_cooldown_muting_and_blocks_hold_for_it(start: Start) -> None:
    mute = MuteSettings(url="{base_url}/stop-emails/{token}")
    service = await start(second_address=ON, invitations=SERVICE_KEY, mute=mute, limits=NO_COOLDOWN)
    await added(service)
    await want(service)
    (token,) = re.findall(r"/stop-emails/([\w-]{43})", service.inbox.sent_to(HOME)[0].text)
    assert problem(await service.anywhere().post("/api/auth/mute-mailbox", json={"token": token})) == "200"
    await want(service)
    assert (await trail(service))[-1] == "second_address_request muted"
    await service.ask()
    await service.deliver()
    assert service.inbox.sent_to(ADA, "password_reset")  # the own mailbox is not muted

    await service.parts.records.transact(lambda tx: tx.mailboxes.unmute(HOME))
    await service.parts.records.transact(lambda tx: tx.mailboxes.block(HOME, now(), "help_desk"))
    await want(service)
    assert (await trail(service))[-1] == "second_address_request blocked"


async def test_a_blocked_second_address_gets_nothing(start: Start) -> None:
    desk = HelpDeskSettings(enabled=True)
    service = await start(second_address=ON, invitations=SERVICE_KEY, help_desk=desk, limits=NO_COOLDOWN)
    await added(service)
    await service.parts.records.transact(lambda tx: tx.mailboxes.block(HOME, now(), "help_desk"))
    await want(service)
    await service.reset(await service.link())
    await service.deliver()
    assert service.inbox.sent_to(HOME) == []


async def test_without_the_setting_the_wish_is_refused_and_there_is_no_route(start: Start) -> None:
    service = await start(invitations=SERVICE_KEY)
    assert problem(await service.anywhere().post(REQUEST, json={"email": ADA, "to": "second"})) == "400 invalid-input"
    assert (await service.anywhere().post(CONFIRM, json={"token": "x" * 43})).status_code == 404
    assert (await of_app(service, ADA, HOME)).status_code == 404
    assert service.parts.paths.second_address == ""


async def test_another_wish_is_refused(service: Service) -> None:
    answer = await service.anywhere().post(REQUEST, json={"email": ADA, "to": OTHER})
    assert problem(answer) == "400 invalid-input"


async def test_rows_without_an_address_are_purged_after_a_day(service: Service) -> None:
    await asked(service)
    await added(service, "dan@home.test", "grace@northwind.test")
    assert (await service.parts.retention.purge(now() + timedelta(hours=20)))["second_addresses"] == 0
    assert (await service.parts.retention.purge(now() + timedelta(days=400)))["second_addresses"] == 1


# Intruders


async def button(service: Service, template: str = "password_changed") -> str:
    return str(re.findall(r"/secure-your-account/([\w-]{43})", service.inbox.sent_to(ADA, template)[-1].text)[0])


async def press(service: Service, token: str) -> None:
    assert problem(await service.anywhere().post(SECURE, json={"token": token})) == "200"
    await service.deliver()


async def test_an_intruder_who_adds_an_address_is_out_after_this_was_not_me_and_the_owner_gets_back(
    start: Start,
) -> None:
    """The story of an intrusion: a session and the password, a second address, and a link for it."""
    service = await start(second_address=ON, invitations=SERVICE_KEY, limits=NO_COOLDOWN)
    thief = await service.sign_in()
    token = await asked(service, OTHER)
    await confirm(service, token)
    await service.deliver()
    link = await second_link(service, OTHER)

    await press(service, await button(service, "second_address_changed"))
    assert (await thief.get(ME)).status_code == 401
    assert not await service.works(link)
    await want(service)
    assert (await trail(service))[-1] == "second_address_request no_second_address"
    recovery = re.findall(r"/reset-password/([\w-]{43})", service.inbox.sent_to(ADA, "password_reset")[-1].text)[0]
    assert problem(await service.reset(recovery)) == "200"
    assert await service.knows(NEW_PASSWORD)


async def test_a_thief_in_the_own_mailbox_ends_no_older_second_address_and_no_link_there(service: Service) -> None:
    await added(service)
    await service.write(update(SecondAddressRow).values(added_at=now() - timedelta(days=31)))
    await service.reset(await service.link(), "the thief was here")
    await service.deliver()
    link = await second_link(service)
    await press(service, await button(service))

    assert problem(await service.reset(link)) == "200"
    assert await service.knows(NEW_PASSWORD)


async def test_a_thief_in_the_second_mailbox_is_told_of_and_removed_by_the_owner(service: Service) -> None:
    await added(service)
    assert problem(await service.reset(await second_link(service), "the thief was here")) == "200"
    await service.deliver()
    await service.write(update(SecondAddressRow).values(added_at=now() - timedelta(days=31)))
    await press(service, await button(service))
    recovery = re.findall(r"/reset-password/([\w-]{43})", service.inbox.sent_to(ADA, "password_reset")[-1].text)[0]
    assert problem(await service.reset(recovery)) == "200"
    await of_app(service, ADA, None)
    await service.deliver()
    await want(service)
    assert (await trail(service))[-1] == "second_address_request no_second_address"


async def test_a_locked_account_gets_no_link_at_its_second_address(start: Start) -> None:
    secure = SecureAccountSettings(lock=True)
    service = await start(second_address=ON, invitations=SERVICE_KEY, secure_account=secure, limits=NO_COOLDOWN)
    await added(service)
    await service.write(update(SecondAddressRow).values(added_at=now() - timedelta(days=31)))
    await service.reset(await service.link())
    await service.deliver()
    link = await second_link(service)
    await press(service, await button(service))

    assert not await service.works(link)
    await want(service)
    assert (await trail(service))[-1] == "second_address_request no_second_address"


async def test_an_earlier_mailbox_does_not_end_an_address_that_was_added_after_a_move(service: Service) -> None:
    await service.reset(await service.link())
    await service.deliver()
    early = await button(service)
    moved = "ada@new.test"
    await service.write(update(AccountRow).where(AccountRow.email == ADA).values(email=moved))
    await added(service, email=moved)
    await press(service, early)
    assert "second_address ended" not in await trail(service)


async def test_a_code_of_the_help_desk_ends_a_recent_one_and_keeps_an_older_one(start: Start) -> None:
    desk = HelpDeskSettings(enabled=True)
    service = await start(second_address=ON, invitations=SERVICE_KEY, help_desk=desk, limits=NO_COOLDOWN)
    greta = Client(operator="greta")

    async def redeem() -> None:
        account = await service.parts.accounts.find(ADA)
        assert account
        case = await service.parts.help_desk.open(account, greta, "note")
        code = (await service.parts.help_desk.issue(case, greta)).code
        answer = await service.anywhere().post("/api/auth/verify-reset-code", json={"email": ADA, "code": code})
        assert problem(answer) == "200"

    await added(service)
    await redeem()
    assert (await trail(service))[-2:] == ["second_address ended", "help_desk code_accepted"]

    await added(service)
    await service.write(update(SecondAddressRow).values(added_at=now() - timedelta(days=31)))
    await redeem()
    assert await second_link(service)


async def test_a_change_of_the_password_is_told_to_both_and_keeps_the_second_address(service: Service) -> None:
    await added(service)
    owner = await service.sign_in()
    await owner.post(CHANGE, json={"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD})
    await service.deliver()
    assert templates(service, ADA) == templates(service, HOME) == ["password_changed"]
    assert await second_link(service)
