"""Where an account has a second factor, the password alone signs nobody in."""

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.driver.inbox import text_in_file
from tests.driver.second_factors import BUILTIN, STEP, code_of, enrol, reset_with, wrong_code
from tests.driver.service import ADA, FREE, LOGIN, ME, PASSWORD, Service, Start, change, problem
from tests.driver.visitor import Visitor, words

pytestmark = pytest.mark.any_database

PHONE = "+447700900123"


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"second_step": BUILTIN, "limits": FREE, "prepare": enrol}


async def sign_in(
    service: Service,
    method: str = "",
    code: str | None = "",
    password: str = PASSWORD,
    email: str = ADA,
) -> httpx2.Response:
    step = {"secondStep": {"method": method} | ({"code": code} if code else {})} if method else {}
    return await service.anywhere().post(LOGIN, json={"email": email, "password": password, **step})


async def test_the_password_alone_is_answered_with_the_methods_and_opens_no_session(
    service: Service,
) -> None:
    answer = await sign_in(service)
    assert problem(answer) == "401 second-step-required"
    assert answer.headers["www-authenticate"] == "SecondStep"
    assert (answer.json()["methods"], answer.json()["sent"]) == (
        [{"method": "totp", "hint": ""}],
        None,
    )
    assert "set-cookie" not in answer.headers
    assert await service.sessions() == 0
    (entry,) = await service.trail("sign_in")
    assert entry.outcome == "second_step_required"


async def test_a_wrong_password_does_not_tell_that_there_is_a_factor_and_looks_at_no_code(
    service: Service,
) -> None:
    guesses = [
        await sign_in(service, password="a wrong guess"),
        await sign_in(service, "totp", code_of(), "a wrong guess"),
        await sign_in(service, "totp", wrong_code(), "a wrong guess", "nobody@northwind.test"),
    ]
    assert {problem(one) for one in guesses} == {"401 credentials-rejected"}
    assert len({one.content for one in guesses}) == 1
    assert (await sign_in(service, "totp", wrong_code())).json()["triesLeft"] == 19, (
        "the first that counts"
    )
    assert (await sign_in(service, "totp", code_of())).status_code == 200


async def test_with_a_code_the_same_call_signs_in_once_whether_at_a_sign_in_or_a_reset(
    service: Service,
) -> None:
    code = code_of()
    answer = await sign_in(service, "totp", code)
    assert (answer.status_code, answer.json()["email"]) == (200, ADA)
    assert await service.sessions() == 1
    assert await service.outcomes("second_step") == ["passed_totp"]
    assert problem(await sign_in(service, "totp", code)) == "401 second-step-rejected"
    assert (
        problem(await reset_with(service, await service.link(), "totp", code))
        == "401 second-step-rejected"
    )


async def test_wrong_codes_count_together_with_those_of_resets_and_the_owner_is_told(
    service: Service,
) -> None:
    left = [(await sign_in(service, "totp", wrong_code())).json()["triesLeft"] for _ in range(4)]
    assert left == [19, 18, 17, 16]
    token = await service.link()
    assert (
        (await reset_with(service, token, "totp", wrong_code()))
        .json()["type"]
        .endswith("link-dead")
    )
    await service.deliver()
    (mail,) = service.inbox.sent_to(ADA, "second_step_failed")
    assert "The link no longer works" in mail.text
    for _ in range(5):
        await sign_in(service, "totp", wrong_code())
    await service.deliver()
    _, mail = service.inbox.sent_to(ADA, "second_step_failed")
    assert "someone entered the password of your" in mail.text
    left = [(await sign_in(service, "totp", wrong_code())).json()["triesLeft"] for _ in range(10)]
    assert left == [*range(9, -1, -1)]
    limited = await sign_in(service, "totp", code_of())
    assert problem(limited) == "429 too-many-requests"
    assert 4_000 < int(limited.headers["retry-after"]) <= 4_320, "one of 20 a day"
    await service.deliver()
    assert len(service.inbox.sent_to(ADA, "second_step_failed")) == 4
    assert await service.sessions() == 0


async def test_slow_wrong_codes_are_told_too(service: Service) -> None:
    for _ in range(5):
        await sign_in(service, "totp", wrong_code())
        service.let_time_pass(days=1)
    await service.deliver()
    (mail,) = service.inbox.sent_to(ADA, "second_step_failed")
    assert "someone entered the password of your" in mail.text


async def test_a_signed_in_user_changes_the_password_without_another_code(service: Service) -> None:
    client = service.anywhere()
    step = {"method": "totp", "code": code_of()}
    await client.post(LOGIN, json={"email": ADA, "password": PASSWORD, "secondStep": step})
    assert await change(client) == "200"
    assert (await client.get(ME)).status_code == 200


@pytest.fixture
async def by_phone(start: Start, tmp_path: Path) -> Service:
    sms = {"account": "AC1", "overall": 3}
    mail = {"transport": "capture", "capture_dir": str(tmp_path / "mail")}
    service = await start(second_step=BUILTIN | {"sms": sms}, mail=mail, limits=FREE)
    await service.operator.set_phone(ADA, PHONE)
    return service


def sent(tmp_path: Path) -> list[str]:
    return [text_in_file(file) for file in (tmp_path / "mail").rglob("*.eml")]


async def test_a_code_by_message_is_for_signing_in_alone(by_phone: Service, tmp_path: Path) -> None:
    asked = await sign_in(by_phone, "sms")
    assert (problem(asked), asked.json()["sent"]) == ("401 second-step-required", "sms")
    (text,) = sent(tmp_path)
    assert "is your code to sign in to" in text
    code = text[:6]
    assert (
        problem(await reset_with(by_phone, await by_phone.link(), "sms", code))
        == "401 second-step-rejected"
    )
    assert (await sign_in(by_phone, "sms", code)).status_code == 200
    assert problem(await sign_in(by_phone, "sms", code)) == "401 second-step-rejected"


async def test_all_accounts_together_get_so_many_messages_and_no_more(
    by_phone: Service, tmp_path: Path
) -> None:
    people = [f"pupil{number}@northwind.test" for number in range(8)]
    for email in people:
        await by_phone.add(email)
        await by_phone.operator.set_phone(email, PHONE)
    answers = await asyncio.gather(*(sign_in(by_phone, "sms", email=email) for email in people))
    assert (
        sorted(map(problem, answers))
        == ["401 second-step-required"] * 3 + ["429 too-many-requests"] * 5
    )
    assert len(sent(tmp_path)) == 3


# The page


async def first_page(service: Service) -> tuple[Visitor, httpx2.Response]:
    visitor = Visitor(service.anywhere())
    return visitor, await visitor.submit(
        "/login", email=ADA, password=PASSWORD, next="/security-settings"
    )


async def again(
    visitor: Visitor, page: httpx2.Response, path: str = "/login", **fields: str
) -> httpx2.Response:
    """Send the form of the page that asks for the code."""
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    return await visitor.client.post(path, data=hidden | fields)


async def test_the_page_asks_for_the_code_and_never_shows_the_password(service: Service) -> None:
    visitor, page = await first_page(service)
    assert page.status_code == 422
    assert "Your account is protected by a second step. Enter a code, too." in words(page)
    assert PASSWORD not in page.text
    assert "Error:" not in words(page)
    wrong = await again(visitor, page, code=wrong_code())
    assert (wrong.status_code, "You have 19 more attempts." in words(wrong)) == (422, True)
    missing = await again(visitor, wrong)
    assert "Enter a code." in words(missing)
    done = await again(visitor, missing, code=code_of())
    assert (done.status_code, done.headers["location"]) == (303, "/security-settings")
    assert (await visitor.client.get(ME)).json()["email"] == ADA


async def test_the_proof_of_the_password_is_no_sign_in_and_belongs_to_its_browser_and_account(
    service: Service,
) -> None:
    await service.add("zoe@northwind.test")
    visitor, page = await first_page(service)
    assert (await visitor.client.get(ME)).status_code == 401
    other = await again(visitor, page, email="zoe@northwind.test")
    assert "Wrong email or password." in words(other)
    stranger = Visitor(service.anywhere())
    form = await stranger.get("/login")
    assert "Wrong email or password." in words(
        await again(stranger, form, email=ADA, method="totp", code=code_of())
    )


async def test_the_proof_of_the_password_ends_after_ten_minutes_and_with_a_new_password(
    service: Service,
) -> None:
    for minutes, status in ((9, 303), (10.1, 422)):
        visitor, page = await first_page(service)
        service.let_time_pass(minutes=minutes)
        assert (await again(visitor, page, code=code_of())).status_code == status
    visitor, page = await first_page(service)
    assert (
        await reset_with(service, await service.link(), "totp", code_of(later=STEP))
    ).status_code == 200
    service.let_time_pass(minutes=1)
    refused = await again(visitor, page, code=code_of(later=STEP))
    assert (refused.status_code, "Wrong email or password." in words(refused)) == (422, True)


async def test_the_page_sends_a_code_by_message(by_phone: Service, tmp_path: Path) -> None:
    visitor, page = await first_page(by_phone)
    answer = await again(visitor, page, "/login/code")
    assert (answer.status_code, "We sent a code to …23." in words(answer)) == (200, True)
    (text,) = sent(tmp_path)
    code = text[:6]
    done = await again(visitor, answer, code=code)
    assert done.headers["location"] == "/security-settings"


async def test_the_page_says_that_a_factor_cannot_be_checked(service: Service) -> None:
    zoe = await service.add("zoe@northwind.test")
    await service.operator.set_phone(zoe.email, PHONE)
    visitor = Visitor(service.anywhere())
    page = await visitor.submit("/login", email=zoe.email, password=PASSWORD)
    assert "Your account is protected by a second step that we can’t check here." in words(page)
    assert 'name="code"' not in page.text
