"""A request that names an address to return to after the reset: stored with the link, of an allowed
origin alone.
"""

import httpx2
import pytest
from tests.driver.inbox import code_in
from tests.driver.service import (
    ADA,
    NEW_PASSWORD,
    NO_COOLDOWN,
    REPLACE,
    REQUEST,
    Service,
    Start,
    problem,
)
from tests.driver.visitor import form_token
from tests.servers.databases import ON_SQLITE

pytestmark = pytest.mark.any_database

BACK = "https://shop.example.org/cart?item=1&size=a%20b"
EVIL = "https://shop.example.org.evil.example/"
ORIGINS = ("https://shop.example.org",)


@pytest.fixture
async def returning(start: Start) -> Service:
    return await start(return_origins=ORIGINS, token={"code": True}, limits=NO_COOLDOWN)


async def ask(returning: Service, return_to: object) -> httpx2.Response:
    return await returning.anywhere().post(REQUEST, json={"email": ADA, "returnTo": return_to})


async def test_a_link_says_where_to_return_and_so_does_one_in_its_place_while_the_settings_allow_it(
    returning: Service, start: Start
) -> None:
    assert (await ask(returning, BACK)).status_code == 202
    link = await returning.newest()
    assert (await returning.check(link))["returnTo"] == BACK
    returning.let_time_pass(minutes=31)
    assert (await returning.anywhere().post(REPLACE, json={"token": link})).status_code == 202
    link = await returning.newest()
    assert (await returning.check(link))["returnTo"] == BACK
    without = await start(return_origins=("https://other.example.org",))
    assert "returnTo" not in await without.check(link)
    assert problem(await returning.reset(link)) == "200"


@ON_SQLITE
@pytest.mark.parametrize("address", [EVIL, "/cart", "javascript:alert(1)", "x" * 1001, 7, None])
async def test_another_address_is_refused_and_nothing_is_sent(
    returning: Service, address: object
) -> None:
    answer = await ask(returning, address)
    assert problem(answer) == "400 invalid-input"
    assert [fault["field"] for fault in answer.json()["errors"]] == ["returnTo"]
    await returning.deliver()
    assert returning.inbox.mails == []


async def test_the_page_keeps_it_through_each_of_its_forms(returning: Service) -> None:
    async with returning.anywhere(follow_redirects=True) as visitor:
        page = await visitor.get("/forgot-password", params={"return_to": BACK})
        field = '<input type="hidden" name="return_to" value="https://shop.example.org/cart?item=1&amp;size=a%20b">'
        assert field in page.text
        csrf = {"_csrf_token": form_token(page)}
        malformed = await visitor.post(
            "/forgot-password", data={"email": "ada@", "return_to": BACK, **csrf}
        )
        assert field in malformed.text
        sent = await visitor.post(
            "/forgot-password", data={"email": ADA, "return_to": BACK, **csrf}
        )
        assert field in sent.text
        assert field in (await visitor.get("/forgot-password?another")).text

        link = await returning.newest()
        assert (await returning.check(link))["returnTo"] == BACK
        code = code_in(returning.inbox.mails[0])
        await visitor.post("/forgot-password/code", data={"email": ADA, "code": code, **csrf})
        form = {"email": ADA, "password": NEW_PASSWORD, "again": NEW_PASSWORD, **csrf}
        saved = await visitor.post("/reset-password", data=form)
        assert "Your password was changed" in saved.text
        assert (
            '<a class="button" href="https://shop.example.org/cart?item=1&amp;size=a%20b">Continue</a>'
            in saved.text
        )


@ON_SQLITE
async def test_the_page_ignores_another_address_and_a_planted_cookie_leads_nowhere(
    returning: Service,
) -> None:
    planted = {"keyturn_flash": f"password_changed::::{EVIL}"}
    async with returning.anywhere(follow_redirects=True, cookies=planted) as visitor:
        page = await visitor.get("/reset-password")
        assert "Your password was changed" in page.text
        assert "evil.example" not in page.text
        page = await visitor.get("/forgot-password", params={"return_to": EVIL})
        assert 'name="return_to"' not in page.text
        fields = {"email": ADA, "return_to": EVIL, "_csrf_token": form_token(page)}
        sent = await visitor.post("/forgot-password", data=fields)
        assert "evil.example" not in sent.text
    assert "returnTo" not in await returning.check(await returning.newest())


async def test_with_after_reset_the_browser_goes_there_at_once(start: Start) -> None:
    returning = await start(
        return_origins=ORIGINS,
        sign_in_url="https://app.example.org/login",
        after_reset="sign_in",
        limits=NO_COOLDOWN,
    )
    await ask(returning, BACK)
    async with returning.anywhere(follow_redirects=True) as visitor:
        page = await visitor.get(f"/reset-password/{await returning.newest()}")
        form = {
            "email": ADA,
            "password": NEW_PASSWORD,
            "again": NEW_PASSWORD,
            "_csrf_token": form_token(page),
        }
        saved = await visitor.post("/reset-password", data=form, follow_redirects=False)
        assert (saved.status_code, saved.headers["refresh"]) == (200, f"0; url={BACK}")
