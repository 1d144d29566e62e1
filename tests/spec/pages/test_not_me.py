"""The pages for "this was not me": a GET only opens them, and a POST acts."""

from functools import partial

import pytest
from tests.driver.service import ADA, Service
from tests.driver.visitor import Visitor, cookie, heading, words
from tests.spec.pages.school import OpenSchool, secure_token, visiting

from keyturn import Account

pytestmark = pytest.mark.long

SECURE = "/secure-your-account"


@pytest.fixture
def open_school(open_school: OpenSchool) -> OpenSchool:
    return partial(open_school, secure_account={"lock": True})


async def test_a_link_leaves_the_address_bar_and_asks_first(
    school: Service, visitor: Visitor, ada: Account
) -> None:
    token = await secure_token(school, ada)
    answer = await visitor.get(f"{SECURE}/{token}")
    assert answer.headers["location"] == SECURE
    held = cookie(answer, "keyturn_proof")
    assert (held["value"], held["path"], held["samesite"]) == (token, SECURE, "lax")
    assert "httponly" in held

    page = await visitor.follow(answer)
    assert heading(page) == "Secure your account"
    assert ADA in words(page)
    assert "No one can sign in" in words(page)
    assert token not in page.text
    assert page.headers["referrer-policy"] == "no-referrer"


async def test_a_post_does_it_once_and_says_so(
    school: Service, visitor: Visitor, ada: Account
) -> None:
    token = await secure_token(school, ada)
    for method in ("OPTIONS", "HEAD", "GET") * 3:  # as programs do that follow the links of mails
        await visitor.client.request(method, f"{SECURE}/{token}", follow_redirects=True)
    assert (await visitor.client.post(SECURE, data={"_csrf_token": "f" * 64})).status_code == 403, (
        "of another site"
    )
    assert await school.trail("account_secured") == []
    assert heading(await visitor.get(SECURE)) == "Secure your account"
    done = await visitor.follow(await visitor.submit(SECURE))
    assert heading(done) == "Your account is secured"
    assert "help@northwind.example" in words(done)
    assert "We’re signing out all devices. Earlier links no longer work." in words(done)
    assert "We’re sending the next step to the address where you got our email." in words(done)
    assert (
        heading(await visitor.get(SECURE)) == "Your account is secured"
    )  # a reload asks for nothing

    again = await visitor.follow(await visitor.get(f"{SECURE}/{token}"))
    assert (again.status_code, heading(again)) == (400, "This link does not work")


async def test_no_page_says_that_lasting_sessions_end(
    school: Service, ada: Account, open_school: OpenSchool
) -> None:
    own = {"store": school.accounts, "accounts": {"store": "table"}}
    visitor = visiting(await open_school(**own))
    page = await visitor.follow(await visitor.get(f"{SECURE}/{await secure_token(school, ada)}"))
    done = await visitor.follow(await visitor.submit(SECURE))
    assert heading(done) == "Your account is secured"
    for each in (page, done):
        assert "device" not in words(each)
        assert "sign" not in words(each).replace("No one can sign in", "").replace(
            "Back to sign-in", ""
        )


async def test_a_page_that_no_mail_leads_to_or_without_a_link_tells_nothing(
    visitor: Visitor, open_school: OpenSchool
) -> None:
    assert (await visitor.get(SECURE)).status_code == 400
    assert (await visitor.submit("/forgot-password", SECURE)).status_code == 400
    visitor = visiting(
        await open_school(secure_account={"url": "https://app.example.org/s/{token}"})
    )
    assert (await visitor.get(f"{SECURE}/x")).status_code == 404


async def test_the_page_of_a_link_says_why_an_operator_asked(
    school: Service, visitor: Visitor, ada: Account
) -> None:
    await school.operator.reset(ada.email, "Somebody read <b>a copy</b> of our database.")
    page = await visitor.follow(await visitor.get(f"/reset-password/{await school.newest()}"))
    assert "Somebody read <b>a copy</b> of our database." in words(page)
    assert "<b>a copy</b>" not in page.text
