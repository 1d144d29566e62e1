"""What an operator adds to an account's second factors: what asks for it, what undoes it, and what
is told.

A stolen password, or an operator who was talked into a second step, must not lock the owner out of
the mailbox's ways back. A mailbox alone must not remove a second step that has stood for longer.
"""

from itertools import product
from typing import Any

import pytest
from tests.driver.second_factors import BUILTIN, SEED, STEP, code_of, reset_with
from tests.driver.service import (
    ADA,
    FREE,
    LOGIN,
    NEW_PASSWORD,
    PASSWORD,
    Service,
    Start,
    change,
    problem,
)
from tests.servers.databases import SOON_ON_SQLITE

pytestmark = pytest.mark.any_database

NEXT_PASSWORD = "nineteen patient herons"
ASKED = "401 second-step-required"
TOLD = "second_step_changed"
STATES = ("none", "recent", "proven", "replaced")
OCCASIONS = ("sign-in", "reset", "recovery link", "press")


@pytest.fixture
async def service(start: Start, tmp_path: Any) -> Service:
    mail = {"transport": "capture", "capture_dir": str(tmp_path / "mail")}
    return await start(
        second_step={"source": "builtin", "sms": {"account": "AC1"}}, limits=FREE, mail=mail
    )


async def add(service: Service, factor: str, days: int = 0) -> None:
    """Let an operator add a factor, and so many days pass: after 31 it can no longer be undone."""
    if factor == "app":
        await service.operator.set_up_totp(ADA, SEED)
    else:
        await service.operator.set_phone(ADA, "+447700900123")
    await service.deliver()
    service.let_time_pass(days=days)


async def asks_for_a_code(service: Service, password: str = PASSWORD, email: str = ADA) -> bool:
    answer = await service.anywhere().post(LOGIN, json={"email": email, "password": password})
    assert problem(answer) in {"200", ASKED}
    return answer.status_code == 401


async def press(service: Service, token: str) -> str:
    """Press the button and return the token of the recovery link."""
    assert await service.press(token) == "200"
    return await service.newest()


@SOON_ON_SQLITE
@pytest.mark.parametrize("factor", ["app", "phone"])
@pytest.mark.parametrize(("state", "occasion"), list(product(STATES, OCCASIONS)))
async def test_only_a_press_undoes_a_recent_factor(
    service: Service, state: str, occasion: str, factor: str
) -> None:
    """Only what the mailbox alone can do differs between a recent addition and a proven one."""
    has_factor, is_recent = state != "none", state == "recent"
    thief = await service.sign_in()
    # A session ends before the days have passed in which an addition could be undone.
    await service.prolong_sessions(days=60)
    if state in ("proven", "replaced"):
        await add(service, factor, days=31)
    await change(thief)  # by an attacker who knows the password, and has a session
    token = await service.newest(template="password_changed")
    link = await press(service, token) if occasion == "recovery link" else ""
    if state in ("recent", "replaced"):
        await add(service, factor)
    if occasion == "press":
        link = await press(service, token)
    elif occasion == "reset":
        link = await service.link()
    password = NEW_PASSWORD
    asked = await asks_for_a_code(service, password)
    if link:
        asked = problem(await reset_with(service, link, password=NEXT_PASSWORD)) == ASKED
        password = password if asked else NEXT_PASSWORD
    by_mailbox = occasion in ("recovery link", "press")
    assert asked == (has_factor and not (is_recent and by_mailbox))
    assert await asks_for_a_code(service, password) == (
        has_factor and not (is_recent and by_mailbox)
    )
    # The codes of an app that replaced another one are recent, too: they end, and the app stays.
    has_new = is_recent or (state == "replaced" and factor == "app" and occasion == "press")
    assert ("factors_undone" in await service.outcomes("second_step")) == (by_mailbox and has_new)


@pytest.mark.parametrize("factor", ["app", "phone"])
async def test_the_owner_is_told_by_a_mail_with_a_button_that_undoes_it(
    service: Service, factor: str
) -> None:
    await add(service, factor)
    (mail,) = service.inbox.sent_to(ADA, TOLD)
    assert "Second step set up" in mail.subject
    assert "From now on, your account also asks for a code." in mail.text
    assert "This also removes a second step that was set up recently." in mail.text
    assert "/secure-your-account/" in mail.text
    recovery = await press(service, await service.newest(template=TOLD))
    assert problem(await reset_with(service, recovery)) == "200"
    assert not await asks_for_a_code(service, NEW_PASSWORD)


async def test_new_recovery_codes_end_with_a_press_and_the_proven_factor_stays(
    service: Service,
) -> None:
    await add(service, "app", days=31)
    codes = await service.operator.renew_recovery_codes(ADA)
    recovery = await press(service, await service.newest(template=TOLD))
    assert problem(await reset_with(service, recovery, "recovery_code", codes[0])) == ASKED
    assert problem(await reset_with(service, recovery, "totp", code_of())) == "200"


async def test_a_phone_beside_a_proven_app_is_undone_alone(service: Service) -> None:
    await add(service, "app", days=31)
    await add(service, "phone")
    recovery = await press(service, await service.newest(template=TOLD))
    asked = await reset_with(service, recovery)
    assert [one["method"] for one in asked.json()["methods"]] == ["totp", "recovery_code"]
    assert problem(await reset_with(service, recovery, "totp", code_of(later=STEP))) == "200"


async def test_an_account_that_has_moved_keeps_its_factors_after_a_press_of_the_old_mailbox(
    service: Service,
) -> None:
    await add(service, "app")
    await service.change_account(email="new@northwind.test")
    assert await service.press(await service.newest(template=TOLD)) == "200"
    await service.deliver()
    assert await asks_for_a_code(service, email="new@northwind.test")


async def test_without_the_page_the_mail_leads_to_a_new_password(start: Start) -> None:
    service = await start(second_step=BUILTIN, secure_account={"url": ""})
    await add(service, "app")
    (mail,) = service.inbox.sent_to(ADA, TOLD)
    assert "/forgot-password" in mail.text
    assert "Choose a new password now. Then ask us to check the second step." in mail.text
