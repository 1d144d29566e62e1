"""The help desk: an operator reads a code out to an owner whose mailbox is lost, and no link goes there any more."""

import asyncio
import json
import re
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import func, select, update
from tests.spec.elsewhere import Elsewhere
from tests.spec.inbox import TOKEN, token_in
from tests.spec.second_factors import SEED, code_of
from tests.spec.service import (
    ADA,
    CHANGE,
    DAN,
    GRACE,
    ME,
    NEW_PASSWORD,
    NOBODY,
    PASSWORD,
    REQUEST,
    RESET,
    Service,
    Start,
    problem,
)
from tests.statements import statements_sent

from keyturn.accounts.builtin import AccountRow
from keyturn.accounts.port import Account
from keyturn.database import now
from keyturn.outbox.models import OutboxRow
from keyturn.reset.help_desk import HelpRefused, ReadOutCode
from keyturn.reset.proofs.second_step.factor_changes import FactorChanges
from keyturn.reset.proofs.second_step.own_step import OwnSecondStep
from keyturn.reset.records import tokens
from keyturn.reset.records.client import Client
from keyturn.reset.records.help_cases import TRIES, HelpCase, HelpCaseRow
from keyturn.reset.records.models import AuditRow, MailboxRow, ResetTokenRow
from keyturn.settings import (
    HelpDeskSettings,
    LimitSettings,
    SecondStepSettings,
    Secret,
    SecureAccountSettings,
    TokenSettings,
    WebhookSettings,
)

pytestmark = pytest.mark.any_database

VERIFY, STOP = "/api/auth/verify-reset-code", "/api/auth/stop-help"
REFUSED = "400 code-refused"
GRETA, OMAR = Client(operator="greta"), Client(operator="omar")
NOTE = "lost the mailbox; caller: called back; checked: passport"
NO_COOLDOWN = LimitSettings(mailbox_cooldown=timedelta(0), mailbox_daily=100)


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"help_desk": HelpDeskSettings(enabled=True), "limits": NO_COOLDOWN}


async def account_of(service: Service, email: str = ADA) -> Account:
    account = await service.parts.accounts.find(email)
    assert account is not None
    return account


async def opened(service: Service, email: str = ADA) -> HelpCase:
    return await service.parts.help_desk.open(await account_of(service, email), GRETA, NOTE)


async def read_out(service: Service, email: str = ADA) -> str:
    """Open a case and return its code."""
    return (await service.parts.help_desk.issue(await opened(service, email), GRETA)).code


async def send(client: httpx.AsyncClient, code: str, email: str = ADA) -> httpx.Response:
    return await client.post(VERIFY, json={"email": email, "code": code})


async def redeemed(service: Service, email: str = ADA) -> str:
    """Return the token for a code that was read out."""
    answer = await send(service.anywhere(), await read_out(service, email), email)
    assert problem(answer) == "200"
    return str(answer.json()["token"])


async def stop_token(service: Service) -> str:
    await service.deliver()
    (token,) = set(TOKEN.findall(service.inbox.sent_to(ADA, "help_requested")[-1].text))
    return str(token)


async def stop(service: Service, token: str) -> str:
    return problem(await service.anywhere().post(STOP, json={"token": token}))


async def trail(service: Service) -> list[str]:
    rows = await service.rows(select(AuditRow.event, AuditRow.outcome).order_by(AuditRow.id))
    return [f"{row['event']} {row['outcome']}" for row in rows]


async def asked_in_vain(service: Service, email: str = ADA) -> bool:
    before = len(service.inbox.sent_to(email, "password_reset"))
    await service.ask(email)
    await service.deliver()
    return len(service.inbox.sent_to(email, "password_reset")) == before


async def refused(service: Service, case: HelpCase, operator: Client = GRETA) -> str:
    with pytest.raises(HelpRefused) as caught:
        await service.parts.help_desk.issue(case, operator)
    return str(caught.value)


# The owner comes back in


async def test_a_code_that_was_read_out_sets_a_new_password_once(service: Service) -> None:
    code = await read_out(service)
    assert re.fullmatch(r"\d{8}", code)

    answer = await send(service.anywhere(), f"{code[:4]} {code[4:]}")
    assert problem(await send(service.anywhere(), code)) == REFUSED
    assert problem(await service.reset(answer.json()["token"])) == "200"
    assert await service.knows(NEW_PASSWORD)
    assert problem(await service.reset(answer.json()["token"])) == "400 link-dead"


async def test_the_trail_names_the_operator_the_caller_and_the_check(service: Service) -> None:
    await service.reset(await redeemed(service))

    assert await trail(service) == [
        "help_desk opened",
        "help_desk code_issued",
        "help_desk code_accepted",
        "help_desk_reset changed",
    ]
    entries = await service.parts.audit.read(email=ADA)
    assert [(entry.operator, entry.note) for entry in entries[:1:-1]] == [("greta", NOTE), ("greta", NOTE)]


async def test_a_code_works_for_ten_minutes(service: Service) -> None:
    code = await read_out(service)
    await service.write(update(HelpCaseRow).values(expires_at=now()))
    assert problem(await send(service.anywhere(), code)) == REFUSED


async def test_a_second_code_of_a_case_replaces_the_first(service: Service) -> None:
    case = await opened(service)
    first = await service.parts.help_desk.issue(case, GRETA)
    second = await service.parts.help_desk.issue(case, GRETA)

    assert problem(await send(service.anywhere(), first.code)) == REFUSED
    assert problem(await send(service.anywhere(), second.code)) == "200"


async def test_of_simultaneous_tries_one_gets_a_token(service: Service) -> None:
    code = await read_out(service)
    answers = await asyncio.gather(*(send(service.anywhere(), code) for _ in range(4)))
    assert sorted(map(problem, answers)) == ["200", REFUSED, REFUSED, REFUSED]


async def test_the_code_is_stored_as_a_keyed_digest_and_the_button_in_no_table(service: Service) -> None:
    code = await read_out(service)
    (row,) = await service.rows(select(HelpCaseRow))
    (message,) = await service.rows(select(OutboxRow.payload))
    token = await stop_token(service)

    assert code.encode() not in b"".join(value for value in row.values() if isinstance(value, bytes))
    assert token not in str(row) + str(message)


async def test_a_reset_ends_all_sessions(service: Service) -> None:
    client = await service.sign_in()
    await service.reset(await redeemed(service))
    assert (await client.get(ME)).status_code == 401


async def test_a_code_opens_an_account_that_is_locked(start: Start) -> None:
    service = await start(
        help_desk=HelpDeskSettings(enabled=True), secure_account=SecureAccountSettings(lock=True), limits=NO_COOLDOWN
    )
    await service.reset(await service.link(), "first strange sailboat")
    await service.deliver()
    button = token_in(service.inbox.sent_to(ADA, "password_changed")[-1])
    await service.anywhere().post("/api/auth/secure-account", json={"token": button})
    await service.deliver()
    assert not await service.knows("first strange sailboat")

    assert problem(await service.reset(await redeemed(service))) == "200"
    assert await service.knows(NEW_PASSWORD)


@pytest.mark.parametrize(("email", "reason"), [(DAN, "is disabled"), (GRACE, "signs in through another service")])
async def test_an_account_whose_password_no_code_could_set_gets_no_case(
    service: Service, email: str, reason: str
) -> None:
    with pytest.raises(HelpRefused, match=reason):
        await opened(service, email)
    assert await trail(service) == []


async def test_an_account_has_one_case_at_a_time(service: Service) -> None:
    await opened(service)
    with pytest.raises(HelpRefused, match="has an open case"):
        await opened(service)


async def test_a_case_is_over_a_day_after_a_code_might_be_issued(service: Service) -> None:
    case = await opened(service)
    await service.write(update(HelpCaseRow).values(ready_at=now() - timedelta(days=1, seconds=1)))
    assert "is over" in await refused(service, case)
    await opened(service)


async def test_a_code_is_refused_once_the_account_has_another_address(service: Service) -> None:
    code = await read_out(service)
    await service.write(update(AccountRow).where(AccountRow.email == ADA).values(email="thief@evil.test"))
    assert problem(await send(service.anywhere(), code)) == REFUSED
    assert problem(await send(service.anywhere(), code, "thief@evil.test")) == REFUSED


async def test_a_store_in_another_system_is_changed_by_a_code_and_its_mailbox_blocked(start: Start) -> None:
    store = Elsewhere(Account(id="u-1", email=ADA, name="Ada"))
    service = await start(store=store, help_desk=HelpDeskSettings(enabled=True), limits=NO_COOLDOWN)
    token = await redeemed(service)

    assert problem(await service.reset(token)) == "200"
    assert store.passwords == {"u-1": NEW_PASSWORD}
    assert (await trail(service))[-1] == "help_desk_reset changed"
    assert await asked_in_vain(service)
    (mail,) = service.inbox.sent_to(ADA, "password_changed")
    assert TOKEN.findall(mail.text) == []


async def test_a_lost_answer_of_another_system_is_still_a_change_by_the_help_desk(start: Start) -> None:
    store = Elsewhere(Account(id="u-1", email=ADA, name="Ada"))
    service = await start(store=store, help_desk=HelpDeskSettings(enabled=True), limits=NO_COOLDOWN)
    token = await redeemed(service)
    store.losses = [OSError("the answer was lost")]

    assert problem(await service.reset(token)) == "504 outcome-unknown"
    await service.deliver()
    assert (await trail(service))[-1] == "help_desk_reset interrupted"
    (mail,) = service.inbox.sent_to(ADA, "password_changed")
    assert "Our help desk confirmed this change." in " ".join(mail.text.split())


async def test_a_second_step_is_asked_for_as_with_a_link(start: Start) -> None:
    service = await start(
        help_desk=HelpDeskSettings(enabled=True), second_step=SecondStepSettings(source="builtin"), limits=NO_COOLDOWN
    )
    step = service.parts.second_step
    assert step is not None
    assert isinstance(step.step, OwnSecondStep)
    await FactorChanges(service.parts.records, step.step).set_up(await account_of(service), SEED, 0, GRETA)
    token = await redeemed(service)

    assert problem(await service.reset(token)) == "401 second-step-required"
    answer = {"token": token, "newPassword": NEW_PASSWORD, "secondStep": {"method": "totp", "code": code_of()}}
    assert problem(await service.anywhere().post(RESET, json=answer)) == "200"


async def test_the_app_is_told_that_the_help_desk_did_it(start: Start) -> None:
    hooks = WebhookSettings(url=Secret("http://127.0.0.1:9/hook"), secret=Secret("whsec_" + "a" * 32))
    service = await start(help_desk=HelpDeskSettings(enabled=True), webhooks=hooks)
    await service.reset(await redeemed(service))
    (row,) = await service.rows(select(OutboxRow.payload).where(OutboxRow.kind == "webhook_password_changed"))
    assert json.loads(row["payload"])["event"]["data"]["how"] == "help_desk"


# The mailbox that was lost


async def test_a_thief_who_reads_the_mailbox_is_out_and_stays_out(start: Start) -> None:
    service = await start(
        help_desk=HelpDeskSettings(enabled=True),
        limits=NO_COOLDOWN,
        token=TokenSettings(code=True),
        secure_account=SecureAccountSettings(lock=True),
    )
    # The thief takes the account over by mail, keeps a session, a link, a code and the button of his own change.
    await service.reset(await service.link(), "the thief was here")
    session = await service.sign_in(password="the thief was here")
    link = await service.link()
    (code,) = re.findall(r"^\d{8}$", service.inbox.sent_to(ADA, "password_reset")[-1].text, re.MULTILINE)
    await service.deliver()
    button = token_in(service.inbox.sent_to(ADA, "password_changed")[-1])

    # The owner calls the help desk.
    token = await redeemed(service)
    assert not await service.works(link)
    assert problem(await send(service.anywhere(), code)) == REFUSED
    assert problem(await service.reset(token)) == "200"
    await service.deliver()

    # Nothing that the thief has, or that the mailbox may get, lets him in or locks the owner out.
    assert (await session.get(ME)).status_code == 401
    secured = await service.anywhere().post("/api/auth/secure-account", json={"token": button})
    assert problem(secured) == "400 security-link-dead"
    assert await asked_in_vain(service)
    assert "/secure-your-account/" not in service.inbox.sent_to(ADA, "password_changed")[-1].text
    owner = await service.sign_in(password=NEW_PASSWORD)
    await owner.post(CHANGE, json={"currentPassword": NEW_PASSWORD, "newPassword": "a third fine harbour"})
    await service.deliver()
    assert "/secure-your-account/" not in service.inbox.sent_to(ADA, "password_changed")[-1].text
    assert await service.knows("a third fine harbour")


async def test_a_press_of_this_was_not_me_that_waits_for_the_worker_does_nothing_after_the_code(start: Start) -> None:
    service = await start(
        help_desk=HelpDeskSettings(enabled=True), secure_account=SecureAccountSettings(lock=True), limits=NO_COOLDOWN
    )
    await service.reset(await service.link(), "the thief was here")
    await service.deliver()
    button = token_in(service.inbox.sent_to(ADA, "password_changed")[-1])
    await service.anywhere().post("/api/auth/secure-account", json={"token": button})
    before = len(service.inbox.sent_to(ADA, "password_reset"))

    await service.reset(await redeemed(service))
    await service.deliver()
    assert await service.knows(NEW_PASSWORD)
    assert len(service.inbox.sent_to(ADA, "password_reset")) == before
    assert "account_recovery blocked" in await trail(service)


async def test_a_use_of_a_link_that_is_undone_after_the_code_brings_no_link_back(service: Service) -> None:
    link = await service.link()
    used = now()
    await service.write(update(ResetTokenRow).values(used_at=used))  # the app's store is being asked
    await redeemed(service)
    await service.parts.records.transact(lambda tx: tx.links.give_back(tokens.digest(link), used))

    assert not await service.works(link)


async def test_a_blocked_mailbox_gets_no_link_and_the_answer_is_that_of_any_other(service: Service) -> None:
    await redeemed(service)

    answers = [await service.anywhere().post(REQUEST, json={"email": email}) for email in (ADA, NOBODY)]
    assert answers[0].content == answers[1].content
    assert {answer.status_code for answer in answers} == {202}
    await service.deliver()
    assert service.inbox.sent_to(ADA, "password_reset") == []
    assert "reset_request blocked" in await trail(service)


async def test_a_request_for_a_blocked_mailbox_is_the_same_work(service: Service) -> None:
    await redeemed(service)
    await service.deliver()

    async def work(email: str) -> list[str]:
        await service.ask(email)
        with statements_sent() as statements:
            await service.deliver()
        return statements

    assert await work(ADA) == await work(NOBODY)


async def test_the_account_gets_links_again_at_another_address(service: Service) -> None:
    await service.reset(await redeemed(service))
    moved = "ada@new.test"
    await service.write(update(AccountRow).where(AccountRow.email == ADA).values(email=moved))

    assert problem(await service.reset(await service.link(moved), "a third fine harbour")) == "200"
    await service.deliver()
    assert "/secure-your-account/" in service.inbox.sent_to(moved, "password_changed")[-1].text


async def test_the_account_gets_links_again_once_an_operator_unblocks_the_mailbox(service: Service) -> None:
    await service.reset(await redeemed(service))
    mailboxes = service.parts.mailboxes
    assert await service.parts.records.transact(lambda tx: tx.mailboxes.release(ADA)) is False
    assert await asked_in_vain(service)

    assert await service.parts.records.transact(lambda tx: tx.mailboxes.unblock(ADA)) is True
    assert await mailboxes.is_blocked(ADA) is False
    await service.link()


async def test_a_block_holds_while_the_help_desk_is_off(service: Service, start: Start) -> None:
    await service.reset(await redeemed(service))
    without = await start(people={}, limits=NO_COOLDOWN)
    assert await asked_in_vain(without)


async def test_a_purge_keeps_a_block_for_years(service: Service) -> None:
    await redeemed(service)
    await service.parts.retention.purge(now() + timedelta(days=1000))
    assert (await service.rows(select(MailboxRow.blocked_for))) == [{"blocked_for": "help_desk"}]


async def test_an_expired_link_cannot_be_replaced_at_a_blocked_mailbox(service: Service) -> None:
    link = await service.link()
    await service.write(update(ResetTokenRow).values(expires_at=now() - timedelta(seconds=1)))
    await redeemed(service)
    before = len(service.inbox.sent_to(ADA, "password_reset"))

    await service.anywhere().post("/api/auth/replace-expired-link", json={"token": link})
    await service.deliver()
    assert len(service.inbox.sent_to(ADA, "password_reset")) == before


async def test_a_session_cannot_end_the_link_of_a_code_by_a_change_of_the_password(service: Service) -> None:
    token = await redeemed(service)
    thief = await service.sign_in()
    changed = await thief.post(CHANGE, json={"currentPassword": PASSWORD, "newPassword": "mine not yours x"})
    assert problem(changed) == "200"

    assert problem(await service.reset(token)) == "200"


async def test_a_reset_by_mail_does_not_end_a_code(service: Service) -> None:
    code = await read_out(service)
    await service.reset(await service.link(), "the thief was here")
    assert problem(await send(service.anywhere(), code)) == "200"


# The mails


async def test_the_mailbox_is_told_of_a_case_without_a_word_of_what_the_operator_wrote(service: Service) -> None:
    code = await read_out(service)
    await service.deliver()
    (mail,) = service.inbox.sent_to(ADA, "help_requested")

    assert "our help desk was contacted" in mail.subject
    assert "/stop-help/" in mail.text
    assert "help@northwind.example" in mail.text
    assert code not in mail.text + mail.html
    assert "passport" not in mail.text + mail.html


async def test_the_confirmation_says_that_the_help_desk_helped_and_links_nowhere(service: Service) -> None:
    await service.reset(await redeemed(service))
    await service.deliver()
    (mail,) = service.inbox.sent_to(ADA, "password_changed")

    assert "Our help desk confirmed this change." in " ".join(mail.text.split())
    assert TOKEN.findall(mail.text) == []
    assert "/forgot-password" not in mail.text + mail.html


# The mailbox stops a case


async def test_a_stop_ends_the_code_and_needs_time_and_a_second_operator_and_no_more(service: Service) -> None:
    case = await opened(service)
    first = await service.parts.help_desk.issue(case, GRETA)
    assert await stop(service, await stop_token(service)) == "200"

    assert problem(await send(service.anywhere(), first.code)) == REFUSED
    assert "second operator" in await refused(service, case)
    with pytest.raises(HelpRefused, match="another operator has to approve"):
        await service.parts.help_desk.approve(case, Client(operator="Greta"))
    case = await service.parts.help_desk.find(await account_of(service)) or case
    await service.parts.help_desk.approve(case, OMAR)
    assert "no code can be issued before" in await refused(service, case)

    await service.write(update(HelpCaseRow).values(ready_at=now()))
    issued = await service.parts.help_desk.issue(case, GRETA)
    assert problem(await send(service.anywhere(), issued.code)) == "200"
    assert (await trail(service))[2:5] == ["help_desk_stop stopped", "help_desk approved", "help_desk code_issued"]


async def test_a_case_is_stopped_once(service: Service) -> None:
    await opened(service)
    token = await stop_token(service)

    assert await stop(service, token) == "200"
    assert await stop(service, token) == "400 security-link-dead"


async def test_a_stop_withdraws_an_approval(start: Start) -> None:
    service = await start(help_desk=HelpDeskSettings(enabled=True, approval=True, delay=timedelta(0)))
    case = await opened(service)
    await service.parts.help_desk.approve(case, OMAR)
    await stop(service, await stop_token(service))
    assert "second operator" in await refused(service, case)


async def test_the_button_is_dead_once_the_code_was_used(service: Service) -> None:
    case = await opened(service)
    token = await stop_token(service)
    issued = await service.parts.help_desk.issue(case, GRETA)
    await send(service.anywhere(), issued.code)

    assert await stop(service, token) == "400 security-link-dead"


@pytest.mark.parametrize("token", ["", "x" * 43])
async def test_an_invented_token_stops_nothing(service: Service, token: str) -> None:
    case = await opened(service)
    assert await stop(service, token) in {"400 security-link-dead", "400 invalid-input"}
    assert isinstance(await service.parts.help_desk.issue(case, GRETA), ReadOutCode)


# Operators


async def test_a_code_waits_as_long_as_the_settings_say(start: Start) -> None:
    service = await start(help_desk=HelpDeskSettings(enabled=True, wait=timedelta(hours=2)))
    case = await opened(service)

    assert "no code can be issued before" in await refused(service, case)
    await service.write(update(HelpCaseRow).values(ready_at=now()))
    assert await service.parts.help_desk.issue(case, GRETA)


async def test_four_eyes_are_two_operators(start: Start) -> None:
    service = await start(help_desk=HelpDeskSettings(enabled=True, approval=True))
    case = await opened(service)

    assert "second operator" in await refused(service, case)
    with pytest.raises(HelpRefused, match="greta opened this case"):
        await service.parts.help_desk.approve(case, GRETA)
    await service.parts.help_desk.approve(case, OMAR)
    assert await service.parts.help_desk.issue(case, GRETA)
    with pytest.raises(HelpRefused, match="needs no approval"):
        await service.parts.help_desk.approve(case, OMAR)


async def test_an_operator_approves_only_what_the_case_was_when_it_was_read(start: Start) -> None:
    service = await start(help_desk=HelpDeskSettings(enabled=True, approval=True))
    case = await opened(service)
    await stop(service, await stop_token(service))

    with pytest.raises(HelpRefused, match="has changed meanwhile"):
        await service.parts.help_desk.approve(case, OMAR)


async def test_an_operator_issues_so_many_codes_a_day_and_another_goes_on(start: Start) -> None:
    service = await start(help_desk=HelpDeskSettings(enabled=True, daily=2))
    case = await opened(service)
    for _ in range(2):
        await service.parts.help_desk.issue(case, GRETA)

    assert "greta has issued 2 codes in 24 hours" in await refused(service, case)
    assert await service.parts.help_desk.issue(case, OMAR)
    await service.write(update(AuditRow).values(at=now() - timedelta(days=1)))
    assert await service.parts.help_desk.issue(case, GRETA)


async def test_codes_at_the_same_moment_do_not_pass_the_limit_of_an_operator(start: Start) -> None:
    service = await start(help_desk=HelpDeskSettings(enabled=True, daily=2))
    case = await opened(service)
    desk = service.parts.help_desk
    results = await asyncio.gather(*(desk.issue(case, GRETA) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, ReadOutCode) for result in results) == 2


# What a stranger can make it cost


async def test_a_client_has_five_tries_and_is_not_told_when_they_are_over(service: Service) -> None:
    code = await read_out(service)
    stranger = service.at("203.0.113.7")
    for _ in range(5):
        assert problem(await send(stranger, "00000000")) == REFUSED

    assert problem(await send(stranger, code)) == REFUSED
    assert problem(await send(service.anywhere(), code)) == "200"


async def test_a_network_of_a_stranger_cannot_use_up_a_code(service: Service) -> None:
    code = await read_out(service)
    for subscriber in range(12):
        for host in range(2):
            stranger = service.at(f"2001:db8:7:{subscriber:x}{host:02x}::1")
            for _ in range(5):
                await send(stranger, "00000000")

    assert problem(await send(service.anywhere(), code)) == "200"


async def test_all_clients_together_have_a_hundred_tries(service: Service) -> None:
    code = await read_out(service)
    await service.write(update(HelpCaseRow).values(tries=TRIES - 1))
    assert problem(await send(service.anywhere(), "00000000")) == REFUSED
    assert problem(await send(service.anywhere(), code)) == REFUSED

    case = await service.parts.help_desk.find(await account_of(service))
    assert case is not None
    again = await service.parts.help_desk.issue(case, GRETA)
    assert problem(await send(service.anywhere(), again.code)) == "200"


async def test_requests_and_tries_at_mailed_codes_leave_the_code_alone(start: Start) -> None:
    limits = msgspec.structs.replace(NO_COOLDOWN, code_overall="1/minute")
    service = await start(help_desk=HelpDeskSettings(enabled=True), token=TokenSettings(code=True), limits=limits)
    code = await read_out(service)
    await service.link()
    for _ in range(3):
        await send(service.anywhere(), "00000000")
    assert problem(await send(service.anywhere(), "00000000")) == "429 too-many-requests"

    assert problem(await send(service.anywhere(), code)) == "200"


async def test_a_mailed_code_works_beside_the_help_desk(start: Start) -> None:
    service = await start(help_desk=HelpDeskSettings(enabled=True), token=TokenSettings(code=True))
    await read_out(service)
    await service.link()
    (mailed,) = re.findall(r"^\d{8}$", service.inbox.sent_to(ADA, "password_reset")[-1].text, re.MULTILINE)

    answer = await send(service.anywhere(), mailed)
    assert problem(answer) == "200"
    assert not await service.parts.mailboxes.is_blocked(ADA)


async def test_a_try_is_the_same_work_with_and_without_a_code(service: Service) -> None:
    await read_out(service)

    async def work(email: str) -> tuple[str, list[str]]:
        with statements_sent() as statements:
            answer = problem(await send(service.anywhere(), "00000000", email))
        return answer, statements

    assert await work(ADA) == await work(NOBODY) == await work(DAN)
    (count,) = await service.rows(select(func.count().label("rows")).select_from(HelpCaseRow))
    assert count == {"rows": 3}


async def test_rows_without_a_case_and_cases_that_are_over_are_purged(service: Service) -> None:
    await read_out(service)
    await send(service.anywhere(), "00000000", NOBODY)

    assert (await service.parts.retention.purge(now()))["help_cases"] == 0
    assert (await service.parts.retention.purge(now() + timedelta(hours=2)))["help_cases"] == 1
    assert (await service.parts.retention.purge(now() + timedelta(hours=26)))["help_cases"] == 1


async def test_a_strangers_tries_keep_no_case_that_is_over(service: Service) -> None:
    await read_out(service)
    over = now() + timedelta(hours=26)
    await service.write(update(HelpCaseRow).values(touched_at=over))

    assert (await service.parts.retention.purge(over))["help_cases"] == 1


async def test_without_the_setting_there_is_neither_a_route_nor_a_statement(start: Start) -> None:
    service = await start()
    assert (await service.anywhere().post(VERIFY, json={"email": ADA, "code": "00000000"})).status_code == 404
    assert (await service.anywhere().post(STOP, json={"token": "x" * 43})).status_code == 404
    assert service.parts.paths.help == ""


async def test_a_code_needs_no_codes_in_mails(service: Service) -> None:
    assert service.parts.settings.token.code is False
    await service.link()
    assert re.findall(r"^\d{8}$", service.inbox.mails[-1].text, re.MULTILINE) == []
    texts = await service.anywhere().get("/api/auth/texts")
    assert texts.json()["codes"] is False
