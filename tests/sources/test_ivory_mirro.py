"""Ivory/Mirro: password reset by email, as its document asks, sentence by sentence."""

import re

import pytest
from tests.driver.inbox import token_in
from tests.driver.service import NOBODY, problem
from tests.driver.visitor import words
from tests.sources.adopted import PASSWORD, Adopted, path_of

pytestmark = pytest.mark.long

NAME = "ivory-mirro"
ADA, GOOGLE, FORMER = "ada@ivory.test", "google@ivory.test", "former@ivory.test"
NEW = "harbour lighthouse 7"
SIX, FIVE = "wq7!xk", "wq7!x"


# User flow


async def test_a_user_clicks_forgot_password_on_the_login_page(app: Adopted) -> None:
    page = await app.visitor().get("/login")

    assert re.search(r'<a[^>]*href="/forgot-password"[^>]*>\s*Forgot', page.text)


async def test_enters_the_address_and_receives_a_mail_with_a_secure_link(app: Adopted) -> None:
    visitor = app.visitor()
    await visitor.submit("/forgot-password", email=ADA)
    await app.service.deliver()
    (mail,) = app.service.inbox.mails

    assert mail.to == ADA
    assert app.link_in(mail).startswith("https://yourdomain.com/reset-password?token=")


async def test_a_new_password_has_at_least_6_characters(app: Adopted) -> None:
    token = token_in(await app.mail(ADA))
    short = await app.post("/api/auth/reset-password", token=token, password=FIVE)

    assert problem(short) == "422 password-rejected"
    assert [one["rule"] for one in short.json()["violations"]] == ["min_length"]
    assert (await app.post("/api/auth/reset-password", token=token, password=SIX)).status_code == 200


async def test_the_password_is_confirmed_updated_and_the_user_can_log_in(app: Adopted) -> None:
    visitor, page = await app.opened(await app.link(ADA))
    assert "Confirm password" in words(page)

    differ = await visitor.submit("/reset-password", password=NEW, again=f"{NEW} ")
    assert differ.status_code == 422

    saved = await visitor.submit("/reset-password", password=NEW, again=NEW)
    assert path_of(saved.headers["location"]) == "/login"
    assert await app.service.knows(NEW, ADA)


# Technical implementation


async def test_the_reset_token_is_unique_and_expires_after_1_hour(app: Adopted) -> None:
    first, second = await app.mail(ADA), await app.mail(FORMER)
    tokens = token_in(first), token_in(second)

    assert tokens[0] != tokens[1]
    app.service.let_time_pass(minutes=59)
    assert await app.works(*tokens)
    app.service.let_time_pass(minutes=1)
    assert not await app.works(*tokens)


async def test_forgot_password_accepts_an_email_and_returns_a_success_message(app: Adopted) -> None:
    answer = await app.post("/api/auth/forgot-password", email=ADA)

    assert answer.status_code == 202
    assert answer.json()["success"] is True
    assert answer.json()["message"]


async def test_reset_password_accepts_token_and_password(app: Adopted) -> None:
    token = token_in(await app.mail(ADA))

    assert (await app.post("/api/auth/reset-password", token=token, password=NEW)).json()["success"] is True
    assert app.row(ADA)["password"].startswith("$2b$")


async def test_reset_password_validates_token_and_expiration(app: Adopted) -> None:
    token = token_in(await app.mail(ADA))
    forged = await app.post("/api/auth/reset-password", token=token[:-3] + "AAA", password=NEW)
    app.service.let_time_pass(minutes=61)
    late = await app.post("/api/auth/reset-password", token=token, password=NEW)

    assert [problem(forged), problem(late)] == ["400 link-dead"] * 2
    assert [forged.json()["reason"], late.json()["reason"]] == ["invalid", "expired"]
    assert await app.service.knows(PASSWORD, ADA)


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


async def test_the_forgot_page_confirms_success(app: Adopted) -> None:
    visitor = app.visitor()
    page = await visitor.follow(await visitor.submit("/forgot-password", email=NOBODY))

    assert page.status_code == 200
    assert NOBODY in words(page)


async def test_the_reset_page_shows_the_rules_and_how_strong_a_password_is(app: Adopted) -> None:
    _, page = await app.opened(await app.link(ADA))

    assert page.url.path == "/reset-password"
    assert "at least 6 characters" in words(page)
    assert "strength" in page.text


# Email template


async def test_the_mail_has_a_clear_button(app: Adopted) -> None:
    mail = await app.mail(ADA)

    assert re.search(rf'<a[^>]*href="{re.escape(app.link_in(mail))}"', mail.html)


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


async def test_tokens_are_of_one_time_use(app: Adopted) -> None:
    token = token_in(await app.mail(ADA))
    answers = [await app.post("/api/auth/reset-password", token=token, password=NEW) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 400]


async def test_the_same_response_for_valid_and_invalid_emails(app: Adopted) -> None:
    answers = [await app.post("/api/auth/forgot-password", email=email) for email in (ADA, NOBODY, GOOGLE)]

    assert len({(answer.status_code, answer.content) for answer in answers}) == 1


async def test_a_token_is_32_random_bytes(app: Adopted) -> None:
    assert len(token_in(await app.mail(ADA))) == 43  # base64url of 32 bytes (RFC 4648, section 5)


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


async def test_the_whole_walk_of_its_testing_section(app: Adopted) -> None:
    visitor = app.visitor()
    await visitor.get("/login")
    await visitor.submit("/forgot-password", email=ADA)
    await app.service.deliver()
    link = app.link_in(app.service.inbox.mails[-1])
    reader, _ = await app.opened(link)
    await reader.submit("/reset-password", password=NEW, again=NEW)
    signed_in = await reader.sign_in(ADA, NEW)

    assert signed_in.status_code == 303
    assert path_of(signed_in.headers["location"]) != "/login"


async def test_rate_limiting_prevents_abuse(app: Adopted) -> None:
    client = app.service.at("198.51.100.7")
    answers = [await client.post("/api/auth/forgot-password", json={"email": ADA}) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]


async def test_a_confirmation_email_follows_a_successful_reset(app: Adopted) -> None:
    await app.post("/api/auth/reset-password", token=token_in(await app.mail(ADA)), password=NEW)
    await app.service.deliver()

    assert len(app.service.inbox.sent_to(ADA, "password_changed")) == 1
