"""An unwanted change of the password: one link ends all access, and sends a new link to the old address."""

import asyncio
from hashlib import sha256
from typing import Any

import pytest
from tests.driver.elsewhere import Lockable, UnendingSessions
from tests.driver.inbox import TOKEN, code_in, token_in
from tests.driver.lost_commits import losing_commits, losing_the_database
from tests.driver.service import ADA, ME, NEW_PASSWORD, SECURE, Service, Start, problem

from keyturn import Account

pytestmark = pytest.mark.any_database

THIEF = "thief@elsewhere.test"
NEW = "ada@elsewhere.test"
OWN_PASSWORD = "nineteen patient herons"
LOCKING: dict[str, Any] = {"secure_account": {"lock": True}}


async def stolen(service: Service) -> str:
    """Change Ada's password; return the token of the mail that tells her."""
    assert problem(await service.reset(await service.link())) == "200"
    await service.deliver()
    return token_in(service.inbox.sent_to(ADA, "password_changed")[-1])


async def secure(service: Service, token: str) -> str:
    return problem(await service.anywhere().post(SECURE, json={"token": token}))


async def recovery_link(service: Service, email: str = ADA) -> str:
    before = len(service.inbox.sent_to(email, "password_reset"))
    await service.deliver()
    return token_in(service.inbox.sent_to(email, "password_reset")[before])


async def move(service: Service, email: str = THIEF) -> None:
    await service.change_account(email=email)


async def trail(service: Service) -> list[tuple[str, str]]:
    return [(entry.event, entry.outcome) for entry in await service.trail()]


async def test_it_ends_every_session_and_link_and_mails_a_new_one(service: Service) -> None:
    token = await stolen(service)
    thief = await service.sign_in(password=NEW_PASSWORD)
    pending = await _another_link(service)

    assert await secure(service, token) == "200"
    assert (await thief.get(ME)).status_code == 401
    assert not await service.works(pending)

    fresh = await recovery_link(service)
    assert problem(await service.reset(fresh, OWN_PASSWORD)) == "200"
    assert await service.knows(OWN_PASSWORD)
    assert ("account_secured", "secured") in await trail(service)
    assert ("account_recovery", "link_mailed") in await trail(service)


async def _another_link(service: Service) -> str:
    """Return a link once the cooldown is over."""
    service.let_time_pass(hours=1)
    return await service.link()


@pytest.mark.long
async def test_of_fifty_at_once_one_is_told_yes_and_one_mail_goes_out(service: Service) -> None:
    token = await stolen(service)
    answers = await asyncio.gather(*(secure(service, token) for _ in range(50)))
    await service.deliver()

    assert sorted(answers) == ["200"] + ["400 security-link-dead"] * 49
    assert len(service.inbox.sent_to(ADA, "password_reset")) == 2  # the thief's, and this one


async def test_a_press_with_a_lost_commit_is_an_unknown_outcome(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await stolen(service)
    with losing_commits(monkeypatch):
        assert await secure(service, token) == "200"

    assert await service.works(await recovery_link(service))


async def test_the_same_client_gets_the_same_answer_while_the_link_lives(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, owner = await stolen(service), service.at("198.51.100.7")
    with losing_the_database(monkeypatch):
        assert problem(await owner.post(SECURE, json={"token": token})) == "503 unavailable"
    fresh = await recovery_link(service)

    for _ in range(2):
        assert problem(await owner.post(SECURE, json={"token": token})) == "200"
    assert await secure(service, token) == "400 security-link-dead"
    await service.deliver()
    assert await service.works(fresh)
    assert len(service.inbox.sent_to(ADA, "password_reset")) == 2  # the thief's, and this one
    assert (await trail(service)).count(("account_secured", "secured")) == 1
    service.let_time_pass(days=1)
    assert problem(await owner.post(SECURE, json={"token": token})) == "400 security-link-dead"


@pytest.mark.long
async def test_whatever_is_wrong_with_a_link_the_answer_is_the_same(service: Service) -> None:
    used = await stolen(service)
    assert await secure(service, used) == "200"
    await service.deliver()
    expired = await _changed_again(service)
    service.let_time_pass(days=1)
    other_kind = await _another_link(service)
    answers = [
        await service.anywhere().post(SECURE, json={"token": token}) for token in (used, expired, other_kind, "x" * 43)
    ]

    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert len({tuple(sorted(answer.headers)) for answer in answers}) == 1
    assert problem(answers[0]) == "400 security-link-dead"


async def _changed_again(service: Service) -> str:
    token = await _another_link(service)
    assert problem(await service.reset(token, OWN_PASSWORD)) == "200"
    await service.deliver()
    return token_in(service.inbox.sent_to(ADA, "password_changed")[-1])


async def test_both_addresses_are_told_and_neither_learns_the_other(service: Service) -> None:
    token = await stolen(service)
    await move(service, NEW)
    assert await secure(service, token) == "200"
    await service.deliver()

    (old,), (new,) = (service.inbox.sent_to(email, "address_disputed") for email in (ADA, NEW))
    assert "We don’t send links to earlier addresses" in " ".join(old.text.split())
    assert not TOKEN.search(old.text + new.text)
    assert NEW not in old.text + old.html
    assert ADA not in new.text + new.html


@pytest.mark.long
async def test_the_press_of_an_old_mailbox_leaves_the_links_and_codes_of_the_present_one(start: Start) -> None:
    service = await start(token={"code": True})
    token = await stolen(service)
    await move(service, NEW)
    pending = await service.link(NEW)
    assert await secure(service, token) == "200"

    code = code_in(service.inbox.sent_to(NEW, "password_reset")[-1])
    answer = await service.anywhere().post("/api/auth/verify-reset-code", json={"email": NEW, "code": code})
    assert problem(answer) == "200"
    assert await service.works(pending)


@pytest.mark.long
async def test_an_account_that_moves_while_it_is_being_locked_stays_open_even_if_its_store_fails_then(
    start: Start,
) -> None:
    class Restless(Lockable):
        """Moves an account to another address while it is being locked, and cannot be reached after that."""

        async def lock(self, account: Account) -> bool:
            self.move(account.id, NEW)
            is_locked = await super().lock(account)
            self.is_away = True
            return is_locked

    store = Restless(Account(id="u-1", email=ADA))
    service = await start(store=store, sign_in_url="{base_url}/login", **LOCKING)
    assert await secure(service, await stolen(service)) == "200"
    await service.deliver()
    store.is_away = False
    service.let_time_pass(minutes=10)
    await service.deliver()

    assert await service.knows(NEW_PASSWORD, NEW)
    assert ("account_recovery", "address_changed") in await trail(service)


@pytest.mark.long
async def test_neither_of_two_mailboxes_ends_the_button_of_the_other(service: Service) -> None:
    first = await stolen(service)
    await move(service, NEW)
    assert problem(await service.reset(await service.link(NEW), OWN_PASSWORD)) == "200"
    await service.deliver()
    second = token_in(service.inbox.sent_to(NEW, "password_changed")[-1])

    assert await secure(service, first) == "200"
    assert await secure(service, second) == "200"
    await service.deliver()
    assert await service.works(token_in(service.inbox.sent_to(NEW, "password_reset")[-1]))
    assert len(service.inbox.sent_to(ADA, "password_reset")) == 1  # the thief's own


async def _change_in_session(service: Service, email: str) -> None:
    browser = await service.sign_in(email, NEW_PASSWORD)
    changed = await browser.post(
        "/api/auth/change-password", json={"currentPassword": NEW_PASSWORD, "newPassword": "twelve sly magpies here"}
    )
    assert problem(changed) == "200"
    await service.deliver()


async def test_a_change_in_a_session_ends_no_button_of_the_accounts_own_address(service: Service) -> None:
    first = await stolen(service)
    await _change_in_session(service, ADA)

    assert await secure(service, first) == "200"


@pytest.mark.long
async def test_a_used_link_ends_those_of_later_changes(service: Service) -> None:
    first = await stolen(service)
    second = await _changed_again(service)

    assert await secure(service, first) == "200"
    assert await secure(service, second) == "400 security-link-dead"


@pytest.mark.long
async def test_changes_and_requests_do_not_end_the_recovery_link(service: Service) -> None:
    token = await stolen(service)
    assert await secure(service, token) == "200"
    fresh = await recovery_link(service)
    await _change_in_session(service, ADA)
    for _ in range(6):
        await _another_link(service)

    assert await service.works(fresh)


@pytest.mark.long
async def test_after_a_lock_the_owner_gets_a_link_for_a_day_and_another_on_request(start: Start) -> None:
    service = await start(**LOCKING)
    assert await secure(service, await stolen(service)) == "200"
    await recovery_link(service)
    mail = service.inbox.sent_to(ADA, "password_reset")[-1]
    assert "1 day" in mail.text or "24 hours" in mail.text

    another = await _another_link(service)
    mail = service.inbox.sent_to(ADA, "password_reset")[-1]
    assert "you told us that you didn’t change" in mail.text
    assert "No one can sign in until you choose a new password." in mail.text
    assert f"Choose a new password at this address:\n\n{service.anywhere().base_url}" in mail.text
    assert "Didn’t tell us this?" in mail.text
    assert not await service.knows(NEW_PASSWORD)
    assert problem(await service.reset(another, OWN_PASSWORD)) == "200"
    assert await service.knows(OWN_PASSWORD)


@pytest.mark.long
async def test_the_owner_of_a_locked_account_whom_an_operator_asks_gets_that_mail_with_the_reason(start: Start) -> None:
    service = await start(**LOCKING)
    assert await secure(service, await stolen(service)) == "200"
    await recovery_link(service)
    assert await service.operator.reset(ADA, "A copy of our database was stolen.") == "asked"
    await service.deliver()
    mail = service.inbox.sent_to(ADA, "password_reset")[-1]

    assert "you told us that you didn’t change" in mail.text
    assert "A copy of our database was stolen." in mail.text
    assert "1 day" in mail.text


@pytest.mark.long
async def test_a_press_of_an_old_mailbox_does_not_keep_the_present_one_from_a_locked_account(start: Start) -> None:
    service = await start(**LOCKING)
    old = await stolen(service)
    await move(service, NEW)
    assert problem(await service.reset(await service.link(NEW), OWN_PASSWORD)) == "200"
    await service.deliver()
    assert await secure(service, token_in(service.inbox.sent_to(NEW, "password_changed")[-1])) == "200"
    await service.deliver()
    assert await secure(service, old) == "200"
    await service.deliver()
    assert not await service.knows(OWN_PASSWORD, NEW)

    service.let_time_pass(hours=1)
    assert problem(await service.reset(await service.link(NEW), "twelve sly magpies here")) == "200"
    assert await service.knows("twelve sly magpies here", NEW)


@pytest.mark.long
async def test_the_purge_keeps_accounts_that_are_yet_to_be_locked(start: Start) -> None:
    service = await start(**LOCKING)
    token = await stolen(service)
    assert await secure(service, token) == "200"  # and no worker, or no store, for more than a week
    service.let_time_pass(days=31)
    await service.purge()
    await service.deliver()

    await _another_link(service)
    assert (await trail(service))[-1:] == [("reset_request", "link_mailed")]


@pytest.mark.long
async def test_the_purge_forgets_it_with_the_entry_in_the_trail(start: Start) -> None:
    service = await start(**LOCKING)
    token = await stolen(service)
    assert await secure(service, token) == "200"
    assert problem(await service.reset(await recovery_link(service), OWN_PASSWORD)) == "200"
    digest = sha256(token.encode()).digest()
    assert digest in [value for _, value in await service.dump()]
    service.let_time_pass(days=367)
    await service.purge()

    assert digest not in [value for _, value in await service.dump()]


@pytest.mark.long
async def test_a_store_that_is_down_undoes_nothing_and_is_asked_until_it_answers(start: Start) -> None:
    store = Lockable(Account(id="u-1", email=ADA))
    service = await start(store=store, sign_in_url="{base_url}/login", **LOCKING)
    token = await stolen(service)
    thief = await service.sign_in(password=NEW_PASSWORD)
    pending = await _another_link(service)
    store.is_away = True
    assert await secure(service, token) == "200"
    await service.deliver()
    store.is_away = False
    assert (await thief.get(ME)).status_code == 401
    assert not await service.works(pending)
    assert await service.knows(NEW_PASSWORD)

    service.let_time_pass(hours=1)
    assert await service.works(await recovery_link(service))
    assert not await service.knows(NEW_PASSWORD)


async def test_sessions_that_cannot_be_ended_keep_no_account_from_being_locked(start: Start) -> None:
    store = UnendingSessions(Account(id="u-1", email=ADA))
    service = await start(store=store, sign_in_url="{base_url}/login", **LOCKING)
    token = await stolen(service)
    assert await service.knows(NEW_PASSWORD)
    assert await secure(service, token) == "200"
    await service.deliver()

    assert store.tries == ["u-1"]
    assert not await service.knows(NEW_PASSWORD)


async def test_an_account_whose_store_writes_the_address_otherwise_while_it_locks_is_locked(start: Start) -> None:
    class Respelling(Lockable):
        """Writes an address in its own way while it locks the account, once."""

        async def lock(self, account: Account) -> bool:
            self.move(account.id, "Ada@northwind.test")
            return await super().lock(account)

    service = await start(store=Respelling(Account(id="u-1", email=ADA)), sign_in_url="{base_url}/login", **LOCKING)
    assert await secure(service, await stolen(service)) == "200"
    await service.deliver()
    service.let_time_pass(minutes=10)
    await service.deliver()

    assert not await service.knows(NEW_PASSWORD)
    assert await service.works(token_in(service.inbox.sent_to("Ada@northwind.test", "password_reset")[-1]))


async def test_an_account_that_an_operator_disabled_stays_so(start: Start) -> None:
    service = await start(**LOCKING)
    token = await stolen(service)
    await service.change_account(active=False)
    assert await secure(service, token) == "200"
    await service.deliver()

    assert ("account_recovery", "disabled") in await trail(service)


@pytest.mark.parametrize(("url", "has_link"), [("{base_url}/secure-your-account/{token}", True), ("", False)])
async def test_without_a_page_the_mail_has_no_link_and_leads_to_a_request(
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
