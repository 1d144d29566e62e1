"""Ivory/Mirro: password reset by email, as its document asks, sentence by sentence."""

import re

import pytest
from tests.driver.inbox import token_in
from tests.driver.service import problem
from tests.driver.visitor import words
from tests.sources.adopted import Adopted

pytestmark = pytest.mark.long

NAME = "ivory-mirro"

ADA, GOOGLE, FORMER = "ada@ivory.test", "google@ivory.test", "former@ivory.test"
NEW = "harbour lighthouse 7"
SIX, FIVE = "wq7!xk", "wq7!x"


# User flow


async def test_a_user_clicks_forgot_password_on_the_login_page(app: Adopted) -> None:
    page = await app.visitor().get("/login")

    assert re.search(r'<a[^>]*href="/forgot-password"[^>]*>\s*Forgot', page.text)


async def test_a_new_password_has_at_least_6_characters(app: Adopted) -> None:
    token = token_in(await app.mail(ADA))
    short = await app.post("/api/auth/reset-password", token=token, password=FIVE)

    assert problem(short) == "422 password-rejected"
    assert [one["rule"] for one in short.json()["violations"]] == ["min_length"]
    assert (await app.post("/api/auth/reset-password", token=token, password=SIX)).status_code == 200


# Technical implementation


async def test_it_clears_the_reset_token_of_the_former_feature(app: Adopted) -> None:
    assert app.row(FORMER)["resetPasswordToken"] == "c0ffee"
    token = token_in(await app.mail(FORMER))
    await app.post("/api/auth/reset-password", token=token, password=NEW)
    row = app.row(FORMER)

    assert (row["resetPasswordToken"], row["resetPasswordExpires"]) == (None, None)


# Pages


async def test_the_forgot_page_has_an_email_form_and_a_link_back_to_login(app: Adopted) -> None:
    page = await app.visitor().get("/forgot-password")

    assert 'type="email"' in page.text
    assert "Back to login" in words(page)


async def test_the_reset_page_shows_the_rules_and_how_strong_a_password_is(app: Adopted) -> None:
    _, page = await app.opened(await app.link(ADA))

    assert page.url.path == "/reset-password"
    assert "at least 6 characters" in words(page)
    assert "strength" in page.text


# Email template


async def test_the_mail_has_a_notice_of_1_hour_and_one_for_who_did_not_ask(app: Adopted) -> None:
    text = " ".join((await app.mail(ADA)).text.split())

    assert "1 hour" in text
    assert "Didn’t request this?" in text


async def test_the_mail_is_branded(app: Adopted) -> None:
    mail = await app.mail(ADA)

    assert "Ivory Mirro" in mail.subject
    assert app.settings.brand.accent in mail.html
    assert mail.sender == "Ivory Mirro <noreply@yourdomain.com>"


# Security features


async def test_only_email_auth_users_can_reset_passwords(app: Adopted) -> None:
    await app.service.ask(GOOGLE)
    await app.service.deliver()
    (mail,) = app.service.inbox.mails

    assert mail.tags["template"] == "sign_in_with_provider"
    assert "Google" in mail.text
    assert app.links_in(mail) == []


# Environment variables, testing, future enhancements


async def test_its_environment_variables_are_the_sender_the_key_and_the_base_url(app: Adopted) -> None:
    assert app.settings.base_url == "https://yourdomain.com"
    assert app.settings.resend.api_key == "your_resend_api_key"
    assert app.settings.mail.from_ == "Ivory Mirro <noreply@yourdomain.com>"
