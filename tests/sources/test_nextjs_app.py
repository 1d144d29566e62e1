"""The Next.js app: password reset with email verification, as its document asks, sentence by sentence."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.driver.inbox import token_in
from tests.driver.service import NOBODY, problem
from tests.driver.visitor import words
from tests.sources.adopted import PASSWORD, Adopted, path_of

pytestmark = pytest.mark.long

NAME = "nextjs-app"
USER, FORMER = "user@next.test", "former@next.test"
NEW = "eleven loud lighthouses"


# Security features


async def test_tokens_are_32_random_bytes(app: Adopted) -> None:
    assert len(token_in(await app.mail(USER))) == 43  # base64url of 32 bytes (RFC 4648, section 5)


async def test_tokens_are_hashed_with_sha_256_before_storage(app: Adopted) -> None:
    token = token_in(await app.mail(USER))

    assert app.holds_digest(token)
    assert token not in app.dump()


async def test_links_expire_after_1_hour(app: Adopted) -> None:
    token = token_in(await app.mail(USER))
    app.service.let_time_pass(minutes=59)
    assert (await app.post("/api/auth/verify-reset-token", token=token, email=USER)).json()["valid"] is True
    app.service.let_time_pass(minutes=1)
    assert (await app.post("/api/auth/verify-reset-token", token=token, email=USER)).json()["reason"] == "expired"


async def test_a_link_cannot_be_used_with_another_address_in_it(app: Adopted) -> None:
    token = token_in(await app.mail(USER))
    body = {"token": token, "email": FORMER}

    assert (await app.post("/api/auth/verify-reset-token", **body)).json() == {"valid": False, "reason": "invalid"}
    assert problem(await app.post("/api/auth/reset-password", **body, password=NEW)) == "400 link-dead"
    assert await app.service.knows(PASSWORD, FORMER)


async def test_the_pages_leave_no_token_to_manipulate_in_the_address_or_to_scripts(app: Adopted) -> None:
    visitor, link = app.visitor(), await app.link(USER)
    answer = await visitor.get(link.removeprefix(app.settings.base_url))
    while answer.is_redirect:
        assert all("httponly" in cookie.lower() for cookie in answer.headers.get_list("set-cookie"))
        answer = await visitor.follow(answer)

    assert answer.url.query == b""
    assert token_in(app.service.inbox.mails[-1]) not in answer.text


async def test_only_registered_emails_get_a_link(app: Adopted) -> None:
    await app.service.ask(NOBODY)
    await app.service.deliver()

    assert app.service.inbox.mails == []


async def test_the_response_does_not_reveal_whether_an_email_exists(app: Adopted) -> None:
    answers = [await app.post("/api/auth/forgot-password", email=email) for email in (USER, NOBODY)]

    assert len({(answer.status_code, answer.content) for answer in answers}) == 1


# User flow


async def test_a_user_clicks_forgot_password_on_the_sign_in_page(app: Adopted) -> None:
    page = await app.visitor().get("/sign-in")

    assert re.search(r'<a[^>]*href="/forgot-password"[^>]*>\s*Forgot password\?', page.text)


async def test_the_system_sends_a_reset_link_to_the_email(app: Adopted) -> None:
    visitor = app.visitor()
    await visitor.submit("/forgot-password", email=USER)
    await app.service.deliver()

    assert [mail.to for mail in app.service.inbox.mails] == [USER]


async def test_the_system_validates_token_and_email_and_asks_for_the_password_twice(app: Adopted) -> None:
    _, page = await app.opened(await app.link(USER))

    assert USER in words(page)
    assert "Confirm password" in words(page)


async def test_the_password_is_updated_and_the_user_redirected_to_sign_in(app: Adopted) -> None:
    visitor, _ = await app.opened(await app.link(USER))
    answer = await visitor.submit("/reset-password", password=NEW, again=NEW, email=USER)

    assert path_of(answer.headers["location"]) == "/sign-in"
    assert await app.service.knows(NEW, USER)


# API endpoints


async def test_forgot_password_takes_an_email(app: Adopted) -> None:
    assert (await app.post("/api/auth/forgot-password", email=USER)).status_code == 202


async def test_verify_reset_token_takes_a_token_and_an_email(app: Adopted) -> None:
    token = token_in(await app.mail(USER))
    answer = await app.post("/api/auth/verify-reset-token", token=token, email=USER)

    assert answer.json()["valid"] is True
    assert answer.json()["email"] == USER


async def test_reset_password_takes_token_email_and_password(app: Adopted) -> None:
    token = token_in(await app.mail(USER))
    answer = await app.post("/api/auth/reset-password", token=token, email=USER, password=NEW)

    assert answer.status_code == 200
    assert await app.service.knows(NEW, USER)


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


async def test_the_forgot_page_is_at_its_path(app: Adopted) -> None:
    assert 'type="email"' in (await app.visitor().get("/forgot-password")).text


async def test_the_whole_walk_of_its_testing_section(app: Adopted) -> None:
    visitor = app.visitor()
    await visitor.get("/sign-in")
    await visitor.submit("/forgot-password", email=USER)
    await app.service.deliver()
    reader, _ = await app.opened(app.link_in(app.service.inbox.mails[-1]))
    await reader.submit("/reset-password", password=NEW, again=NEW, email=USER)
    signed_in = await reader.submit("/sign-in", email=USER, password=NEW)

    assert signed_in.status_code == 303
    assert path_of(signed_in.headers["location"]) != "/sign-in"
