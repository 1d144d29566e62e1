"""What an operator adds to an account's second factors: what asks for it, what undoes it, and what is told.

A stolen password, or an operator who was talked into a second step, must not lock the owner out of the mailbox's ways
back. A mailbox alone must not remove a second step that has stood for longer.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import product
from typing import Any, Literal

import httpx2
import pytest
from tests.driver.inbox import token_in
from tests.driver.second_factors import BUILTIN, SEED, STEP, audited, code_of, reset_with
from tests.driver.service import ADA, CHANGE, LOGIN, NEW_PASSWORD, PASSWORD, SECURE, Service, Start, problem
from tests.servers.databases import SOON_ON_SQLITE

pytestmark = pytest.mark.any_database

NEXT_PASSWORD = "nineteen patient herons"
State = Literal["none", "recent", "proven", "replaced"]
Occasion = Literal["sign-in", "reset", "recovery link", "press"]


@pytest.fixture
async def service(start: Start, tmp_path: Any) -> Service:
    limits = {"mailbox_cooldown": timedelta(0), "mailbox_daily": 100, "account": "100/minute", "login": "1000/minute"}
    sms = {"account": "AC1"}
    mail = {"transport": "capture", "capture_dir": str(tmp_path / "mail")}
    return await start(second_step={"source": "builtin", "sms": sms}, limits=limits, mail=mail)


async def add_totp(service: Service) -> None:
    await service.operator.set_up_totp(ADA, SEED)
    await service.deliver()


async def add_phone(service: Service) -> None:
    await service.operator.set_phone(ADA, "+447700900123")
    await service.deliver()


Add = Callable[[Service], Awaitable[None]]


async def add_and_prove(service: Service, add: Add) -> None:
    """Add a factor, and let the days pass in which it could be undone."""
    await add(service)
    service.let_time_pass(days=31)


async def asks_for_a_code(service: Service, password: str = PASSWORD) -> bool:
    answer = await service.anywhere().post(LOGIN, json={"email": ADA, "password": password})
    assert problem(answer) in {"200", "401 second-step-required"}
    return answer.status_code == 401


async def button_of_a_change(service: Service, thief: httpx2.AsyncClient) -> str:
    """Let an attacker who knows the password, and has a session, change it; return the button of the owner's mail."""
    await thief.post(CHANGE, json={"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD})
    await service.deliver()
    return button(service, "password_changed")


def button(service: Service, template: str) -> str:
    text = service.inbox.sent_to(ADA, template)[-1].text
    assert "/secure-your-account/" in text
    return token_in(service.inbox.sent_to(ADA, template)[-1])


async def press(service: Service, token: str) -> str:
    """Press the button and return the token of the recovery link."""
    assert problem(await service.anywhere().post(SECURE, json={"token": token})) == "200"
    await service.deliver()
    return token_in(service.inbox.sent_to(ADA, "password_reset")[-1])


@SOON_ON_SQLITE
@pytest.mark.parametrize("add", [add_totp, add_phone])
@pytest.mark.parametrize(
    ("state", "occasion"),
    list(product(State.__args__, Occasion.__args__)),  # type: ignore[attr-defined]
)
async def test_what_asks_for_an_addition_and_what_undoes_it(
    service: Service, state: State, occasion: Occasion, add: Add
) -> None:
    """Only what the mailbox alone can do differs between a recent addition and a proven one."""
    has_factor, is_recent = state != "none", state == "recent"
    thief = await service.sign_in()
    # A session ends before the days have passed in which an addition could be undone.
    await service.prolong_sessions(days=60)
    if state in ("proven", "replaced"):
        await add_and_prove(service, add)
    token = await button_of_a_change(service, thief)
    link = await press(service, token) if occasion == "recovery link" else ""
    if state in ("recent", "replaced"):
        await add(service)
    if occasion == "press":
        link = await press(service, token)
    elif occasion == "reset":
        link = await service.link()
    password = NEW_PASSWORD
    asked = await asks_for_a_code(service, password)
    if link:
        asked = problem(await reset_with(service, link, password=NEXT_PASSWORD)) == "401 second-step-required"
        password = password if asked else NEXT_PASSWORD
    by_mailbox = occasion in ("recovery link", "press")
    assert asked == (has_factor and not (is_recent and by_mailbox))
    assert await asks_for_a_code(service, password) == (has_factor and not (is_recent and by_mailbox))
    # The codes of an app that replaced another one are recent, too: they end, and the app stays.
    has_new = is_recent or (state == "replaced" and add is add_totp and occasion == "press")
    assert ("factors_undone" in await audited(service)) == (by_mailbox and has_new)


@pytest.mark.parametrize(("add", "told"), [(add_totp, "Second step set up"), (add_phone, "Second step set up")])
async def test_the_owner_is_told_by_a_mail_with_a_button_that_undoes_it(service: Service, add: Add, told: str) -> None:
    await add(service)
    (mail,) = service.inbox.sent_to(ADA, "second_step_changed")
    assert told in mail.subject
    assert "From now on, your account also asks for a code." in mail.text
    assert "This also removes a second step that was set up recently." in mail.text
    recovery = await press(service, button(service, "second_step_changed"))
    assert problem(await reset_with(service, recovery)) == "200"
    assert not await asks_for_a_code(service, NEW_PASSWORD)


async def test_new_recovery_codes_end_with_a_press_and_the_proven_factor_stays(service: Service) -> None:
    await add_and_prove(service, add_totp)
    codes = await service.operator.renew_recovery_codes(ADA)
    await service.deliver()
    recovery = await press(service, button(service, "second_step_changed"))
    answer = await reset_with(service, recovery, "recovery_code", codes[0])
    assert problem(answer) == "401 second-step-required"
    assert problem(await reset_with(service, recovery, "totp", code_of())) == "200"


async def test_a_phone_beside_a_proven_app_is_undone_alone(service: Service) -> None:
    await add_and_prove(service, add_totp)
    await add_phone(service)
    recovery = await press(service, button(service, "second_step_changed"))
    asked = await reset_with(service, recovery)
    assert [one["method"] for one in asked.json()["methods"]] == ["totp", "recovery_code"]
    assert problem(await reset_with(service, recovery, "totp", code_of(later=STEP))) == "200"


async def test_an_account_that_has_moved_keeps_its_factors_after_a_press_at_the_earlier_mailbox(
    service: Service,
) -> None:
    await add_totp(service)
    await service.change_account(email="new@northwind.test")
    token = button(service, "second_step_changed")
    assert problem(await service.anywhere().post(SECURE, json={"token": token})) == "200"
    await service.deliver()
    answer = await service.anywhere().post(LOGIN, json={"email": "new@northwind.test", "password": PASSWORD})
    assert problem(answer) == "401 second-step-required"


async def test_without_the_page_the_mail_leads_to_a_new_password(start: Start) -> None:
    service = await start(second_step=BUILTIN, secure_account={"url": ""})
    await add_totp(service)
    (mail,) = service.inbox.sent_to(ADA, "second_step_changed")
    assert "/forgot-password" in mail.text
    assert "Choose a new password now. Then ask us to check the second step." in mail.text
