"""Links that set no password: dead ones, strange ones, and another account's."""

from datetime import timedelta

import pytest
from tests.pages.resetting import RESET, UNKNOWN, open_link, save
from tests.pages.school import NEW_PASSWORD, PASSWORD, School, Visitor, form_token, heading, words

from keyturn.accounts.port import Account

pytestmark = pytest.mark.long


@pytest.fixture
async def token(school: School, ada: Account) -> str:
    return await school.link(ada)


@pytest.mark.parametrize("token", [UNKNOWN, "x", "x" * 5000, "%00", "%F0%9F%8C%B2" * 80, "a:b;c=d,e"])
async def test_a_link_that_never_was_is_invalid(token: str, visitor: Visitor) -> None:
    page = await visitor.follow(await visitor.get(f"{RESET}/{token}"))
    assert page.status_code == 400
    assert "This reset link is invalid or has expired. Please request a new one." in words(page)
    assert '<a class="button" href="/forgot-password">Request a new link</a>' in page.text


async def test_a_live_token_with_something_behind_it_is_invalid(visitor: Visitor, token: str) -> None:
    page = await visitor.follow(await visitor.get(f"{RESET}/{token}A"))
    assert heading(page) == "This link does not work"


async def test_an_expired_link_says_so(visitor: Visitor, school: School, ada: Account) -> None:
    await open_link(visitor, await school.link(ada, ttl=timedelta(seconds=-1)))
    page = await visitor.get(RESET)
    assert heading(page) == "This reset link has expired"
    assert "A link works for 30 minutes. Please request a new one." in words(page)


async def test_a_used_link_says_so(visitor: Visitor, token: str) -> None:
    await open_link(visitor, token)
    await save(visitor)
    page = await visitor.follow(await visitor.get(f"{RESET}/{token}"))
    assert heading(page) == "This reset link has already been used"
    assert '<a class="button" href="/login">Go to sign-in</a>' in page.text
    assert '<a href="/forgot-password">Request a new link</a>' in page.text


async def test_a_link_that_was_used_while_the_form_was_open_sets_nothing(
    visitor: Visitor, token: str, school: School, ada: Account
) -> None:
    await open_link(visitor, token)
    form = await visitor.get(RESET)
    async with school.visitor() as other:
        await open_link(other, token)
        await save(other)
    fields = {"_csrf_token": form_token(form), "password": PASSWORD + "!", "again": PASSWORD + "!"}
    page = await visitor.client.post(RESET, data=fields)
    assert heading(page) == "This reset link has already been used"
    assert await school.knows(NEW_PASSWORD, ada)


async def test_an_address_beside_the_token_must_be_the_account_s(visitor: Visitor, token: str) -> None:
    page = await visitor.follow(await visitor.get(f"{RESET}?token={token}&email=bob@northwind.example"))
    assert page.status_code == 400
    assert heading(page) == "This link does not work"


async def test_a_form_for_one_account_never_sets_the_password_of_another(
    visitor: Visitor, token: str, school: School, ada: Account
) -> None:
    bob = await school.add("bob@northwind.example")
    await open_link(visitor, token)
    await open_link(visitor, await school.link(bob))
    page = await save(visitor, email=ada.email)
    assert page.status_code == 400
    assert await school.knows(PASSWORD, bob)
    assert await school.knows(PASSWORD, ada)


async def test_a_form_without_a_link_leads_back_to_the_page(visitor: Visitor) -> None:
    assert heading(await visitor.follow(await save(visitor))) == "Open the link in your email"
