"""The Next.js app: password reset with email verification, as its document asks, sentence by sentence."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.driver.inbox import token_in
from tests.sources.adopted import Adopted

pytestmark = pytest.mark.long

NAME = "nextjs-app"

USER, FORMER = "user@next.test", "former@next.test"
NEW = "eleven loud lighthouses"


# User flow


async def test_a_user_clicks_forgot_password_on_the_sign_in_page(app: Adopted) -> None:
    page = await app.visitor().get("/sign-in")

    assert re.search(r'<a[^>]*href="/forgot-password"[^>]*>\s*Forgot password\?', page.text)


# API endpoints


async def test_the_password_of_its_example_is_refused_as_a_common_one_and_the_link_survives(app: Adopted) -> None:
    token = token_in(await app.mail(USER))
    answer = await app.post("/api/auth/reset-password", token=token, email=USER, password="newpassword123")

    assert [one["rule"] for one in answer.json()["violations"]] == ["common"]
    assert await app.service.works(token)


# Environment variables, database, pages, testing


async def test_its_environment_variables_are_the_url_and_the_gmail_account(app: Adopted) -> None:
    assert app.settings.base_url == "http://localhost:3000"
    assert app.settings.smtp.username == "your-email@gmail.com"
    assert app.settings.smtp.password == "your-app-password"
    assert app.settings.smtp.host == "smtp.gmail.com"
    assert app.settings.smtp.security == "starttls"


async def test_the_columns_of_the_former_feature_are_cleared_by_a_reset(app: Adopted) -> None:
    before = app.row(FORMER)
    await app.post("/api/auth/reset-password", token=token_in(await app.mail(FORMER)), password=NEW)
    after = app.row(FORMER)

    assert before["resetPasswordToken"] == "c0ffee"
    assert (after["resetPasswordToken"], after["resetPasswordExpires"]) == (None, None)
    assert after["updatedAt"] > before["updatedAt"]


async def test_the_reset_page_has_the_token_and_the_email_in_its_address(app: Adopted) -> None:
    mail = await app.mail(USER)
    link = urlsplit(app.link_in(mail))

    assert link.path == "/reset-password"
    assert parse_qs(link.query) == {"token": [token_in(mail)], "email": [USER]}
