"""Signing in and out."""

import re

import pytest
from tests.driver.service import ADA, Service
from tests.driver.visitor import Visitor, cookie, heading, words
from tests.spec.pages.school import open_link, save

LOGIN = "/login"
VIEWER, SCHOOL = "/viewer-settings/security", "/school-settings/security"

pytestmark = [pytest.mark.usefixtures("ada"), pytest.mark.long]


async def test_signing_in_leads_back_to_where_somebody_wanted_to_go(visitor: Visitor) -> None:
    page = await visitor.get(f"{LOGIN}?next=/viewer-settings/security?tab=2")
    assert heading(page) == "Sign in"
    assert 'autocomplete="username"' in page.text
    assert 'autocomplete="current-password"' in page.text
    assert '<a href="/forgot-password">Forgot password?</a>' in page.text
    assert 'name="next" value="/viewer-settings/security?tab=2"' in page.text
    answer = await visitor.sign_in(next="/viewer-settings/security?tab=2")
    assert answer.headers["location"] == "/viewer-settings/security?tab=2"


async def test_what_does_not_fit_gets_one_answer_whatever_it_is_and_no_password_is_printed(
    visitor: Visitor,
) -> None:
    wrong = [(email, "hunter2 hunter2") for email in (ADA, "nobody@northwind.test", "no address")]
    for email, password in (*wrong, (ADA, ""), ("", "")):
        page = await visitor.sign_in(email, password)
        assert page.status_code == 422
        assert "Wrong email or password." in words(page)
        assert f'value="{email}"' in page.text
        assert 'aria-invalid="true" autofocus' in page.text
        assert "<title>Error: Sign in" in page.text
        assert "hunter2 hunter2" not in page.text
        assert "keyturn_session" not in visitor.client.cookies


ELSEWHERE = (
    *(
        "https://evil.test",
        "//evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "/\t/evil.test",
        "/\n/evil.test",
    ),
    *(
        "javascript:alert(1)",
        "evil.test",
        "/path\r\nSet-Cookie: a=b",
        "/ä",
        "?next",
        " //evil.test",
        "",
    ),
)


@pytest.mark.parametrize("wanted", ELSEWHERE)
async def test_signing_in_never_leads_to_another_site(wanted: str, visitor: Visitor) -> None:
    answer = await visitor.sign_in(next=wanted)
    assert answer.headers["location"] == VIEWER
    assert (await visitor.client.get(LOGIN, params={"next": wanted})).headers["location"] == VIEWER


async def test_signing_out_ends_the_session_itself_and_says_so_once(visitor: Visitor) -> None:
    await visitor.sign_in()
    await visitor.get("/logout")  # a link elsewhere
    assert (await visitor.get(VIEWER)).status_code == 200
    secret = visitor.client.cookies["keyturn_session"]
    answer = await visitor.submit(VIEWER, "/logout")
    assert cookie(answer, "keyturn_session")["max-age"] == "0"
    assert "You are signed out." in words(await visitor.follow(answer))
    assert "You are signed out." not in words(await visitor.get(LOGIN))
    visitor.client.cookies.set("keyturn_session", secret)
    assert (await visitor.get(VIEWER)).status_code == 303


async def test_after_a_reset_the_sign_in_knows_the_address(
    visitor: Visitor, school: Service
) -> None:
    await open_link(visitor, await school.link())
    page = await visitor.follow(await save(visitor))
    (email,) = re.findall(r"<input id=\"email\"[^>]*>", page.text)
    (password,) = re.findall(r"<input id=\"password\"[^>]*>", page.text)
    assert f'value="{ADA}"' in email
    assert "autofocus" not in email
    assert "autofocus" in password
