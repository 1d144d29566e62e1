"""Links that set no password: dead ones, strange ones, and another account's."""

import httpx2
import pytest
from tests.driver.service import ADA, NEW_PASSWORD, PASSWORD, Service
from tests.driver.visitor import Visitor, form_token, heading, words
from tests.spec.pages.school import RESET, OpenSchool, asked, open_link, save, visiting

from keyturn import Account

pytestmark = pytest.mark.long


async def test_a_link_that_never_was_is_invalid_and_a_form_without_one_leads_back_to_the_page(
    visitor: Visitor,
) -> None:
    assert heading(await visitor.follow(await save(visitor))) == "Open the link in your email"
    for token in ("A" * 43, "x", "x" * 5000, "%00", "%F0%9F%8C%B2" * 80, "a:b;c=d,e"):
        page = await visitor.follow(await visitor.get(f"{RESET}/{token}"))
        assert page.status_code == 400
        assert "This reset link is invalid or has expired. Please request a new one." in words(page)
        assert '<a class="button" href="/forgot-password">Request a new link</a>' in page.text


async def expired(visitor: Visitor, school: Service, ada: Account) -> httpx2.Response:
    await open_link(visitor, await school.link(ada.email))
    school.let_time_pass(minutes=31)
    return await visitor.get(RESET)


async def test_one_press_on_an_expired_link_sends_another_and_tells_a_masked_address(
    visitor: Visitor, school: Service, ada: Account
) -> None:
    page = await expired(visitor, school, ada)
    assert heading(page) == "This reset link has expired"
    assert "Reset links work for 30 minutes. Request a new one." in words(page)
    assert "Send a new link to a***@northwind.test" in words(page)
    done = await visitor.follow(await visitor.submit(RESET, f"{RESET}/replace"))
    assert heading(done) == "Check your email"
    assert "If an account exists for a***@northwind.test , a link is on its way." in words(done)
    assert ADA not in page.text + done.text
    assert await asked(school) == [ADA]


async def test_a_press_without_link_or_token_sends_nothing(
    visitor: Visitor, school: Service, ada: Account
) -> None:
    assert heading(await visitor.submit("/login", f"{RESET}/replace")) == "This link does not work"
    await expired(visitor, school, ada)
    assert (await visitor.client.post(f"{RESET}/replace")).status_code == 403
    assert await asked(school) == []


async def test_a_link_that_expires_meanwhile_is_replaced_once(
    visitor: Visitor, token: str, school: Service
) -> None:
    await open_link(visitor, token)
    fields = {
        "_csrf_token": form_token(await visitor.get(RESET)),
        "password": NEW_PASSWORD,
        "again": NEW_PASSWORD,
    }
    school.let_time_pass(minutes=31)
    page = await visitor.client.post(RESET, data=fields)
    assert "Send a new link to a***@northwind.test" in words(page)
    for _ in range(2):
        await open_link(visitor, token)
        await visitor.submit(RESET, f"{RESET}/replace")
    await open_link(visitor, token)
    page = await visitor.get(RESET)
    assert heading(page) == "This reset link has expired"
    assert '<a class="button" href="/forgot-password">Request a new link</a>' in page.text
    assert await asked(school) == [ADA]


async def test_an_expired_link_s_page_has_the_challenge(
    school: Service, ada: Account, open_school: OpenSchool
) -> None:
    challenge = {"method": "turnstile", "site_key": "a-site-key", "secret": "a-secret"}
    visitor = visiting(await open_school(challenge=challenge))
    page = await expired(visitor, school, ada)
    assert 'data-sitekey="a-site-key"' in page.text
    assert "https://challenges.cloudflare.com" in page.headers["content-security-policy"]
    refused = await visitor.submit(RESET, f"{RESET}/replace")
    assert refused.status_code == 403
    assert "Send a new link to a***@northwind.test" in words(refused)
    assert await asked(school) == []


async def test_a_form_of_one_account_sets_no_other(
    visitor: Visitor, token: str, school: Service, ada: Account
) -> None:
    bob = await school.add("bob@northwind.test")
    await open_link(visitor, token)
    await open_link(visitor, await school.link(bob.email))
    page = await save(visitor, email=ada.email)
    assert page.status_code == 400
    assert heading(page) == "Open the link in your email"
    assert (
        "Another link has been opened in this browser since. Your password was not changed."
        in words(page)
    )
    assert await school.knows(PASSWORD, bob.email)
    assert await school.knows(PASSWORD, ada.email)
