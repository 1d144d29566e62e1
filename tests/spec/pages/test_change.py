"""Changing a known password, on the reset page when it is opened without a link."""

import re

import httpx2
import pytest
from tests.driver.service import ADA, NEW_PASSWORD, PASSWORD, Service
from tests.driver.visitor import Visitor, cookie, heading, words
from tests.spec.pages.school import OpenSchool, visiting

from keyturn import Account

pytestmark = pytest.mark.long

RESET = "/reset-password"


async def change(
    visitor: Visitor,
    current: str = PASSWORD,
    password: str = NEW_PASSWORD,
    again: str = NEW_PASSWORD,
) -> httpx2.Response:
    return await visitor.submit(RESET, current=current, password=password, again=again, email=ADA)


async def test_who_is_signed_in_is_asked_for_the_current_password_unless_a_link_was_opened(
    signed_in: Visitor, school: Service, ada: Account
) -> None:
    page = await signed_in.get(RESET)
    assert heading(page) == "Change password"
    (button,) = re.findall(
        r'<button type="submit">(.*?)</button>', page.text[page.text.index("<main>") :]
    )
    assert button == heading(page)
    assert page.text.count('autocomplete="current-password"') == 1
    assert page.text.count('autocomplete="new-password"') == 2
    assert "The link works until" not in words(page)
    assert "A new password signs out all other devices." in words(page)
    await signed_in.get(f"{RESET}/{await school.link(ada.email)}")
    page = await signed_in.get(RESET)
    assert heading(page) == "Choose a new password", "a link comes first and needs no old password"
    assert 'autocomplete="current-password"' not in page.text


async def test_a_change_is_said_and_ends_every_other_session(
    signed_in: Visitor, school: Service, ada: Account
) -> None:
    elsewhere = visiting(school)
    await elsewhere.sign_in()
    answer = await change(signed_in)
    assert (answer.status_code, answer.headers["location"]) == (303, RESET)
    assert "httponly" in cookie(answer, "keyturn_session")
    assert heading(await elsewhere.get(RESET)) == "Open the link in your email"
    page = await signed_in.follow(answer)
    assert heading(page) == "Your password was changed"
    assert "We signed out all other devices." in words(page)
    assert 'href="/viewer-settings/security"' in page.text
    assert await school.knows(NEW_PASSWORD, ada.email)


WRONG = (
    ({"current": "not this one"}, "This is not your current password."),
    ({"current": ""}, "This is not your current password."),
    ({"password": "short", "again": "short"}, "Not met yet: at least 12 characters."),
    ({"again": "another harbour"}, "The two passwords don’t match."),
)


async def test_what_is_wrong_is_said_and_changes_nothing(
    signed_in: Visitor, school: Service, ada: Account
) -> None:
    for fields, said in WRONG:
        page = await change(signed_in, **fields)
        assert page.status_code == 422
        assert said in words(page)
        assert NEW_PASSWORD not in page.text
    for email in ("", "eve@northwind.test"):
        answer = await signed_in.submit(
            RESET, current=PASSWORD, password=NEW_PASSWORD, again=NEW_PASSWORD, email=email
        )
        assert (answer.status_code, answer.headers["location"]) == (303, RESET)
    assert await school.knows(PASSWORD, ada.email)


async def test_no_such_form_where_sign_in_is_elsewhere(
    school: Service, ada: Account, open_school: OpenSchool
) -> None:
    visitor = visiting(school)
    await visitor.sign_in(ada.email)
    session = dict(visitor.client.cookies)
    own = {"store": school.accounts, "accounts": {"store": "table"}}
    visitor = visiting(await open_school(sign_in_url="https://app.northwind.example/", **own))
    visitor.client.cookies.update(session)
    assert heading(await visitor.get(RESET)) == "Open the link in your email"
