"""An unwanted change of the password: one link ends all access, and sends a new link to the old
address.
"""

import asyncio
from hashlib import sha256
from typing import Any

import pytest
from tests.driver.elsewhere import Lockable
from tests.driver.inbox import TOKEN, code_in, token_in
from tests.driver.lost_commits import losing_commits, losing_the_database
from tests.driver.second_factors import BUILTIN, code_of, enrol, reset_with
from tests.driver.service import (
    ADA,
    ME,
    NEW_PASSWORD,
    SECURE,
    VERIFY,
    Service,
    Start,
    change,
    problem,
)

from keyturn import Account, AccountsUnready

pytestmark = pytest.mark.any_database

NEW = "ada@elsewhere.test"
OWN_PASSWORD, LAST_PASSWORD = "nineteen patient herons", "twelve sly magpies here"
LOCKING: dict[str, Any] = {"secure_account": {"lock": True}}
DEAD = "400 security-link-dead"


async def changed(service: Service, email: str = ADA, password: str = NEW_PASSWORD) -> str:
    """Change the account's password, as a thief does; return the button of the mail that tells its
    owner.
    """
    assert problem(await service.reset(await service.link(email), password)) == "200"
    return await service.newest(email, "password_changed")


async def another_link(service: Service, email: str = ADA) -> str:
    """Return a link once the cooldown is over."""
    service.let_time_pass(hours=1)
    return await service.link(email)


async def pressed(service: Service, token: str) -> None:
    assert await service.press(token) == "200"
    await service.deliver()


async def change_in_session(service: Service) -> None:
    browser = await service.sign_in(password=NEW_PASSWORD)
    assert await change(browser, LAST_PASSWORD, NEW_PASSWORD) == "200"
    await service.deliver()


async def trail(service: Service) -> list[tuple[str, str]]:
    return [(entry.event, entry.outcome) for entry in await service.trail()]


async def test_it_ends_every_session_and_link_and_mails_a_new_one(service: Service) -> None:
    token = await changed(service)
    thief = await service.sign_in(password=NEW_PASSWORD)
    pending = await another_link(service)
    assert await service.press(token) == "200"
    assert (await thief.get(ME)).status_code == 401
    assert not await service.works(pending)
    assert problem(await service.reset(await service.newest(), OWN_PASSWORD)) == "200"
    assert await service.knows(OWN_PASSWORD)
    assert {("account_secured", "secured"), ("account_recovery", "link_mailed")} <= {
        *await trail(service)
    }


@pytest.mark.long
async def test_of_fifty_at_once_one_is_told_yes_and_one_mail_goes_out(service: Service) -> None:
    token = await changed(service)
    answers = await asyncio.gather(*(service.press(token) for _ in range(50)))
    await service.deliver()
    assert sorted(answers) == ["200"] + [DEAD] * 49
    assert len(service.inbox.sent_to(ADA, "password_reset")) == 2  # the thief's, and this one


async def test_a_press_with_a_lost_commit_counts_and_a_client_gets_one_answer_while_the_link_lives(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await changed(service)
    with losing_commits(monkeypatch):
        assert await service.press(token) == "200"
    assert await service.works(await service.newest())
    service.let_time_pass(hours=1)

    body, owner = (
        {"token": await changed(service, password=OWN_PASSWORD)},
        service.at("198.51.100.7"),
    )
    with losing_the_database(monkeypatch):
        assert problem(await owner.post(SECURE, json=body)) == "503 unavailable"
    fresh = await service.newest()
    assert [problem(await owner.post(SECURE, json=body)) for _ in range(2)] == ["200"] * 2
    assert await service.press(body["token"]) == DEAD
    assert await service.newest() == fresh
    assert await service.works(fresh)
    assert (await trail(service)).count(("account_secured", "secured")) == 2
    service.let_time_pass(days=1)
    assert problem(await owner.post(SECURE, json=body)) == DEAD


@pytest.mark.long
async def test_whatever_is_wrong_with_a_link_the_answer_is_the_same(service: Service) -> None:
    used = await changed(service)
    await pressed(service, used)
    service.let_time_pass(hours=1)
    expired = await changed(service, password=OWN_PASSWORD)
    service.let_time_pass(days=1)
    tokens = (used, expired, await another_link(service), "x" * 43)
    answers = [await service.anywhere().post(SECURE, json={"token": token}) for token in tokens]
    assert (
        len({(answer.status_code, answer.content, *sorted(answer.headers)) for answer in answers})
        == 1
    )
    assert problem(answers[0]) == DEAD


async def test_both_addresses_are_told_and_neither_learns_the_other_or_ends_its_links_codes_buttons(
    start: Start,
) -> None:
    service = await start(token={"code": True})
    first = await changed(service)
    await service.change_account(email=NEW)
    second = await changed(service, NEW, OWN_PASSWORD)
    pending = await service.link(NEW)
    await pressed(service, first)
    (old,), (new,) = (service.inbox.sent_to(email, "address_disputed") for email in (ADA, NEW))
    assert "We don’t send links to earlier addresses" in " ".join(old.text.split())
    assert not TOKEN.search(old.text + new.text)
    assert NEW not in old.text + old.html
    assert ADA not in new.text + new.html

    code = code_in(service.inbox.sent_to(NEW, "password_reset")[-1])
    assert (
        problem(await service.anywhere().post(VERIFY, json={"email": NEW, "code": code})) == "200"
    )
    assert await service.works(pending)
    assert await service.press(second) == "200"
    assert await service.works(await service.newest(NEW))
    assert len(service.inbox.sent_to(ADA, "password_reset")) == 1  # the thief's own


@pytest.mark.long
async def test_a_used_button_ends_those_of_later_changes_and_a_change_in_a_session_ends_none(
    service: Service,
) -> None:
    first = await changed(service)
    await change_in_session(service)
    service.let_time_pass(hours=1)
    last = await changed(service, password=OWN_PASSWORD)
    assert [await service.press(first), await service.press(last)] == ["200", DEAD]
    assert (await trail(service))[-1] == ("account_secured", "link_invalid")


@pytest.mark.long
async def test_changes_and_requests_do_not_end_the_recovery_link(service: Service) -> None:
    await pressed(service, await changed(service))
    fresh = await service.newest()
    await change_in_session(service)
    for _ in range(6):
        await another_link(service)
    assert await service.works(fresh)


@pytest.mark.long
async def test_after_a_lock_the_owner_gets_a_link_for_a_day_and_others_as_often_as_asked(
    start: Start,
) -> None:
    service = await start(**LOCKING)
    await pressed(service, await changed(service))
    mail = service.inbox.sent_to(ADA, "password_reset")[-1]
    assert "1 day" in mail.text
    assert await service.operator.reset(ADA, "A copy of our database was stolen.") == "asked"
    await service.deliver()
    mail = service.inbox.sent_to(ADA, "password_reset")[-1]
    for said in (
        "you told us that you didn’t change",
        "A copy of our database was stolen.",
        "1 day",
    ):
        assert said in mail.text

    another = await another_link(service)
    mail = service.inbox.sent_to(ADA, "password_reset")[-1]
    for said in (
        "you told us that you didn’t change",
        "No one can sign in until you choose a new password.",
        f"Choose a new password at this address:\n\n{service.anywhere().base_url}",
        "Didn’t tell us this?",
    ):
        assert said in mail.text
    assert not await service.knows(NEW_PASSWORD)
    assert problem(await service.reset(another, OWN_PASSWORD)) == "200"
    assert await service.knows(OWN_PASSWORD)


@pytest.mark.long
async def test_a_press_of_an_old_mailbox_does_not_keep_the_present_one_from_a_locked_account(
    start: Start,
) -> None:
    service = await start(**LOCKING)
    old = await changed(service)
    await service.change_account(email=NEW)
    await pressed(service, await changed(service, NEW, OWN_PASSWORD))
    await pressed(service, old)
    assert not await service.knows(OWN_PASSWORD, NEW)
    assert problem(await service.reset(await another_link(service, NEW), LAST_PASSWORD)) == "200"
    assert await service.knows(LAST_PASSWORD, NEW)


@pytest.mark.long
async def test_the_purge_keeps_what_is_yet_to_be_locked_and_forgets_with_the_trail_s_entry(
    start: Start,
) -> None:
    service = await start(**LOCKING)
    token = await changed(service)
    digest = sha256(token.encode()).digest()
    assert await service.press(token) == "200"  # and no worker, or no store, for more than a week
    service.let_time_pass(days=31)
    await service.purge()
    await service.deliver()

    link = await another_link(service)
    assert (await trail(service))[-1:] == [("reset_request", "link_mailed")]
    assert problem(await service.reset(link, OWN_PASSWORD)) == "200"
    assert digest in [value for _, value in await service.dump()]
    service.let_time_pass(days=367)
    await service.purge()
    assert digest not in [value for _, value in await service.dump()]


# A notice that waits in the outbox


async def without_button(service: Service, email: str = ADA) -> bool:
    """Deliver what waits; tell whether the newest confirmation has no button, and says how to get a
    link instead.
    """
    await service.deliver()
    text = service.inbox.sent_to(email, "password_changed")[-1].text
    return not TOKEN.search(text) and "/forgot-password" in text


@pytest.mark.parametrize("is_late", [True, False], ids=["late", "in time"])
async def test_late_button_after_a_proven_change(service: Service, is_late: bool) -> None:
    """A change in a session at a new address ends the old mailbox's button, also if its mail is
    written later.
    """
    assert problem(await service.reset(await service.link())) == "200"
    button = "" if is_late else await service.newest(template="password_changed")
    await service.change_account(email=NEW)
    browser = await service.sign_in(NEW, NEW_PASSWORD)
    assert await change(browser, OWN_PASSWORD, NEW_PASSWORD) == "200"
    if is_late:
        assert await without_button(service)
    else:
        assert await service.press(button) == DEAD
    assert (await browser.get(ME)).status_code == 200
    await service.deliver()
    (own,) = [
        mail for mail in service.inbox.sent_to(NEW, "password_changed") if TOKEN.search(mail.text)
    ]
    assert await service.press(token_in(own)) == "200"


@pytest.mark.parametrize(
    "is_proven", [True, False], ids=["with a second factor", "with a link alone"]
)
async def test_late_button_after_a_reset(start: Start, is_proven: bool) -> None:
    """A reset at a new address ends the old mailbox's late button if it took a second factor; a
    link alone does not.
    """
    service = await start(second_step=BUILTIN)
    assert problem(await service.reset(await service.link())) == "200"
    await service.change_account(email=NEW)
    step = {}
    if is_proven:
        await enrol(service, NEW)
        step = {"method": "totp", "code": code_of()}
    link = await service.operator.print_link(NEW, "Lost the mailbox; passport checked.")
    token = link.rpartition("/")[2]
    assert problem(await reset_with(service, token, password=OWN_PASSWORD, **step)) == "200"
    assert await without_button(service) == is_proven
    if not is_proven:
        assert await service.press(await service.newest(template="password_changed")) == "200"


@pytest.mark.parametrize("is_late", [True, False], ids=["late", "in time"])
async def test_late_button_after_a_press(service: Service, is_late: bool) -> None:
    """A press ends the buttons of later changes, also if their mails are written after it."""
    first = await changed(service)
    link = await another_link(service)
    assert problem(await service.reset(link, OWN_PASSWORD)) == "200"
    button = "" if is_late else await service.newest(template="password_changed")
    assert await service.press(first) == "200"
    if is_late:
        assert await without_button(service)
    else:
        assert await service.press(button) == DEAD
    assert problem(await service.reset(await service.newest(), LAST_PASSWORD)) == "200"
    assert await service.press(await service.newest(template="password_changed")) == "200"


# Accounts in another system


class Unending(Lockable):
    async def end_sessions(self, _: str) -> None:
        raise AccountsUnready("the sessions cannot be reached")


class Restless(Lockable):
    """Moves an account to another address while it is being locked, and cannot be reached after
    that.
    """

    async def lock(self, account: Account) -> bool:
        self.move(account.id, NEW)
        is_locked = await super().lock(account)
        self.is_away = True
        return is_locked


class Respelling(Lockable):
    """Writes an address in its own way while it locks the account, once."""

    async def lock(self, account: Account) -> bool:
        self.move(account.id, "Ada@northwind.test")
        return await super().lock(account)


async def over(start: Start, store: Lockable) -> Service:
    return await start(store=store, sign_in_url="{base_url}/login", **LOCKING)


@pytest.mark.long
async def test_a_store_that_is_down_undoes_nothing_and_is_asked_until_it_answers(
    start: Start,
) -> None:
    store = Lockable(Account(id="u-1", email=ADA))
    service = await over(start, store)
    token = await changed(service)
    thief = await service.sign_in(password=NEW_PASSWORD)
    pending = await another_link(service)
    store.is_away = True
    await pressed(service, token)
    store.is_away = False
    assert (await thief.get(ME)).status_code == 401
    assert not await service.works(pending)
    assert await service.knows(NEW_PASSWORD)

    service.let_time_pass(hours=1)
    assert await service.works(await service.newest())
    assert not await service.knows(NEW_PASSWORD)


@pytest.mark.parametrize(
    ("kind", "email", "is_locked"),
    [(Unending, ADA, True), (Restless, NEW, False), (Respelling, "Ada@northwind.test", True)],
)
@pytest.mark.long
async def test_an_account_is_locked_whatever_else_fails_but_not_at_an_address_it_moves_to_meanwhile(
    start: Start, kind: type[Lockable], email: str, is_locked: bool
) -> None:
    store = kind(Account(id="u-1", email=ADA))
    service = await over(start, store)
    await pressed(service, await changed(service))
    store.is_away = False
    service.let_time_pass(minutes=10)
    await service.deliver()
    assert await service.knows(NEW_PASSWORD, email) == (not is_locked)
    if kind is Respelling:
        assert await service.works(await service.newest(email))
    if kind is Restless:
        assert ("account_recovery", "address_changed") in await trail(service)


async def test_an_account_that_an_operator_disabled_stays_so(start: Start) -> None:
    service = await start(**LOCKING)
    token = await changed(service)
    await service.change_account(active=False)
    await pressed(service, token)
    assert ("account_recovery", "disabled") in await trail(service)


@pytest.mark.parametrize(
    ("url", "has_link"), [("{base_url}/secure-your-account/{token}", True), ("", False)]
)
async def test_without_a_page_the_mail_leads_to_a_request(
    start: Start, url: str, has_link: bool
) -> None:
    service = await start(secure_account={"url": url})
    assert problem(await service.reset(await service.link())) == "200"
    await service.deliver()
    (mail,) = service.inbox.sent_to(ADA, "password_changed")
    for part in (mail.text, mail.html):
        assert bool(TOKEN.search(part)) == has_link
        assert ("/secure-your-account/" in part) == has_link
        assert ("/forgot-password" in part) != has_link
