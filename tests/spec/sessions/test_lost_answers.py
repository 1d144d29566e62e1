"""A password change with an unknown outcome: no answer denies it, the link is used, and the
confirmation follows.
"""

import re
from typing import Any

import pytest
from tests.driver.elsewhere import LEAKED, Elsewhere, Readable, confirmations
from tests.driver.lost_commits import losing_commits
from tests.driver.service import (
    ADA,
    ME,
    NEW_PASSWORD,
    NO_COOLDOWN,
    Service,
    change,
    problem,
    running,
    settings_for,
)
from tests.driver.visitor import Visitor, heading, words

from keyturn import Account, AccountsUnready, KeyturnError

pytestmark = pytest.mark.any_database

THIRD = "nineteen silent anchors"


@pytest.fixture
def store() -> Elsewhere:
    return Readable(Account(id="u-1", email=ADA, name="Ada"))


@pytest.fixture
def service_options(store: Elsewhere) -> dict[str, Any]:
    return {"store": store, "limits": NO_COOLDOWN, "sign_in_url": "{base_url}/login"}


async def test_a_store_that_forgets_to_return_has_said_neither_yes_nor_no(
    service: Service, store: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def set_password(account: Account, _: object) -> None:
        store.passwords[account.id] = NEW_PASSWORD

    token = await service.link()
    monkeypatch.setattr(store, "set_password", set_password)
    assert problem(await service.reset(token)) == "504 outcome-unknown"
    assert await confirmations(service) == 1


@pytest.mark.parametrize(
    "lost", [AccountsUnready("502"), TimeoutError(), ValueError("odd")], ids=repr
)
@pytest.mark.long
async def test_a_lost_answer_is_unknown_and_confirmed(
    lost: Exception, service: Service, store: Elsewhere
) -> None:
    browser, other = await service.sign_in(), await service.link()
    store.losses = [lost]

    token = await service.link()
    answer = await service.reset(token)

    assert problem(answer) == "504 outcome-unknown"
    assert "Try to sign in with it." in answer.json()["detail"]
    assert "retry-after" not in answer.headers
    assert store.passwords == {"u-1": NEW_PASSWORD}
    assert (await service.check(token))["reason"] == "used"
    assert not await service.works(other)
    assert problem(await browser.get(ME)) == "401 not-signed-in"
    assert await confirmations(service) == 1
    assert await service.outcomes("password_reset", "password_change") == ["interrupted"]


async def test_a_link_that_is_asked_for_after_a_lost_answer_works(
    service: Service, store: Elsewhere
) -> None:
    store.losses = [AccountsUnready("502")]
    assert problem(await service.reset(await service.link())) == "504 outcome-unknown"
    token = await service.link()
    assert problem(await service.reset(token, THIRD)) == "503 busy", (
        "the store may be at work on the first one yet"
    )
    service.let_time_pass(minutes=1)
    assert problem(await service.reset(token, THIRD)) == "200"
    assert await confirmations(service) == 2


async def test_a_signed_in_change_whose_answer_was_lost_ends_the_session(
    service: Service, store: Elsewhere
) -> None:
    browser = await service.sign_in()
    store.losses = [AccountsUnready("502")]
    assert await change(browser) == "504 outcome-unknown"
    assert problem(await browser.get(ME)) == "401 not-signed-in"
    assert await service.knows(NEW_PASSWORD)
    assert await confirmations(service) == 1


async def test_the_page_says_in_the_reader_s_language_that_it_is_unknown(
    service: Service, store: Elsewhere
) -> None:
    store.losses = [AccountsUnready("502 of 10.0.0.7")]
    token = await service.link()
    async with service.anywhere(headers={"accept-language": "de"}) as client:
        visitor = Visitor(client)
        await visitor.get(f"/reset-password/{token}")
        page = await visitor.submit(
            "/reset-password", email=ADA, password=NEW_PASSWORD, again=NEW_PASSWORD
        )
    assert page.status_code == 504
    assert heading(page) == "Ihr neues Passwort wurde vielleicht nicht gespeichert"
    assert "Versuchen Sie, sich damit anzumelden." in words(page)
    assert re.search(r'<a class="button" href="[^"]*/login">Anmelden<', page.text)
    assert "10.0.0.7" not in page.text
    assert "keyturn_link" not in visitor.client.cookies


@pytest.mark.long
async def test_a_change_is_confirmed_once_though_the_yes_comes_too_late(
    service: Service, store: Elsewhere
) -> None:
    token = await service.link()
    asking = await store.hold(service.reset(token))
    service.let_time_pass(minutes=1)
    await service.deliver()
    browser = await service.sign_in()
    store.open.set()
    assert problem(await asking) == "200"
    assert problem(await browser.get(ME)) == "401 not-signed-in", (
        "it was opened with the old password"
    )
    assert await confirmations(service) == 1
    assert await service.outcomes("password_reset", "password_change") == ["interrupted"]


@pytest.mark.parametrize(
    "refusal", [LEAKED, AccountsUnready("no answer", not_changed=True)], ids=str
)
@pytest.mark.long
async def test_no_confirmed_link_is_given_back(
    refusal: KeyturnError, service: Service, store: Elsewhere
) -> None:
    token = await service.link()
    asking = await store.hold(service.reset(token))
    service.let_time_pass(minutes=1)
    await service.deliver()
    store.refusals = [refusal]
    store.open.set()
    assert problem(await asking) in {"422 password-rejected", "503 unavailable"}
    assert not await service.works(token)
    assert await confirmations(service) == 1


async def test_a_promise_that_its_process_withdraws_first_confirms_nothing(
    service: Service, store: Elsewhere
) -> None:
    token = await service.link()
    asking = await store.hold(service.reset(token))
    service.let_time_pass(minutes=1)
    about_to_confirm = await store.hold_lookup(service.deliver())
    store.open.set()
    assert problem(await asking) == "200"
    store.answers.set()
    await about_to_confirm
    assert await confirmations(service) == 1
    assert await service.outcomes("password_reset", "password_change") == ["changed"]


async def test_a_lost_commit_here_is_told_as_unknown(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings_for(database_url)) as service:
        await service.add(ADA, name="Ada")
        token = await service.link()
        with losing_commits(monkeypatch):
            assert problem(await service.reset(token)) == "504 outcome-unknown"
        assert await service.knows(NEW_PASSWORD)
        assert await confirmations(service) == 1
        assert await service.outcomes("password_reset", "password_change") == ["changed"]


async def test_a_commit_that_is_lost_before_the_store_is_asked_is_told_as_unknown(
    service: Service, store: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await service.link()
    with losing_commits(monkeypatch, only=1):
        assert problem(await service.reset(token)) == "504 outcome-unknown"
    assert not store.passwords
    service.let_time_pass(minutes=1)
    assert await confirmations(service) == 1
