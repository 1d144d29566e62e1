"""The challenge on the form and the page for a code, as they come from the server."""

import re
from typing import Any

import pytest
from tests.driver.inbox import code_in
from tests.driver.service import ADA
from tests.driver.visitor import Visitor, cookie, heading, words
from tests.spec.pages.school import OpenSchool, asked, visiting

pytestmark = pytest.mark.long

FORGOT, CODE = "/forgot-password", "/forgot-password/code"
BOB = "bob@northwind.test"
KEYS = {"site_key": "the-site-key", "secret": "the-secret"}
WIDGET = {"script-src", "frame-src"}


def policy_of(answer: Any) -> dict[str, str]:
    return dict(
        directive.split(" ", 1)
        for directive in answer.headers["content-security-policy"].split("; ")
    )


async def test_with_altcha_the_policy_stays_as_it_is(open_school: OpenSchool) -> None:
    visitor = visiting(await open_school(challenge={"method": "altcha"}))
    page = await visitor.get(FORGOT)
    assert 'data-challenge="/api/auth/challenge"' in page.text
    assert not re.search(
        r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=|(?:src|href)=\"(?:https?:)?//",
        page.text,
    )
    assets = re.findall(r'"(/keyturn-assets/[^"]+)"', page.text)
    assert {(await visitor.get(asset)).status_code for asset in assets} == {200}
    with_it = policy_of(page)
    visitor = visiting(await open_school())
    without = await visitor.get(FORGOT)
    assert "data-challenge" not in without.text
    assert policy_of(without) == with_it


@pytest.mark.parametrize(
    ("method", "hosts", "directives"),
    [
        ("turnstile", "https://challenges.cloudflare.com", WIDGET),
        (
            "hcaptcha",
            "https://hcaptcha.com https://*.hcaptcha.com",
            WIDGET | {"style-src", "connect-src"},
        ),
    ],
)
async def test_a_service_is_let_in_on_the_page_with_its_widget_alone(
    method: Any, hosts: str, directives: set[str], open_school: OpenSchool
) -> None:
    visitor = visiting(await open_school(challenge={"method": method} | KEYS))
    page, other = await visitor.get(FORGOT), await visitor.get("/login")
    changed = {
        name for name, sources in policy_of(page).items() if policy_of(other).get(name) != sources
    }
    assert changed == directives
    assert all(policy_of(page)[name].removeprefix("'self' ") == hosts for name in directives)
    assert "http" not in other.headers["content-security-policy"]
    assert 'data-sitekey="the-site-key"' in page.text
    assert "the-secret" not in page.text
    assert re.search(r"<noscript>[^\n]*This form needs JavaScript", page.text)


async def test_without_an_answer_the_form_comes_back_the_same_for_everybody(
    open_school: OpenSchool,
) -> None:
    school = await open_school(challenge={"method": "altcha"})
    visitor = visiting(school)
    await school.add(ADA)
    seen = []
    for email in (ADA, BOB):
        answer = await visitor.submit(FORGOT, email=email)
        assert (answer.status_code, heading(answer)) == (403, "Forgot your password?")
        assert f'value="{email}"' in answer.text
        assert "Complete the check below, then send the form again." in words(answer)
        seen.append(re.sub(rf"[0-9a-f]{{128}}|{email}", "", answer.text))
    assert seen[0] == seen[1]
    assert await asked(school) == []


async def test_a_code_leads_to_the_form_and_what_is_wrong_is_told_alike_to_everybody(
    open_school: OpenSchool,
) -> None:
    school = await open_school(token={"code": True})
    visitor = visiting(school)
    await school.add(ADA)
    await school.ask_and_deliver()
    right = code_in(school.inbox.mails[-1])
    wrong = f"{(int(right) + 1) % 10**8:08}"
    seen = []
    for email, code in ((ADA, wrong), (BOB, wrong), (BOB, right)):
        answer = await visitor.submit(CODE, email=email, code=code)
        assert answer.status_code == 422
        assert "The code is wrong or no longer works. You can request a new one." in words(answer)
        assert f'value="{email}"' in answer.text
        (field,) = re.findall(r'<input id="code"[^>]*>', answer.text)
        assert 'autocomplete="one-time-code"' in field
        assert 'inputmode="numeric"' in field
        seen.append(re.sub(rf"[0-9a-f]{{128}}|{email}", "", answer.text))
    assert len(set(seen)) == 1
    for fields, told in (
        ({"email": ADA, "code": "123"}, "Enter the eight digits of the code."),
        ({"email": "ada@", "code": right}, "Enter a full email address, such as name@example.org."),
    ):
        answer = await visitor.submit(CODE, **fields)
        assert (answer.status_code, told in words(answer)) == (422, True)
    answer = await visitor.submit(CODE, email=ADA, code=right)
    assert (answer.status_code, answer.headers["location"]) == (303, "/reset-password")
    assert cookie(answer, "keyturn_link")["path"] == "/reset-password"
    assert heading(await visitor.follow(answer)) == "Choose a new password"


async def test_without_codes_there_is_no_page_for_them(visitor: Visitor) -> None:
    assert (await visitor.get(CODE)).status_code == 404
    assert (
        await visitor.submit(FORGOT, action=CODE, email=ADA, code="12345678")
    ).status_code == 404
    await visitor.submit(FORGOT, email=ADA)
    assert "Code from the email" not in words(await visitor.get(FORGOT))
