"""Choosing a new password with a link."""

import re
from datetime import datetime, timedelta
from html import escape
from zoneinfo import ZoneInfo

import pytest
from tests.driver.service import ADA, NEW_PASSWORD, Service
from tests.driver.visitor import Visitor, cookie, heading, words
from tests.spec.pages.school import RESET, OpenSchool, open_link, save, visiting

from keyturn import Account

pytestmark = pytest.mark.long

KEY = "0123456789abcdef" * 2


async def test_every_link_leaves_the_address_bar_for_a_cookie_no_script_can_read(
    visitor: Visitor, token: str
) -> None:
    for link in (
        f"{RESET}/{token}",
        f"{RESET}?token={token}",
        f"{RESET}?token={token}&email=ada%40northwind.test",
    ):
        visitor.client.cookies.clear()
        answer = await visitor.get(link)
        assert (answer.status_code, answer.headers["location"]) == (303, RESET)
        page = await visitor.follow(answer)
        assert heading(page) == "Choose a new password"
        assert f"For {ADA}" in words(page)
    held = cookie(await visitor.get(f"{RESET}/{token}"), "keyturn_link")
    assert held["value"] == token
    assert (held["path"], held["samesite"], held["max-age"]) == (RESET, "lax", "1800")
    assert "httponly" in held


async def test_a_finished_reset_ends_what_the_page_of_requests_remembers(
    visitor: Visitor, token: str
) -> None:
    await visitor.submit("/forgot-password", email=ADA)
    await open_link(visitor, token)
    assert (await save(visitor, "short")).status_code == 422
    assert heading(await visitor.get("/forgot-password")) == "Check your email"
    assert (await save(visitor)).status_code == 303
    assert heading(await visitor.get("/forgot-password")) == "Forgot your password?"


async def test_the_form_says_the_rules_and_until_when_the_link_works(
    open_school: OpenSchool, ada: Account
) -> None:
    visitor = visiting(
        school := await open_school(
            password={"min_length": 8, "require": ["uppercase", "lowercase", "digit", "special"]}
        )
    )
    page = await visitor.get(RESET)
    assert page.status_code == 200
    assert heading(page) == "Open the link in your email"
    assert "Does your link contain a #? Turn on JavaScript" in words(page)

    await open_link(visitor, await school.link(ada.email))
    page = await visitor.get(RESET)
    kinds = ("an upper-case letter", "a lower-case letter", "a digit", "a special character")
    for rule in ("at least 8 characters", "not a common password", *kinds):
        assert rule in words(page)
    required = "".join(f" required: {kind};" for kind in ("upper", "lower", "digit", "special"))
    assert f'passwordrules="minlength: 8; maxlength: 72;{required}"' in page.text
    assert page.text.count('autocomplete="new-password"') == 2
    assert page.text.count('autocorrect="off"') == 2, "a shown password is not a word"
    assert re.search(r"The link works until \d\d:\d\d UTC \.", words(page))


async def test_a_password_is_saved_and_said_once_and_the_used_link_says_so(
    visitor: Visitor, token: str, school: Service, ada: Account
) -> None:
    await open_link(visitor, token)
    answer = await save(visitor)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert cookie(answer, "keyturn_link")["max-age"] == "0"
    assert "httponly" in cookie(answer, "keyturn_device")
    notice = "Your password was changed. Sign in with your new password."
    assert notice in words(await visitor.follow(answer))
    assert notice not in words(await visitor.get("/login"))
    assert await school.knows(NEW_PASSWORD, ada.email)
    page = await visitor.follow(await visitor.get(f"{RESET}/{token}"))
    assert heading(page) == "This reset link has already been used"
    assert '<a class="button" href="/login">Go to sign-in</a>' in page.text
    assert '<a href="/forgot-password">Request a new link</a>' in page.text


async def test_before_a_sign_in_page_elsewhere_a_page_says_that_the_password_was_changed(
    school: Service, ada: Account, open_school: OpenSchool
) -> None:
    token = await school.link(ada.email)
    visitor = visiting(await open_school(sign_in_url="https://app.northwind.example/sign-in"))
    await open_link(visitor, token)
    saved = await save(visitor)
    assert (saved.headers["location"], cookie(saved, "keyturn_link")["max-age"]) == (RESET, "0")
    for _ in range(2):  # a page that is loaded again says the same
        page = await visitor.get(RESET)
        assert heading(page) == "Your password was changed"
        assert "We signed out all other devices." in words(page)
        assert 'href="https://app.northwind.example/sign-in"' in page.text
    school.let_time_pass(minutes=2)
    await open_link(visitor, await school.link(ada.email))
    assert heading(await visitor.get(RESET)) == "Choose a new password", "a new link is opened"


async def test_sessions_that_a_new_password_leaves_are_not_said_to_end(
    school: Service, ada: Account, open_school: OpenSchool
) -> None:
    elsewhere = "https://app.northwind.example/sign-in"
    own = {"store": school.accounts, "accounts": {"store": "table"}}
    visitor = visiting(await open_school(sign_in_url=elsewhere, **own))
    await open_link(visitor, await school.link(ada.email))
    page = await visitor.follow(await save(visitor))
    assert heading(page) == "Your password was changed"
    assert "signed out" not in words(page)


@pytest.mark.parametrize(
    ("path", "told"),
    [("/enter", "/enter?password=changed"), ("/?a=1#b", "/?a=1&password=changed#b")],
)
async def test_a_sign_in_page_elsewhere_that_says_it_itself_is_told(
    path: str, told: str, school: Service, ada: Account, open_school: OpenSchool
) -> None:
    app = "https://app.northwind.example"
    visitor = visiting(await open_school(sign_in_url=app + path, after_reset="sign_in"))
    await open_link(visitor, await school.link(ada.email))
    saved = await save(visitor)
    assert (saved.status_code, saved.headers["refresh"]) == (200, f"0; url={app}{told}")
    assert f'href="{app}{escape(told)}"' in saved.text
    assert "form-action 'self';" in saved.headers["content-security-policy"]


RULES = 'aria-describedby="rules password-error"'
MISMATCH = '<p class="error" id="again-error" role="alert">The two passwords don’t match.</p>'
NO_COMPLAINT = '<p class="error" id="password-error" role="alert"></p>'


@pytest.mark.parametrize(
    ("password", "again", "told"),
    [
        (
            "password",
            "password",
            ["Not met yet: at least 12 characters and not a common password.", RULES],
        ),
        (
            "Northwind-School-1",
            "Northwind-School-1",
            ["Not met yet: not your address or the name of the site."],
        ),
        ("🌲" * 19, "🌲" * 19, ["at most 72 bytes: 72 plain letters, fewer with accents or emoji"]),
        (NEW_PASSWORD, f"{NEW_PASSWORD} ", [MISMATCH, NO_COMPLAINT]),
        ("zq7!vKm2", "zq7!vKm", ["Not met yet: at least 12 characters.", MISMATCH]),
    ],
)
async def test_what_is_wrong_with_a_password_is_said_and_the_link_survives(
    password: str, again: str, told: list[str], visitor: Visitor, token: str, school: Service
) -> None:
    await open_link(visitor, token)
    page = await save(visitor, password, again)
    assert page.status_code == 422
    for said in (*told, "<title>Error: Choose a new password", 'aria-invalid="true" autofocus'):
        assert said in page.text
    for secret in {token, password, again} - {"password"}:
        assert secret not in page.text
    assert token not in (await visitor.get(RESET)).text
    typed = "  ünïcödé & <b>%41+1</b>  "
    assert (await save(visitor, typed)).status_code == 303
    assert await school.knows(typed), "a password is kept exactly as it was typed"


async def test_passwords_that_differ_are_judged_only_as_often_as_passwords_may_be_set(
    open_school: OpenSchool,
) -> None:
    school = await open_school(limits={"client": "5/minute"})
    visitor = visiting(school)
    await school.add(ADA)
    for _ in range(4):
        await visitor.client.post(
            "/api/auth/reset-password", json={"token": "x" * 43, "newPassword": NEW_PASSWORD}
        )
    await open_link(visitor, await school.link())
    answers = [(await save(visitor, again="something else")).status_code for _ in range(2)]
    assert answers == [422, 429]


async def test_a_first_password_has_a_page_of_its_own(open_school: OpenSchool) -> None:
    school = await open_school(invitations={"service_key": KEY})
    visitor = visiting(school)
    bob = await school.add("bob@northwind.test", awaits_password=True)
    inviting = {"Authorization": f"Bearer {KEY}"}
    await school.anywhere().post(
        "/api/auth/invitations", json={"email": bob.email}, headers=inviting
    )
    await open_link(visitor, await school.newest(bob.email, "invitation"))
    page = await visitor.get(RESET)

    assert heading(page) == "Choose your password"
    assert "Save the password" in words(page)
    assert "Repeat the password" in words(page)
    assert "new password" not in words(page).lower()
    until = school.now() + timedelta(days=3)
    assert f"The link works until {until.day} {until:%B} {until.year}" in words(
        page
    )  # a time alone is of which day?
    assert (await save(visitor)).status_code == 303
    assert await school.knows(NEW_PASSWORD, bob.email)


async def test_without_javascript_the_account_s_zone_and_address_are_told(
    school: Service, visitor: Visitor
) -> None:
    odd = await school.add("o'b&b@northwind.test", timezone="Asia/Kolkata")
    await open_link(visitor, await school.link(odd.email))
    page = await visitor.get(RESET)
    assert "For o&#39;b&amp;b@northwind.test" in page.text
    moment, said = re.findall(r'<time datetime="([^"]+)">([^<]+)</time>', page.text)[0]
    local = datetime.fromisoformat(moment).astimezone(ZoneInfo("Asia/Kolkata"))
    assert said == f"{local:%H:%M} IST"
