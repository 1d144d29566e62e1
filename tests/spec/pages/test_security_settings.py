"""The card "Change password" in the security settings."""

import re

import pytest
from tests.driver.service import ADA, LOGOUT, NEW_PASSWORD, Service
from tests.driver.visitor import Visitor, form_token, heading, words
from tests.spec.pages.school import OpenSchool, asked, open_link, save, visiting

from keyturn import Account

pytestmark = pytest.mark.long

VIEWER, SCHOOL = "/viewer-settings/security", "/school-settings/security"
INFO = "We’ve sent a password reset link to your email. Please check your inbox to continue."


async def test_the_card_offers_to_change_the_password_by_a_mail_or_with_the_current_one(
    signed_in: Visitor,
) -> None:
    page = await signed_in.get(VIEWER)
    assert heading(page) == "Security settings"
    assert '<h2 id="change-password">Change password</h2>' in page.text
    assert '<button type="submit">Request password change</button>' in page.text
    assert f"Signed in as {ADA}" in words(page)
    assert "Sign out" in words(page)
    assert INFO not in words(page)
    (link,) = re.findall(r'<a href="(/reset-password)">', page.text)
    assert "Current password" in words(await signed_in.get(link))
    signed_in.client.cookies.set("keyturn_asked", "99999999999:bob@northwind.test")
    assert INFO not in words(await signed_in.get(VIEWER)), (
        "what another account asked for in this browser"
    )


async def test_the_card_leads_to_no_form_where_the_api_has_its_address(
    ada: Account, open_school: OpenSchool
) -> None:
    own = {
        "forgot_url": "https://app.northwind.example/forgot",
        "reset_url": "https://app.northwind.example/{token}",
    }
    elsewhere = visiting(await open_school(server={"api_path": "/"}, **own))
    await elsewhere.sign_in(ada.email)
    assert '<p class="ways"><a' not in (await elsewhere.get(VIEWER)).text


async def test_a_request_asks_once_for_a_link_to_the_account_s_own_address(
    signed_in: Visitor, school: Service
) -> None:
    page = await signed_in.follow(await signed_in.submit(VIEWER, email="eve@northwind.test"))
    assert INFO in words(page)
    page = await signed_in.follow(await signed_in.submit(VIEWER))
    assert "You can request it again in" in words(page)
    assert await asked(school) == [ADA]


async def test_what_was_mailed_a_moment_ago_is_told_in_place_of_another(
    signed_in: Visitor, school: Service
) -> None:
    await school.ask_and_deliver()
    school.let_time_pass(seconds=20)
    page = await signed_in.follow(await signed_in.submit(VIEWER))
    assert re.search(
        r"We sent an email to this address a moment ago\. You can request it again in (40|3\d) "
        r"seconds \.",
        words(page),
    )
    assert 'data-countdown="' in page.text
    assert INFO not in words(page)
    assert await asked(school) == []


async def test_a_finished_reset_ends_both_notices(
    signed_in: Visitor, ada: Account, school: Service
) -> None:
    assert INFO in words(await signed_in.follow(await signed_in.submit(VIEWER)))
    token = await school.link(ada.email)
    on_a_phone = visiting(school)
    await open_link(on_a_phone, token)
    assert (await save(on_a_phone)).status_code == 303
    await signed_in.sign_in(password=NEW_PASSWORD)
    card = words(await signed_in.get(VIEWER))
    assert INFO not in card
    assert "request it again" not in card


@pytest.mark.parametrize(
    ("kind", "own", "other"), [("viewer", VIEWER, SCHOOL), ("school", SCHOOL, VIEWER)]
)
async def test_each_kind_is_led_by_the_sign_in_to_its_page(
    kind: str, own: str, other: str, visitor: Visitor, school: Service
) -> None:
    await school.add("bob@northwind.test", kind=kind)
    page = await visitor.follow(await visitor.get(own))
    assert heading(page) == "Sign in"
    assert f'name="next" value="{own}"' in page.text
    await visitor.sign_in("bob@northwind.test")
    assert (await visitor.get(other)).headers["location"] == own
    assert (await visitor.get(own)).status_code == 200
    assert (await visitor.submit(own, other)).headers["location"] == own
    assert INFO in words(await visitor.get(own))


async def test_a_session_that_ended_meanwhile_leads_to_the_sign_in(
    signed_in: Visitor, school: Service
) -> None:
    form = await signed_in.get(VIEWER)
    elsewhere = visiting(school)
    elsewhere.client.cookies.update(signed_in.client.cookies)
    assert (await elsewhere.client.post(LOGOUT)).is_success
    answer = await signed_in.client.post(VIEWER, data={"_csrf_token": form_token(form)})
    assert answer.headers["location"] == "/login?next=%2Fviewer-settings%2Fsecurity"
    assert await asked(school) == []
