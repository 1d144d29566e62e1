"""EaseMail: a reset that goes through Resend and not through Supabase's mails, sentence by sentence."""

import re
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.driver.inbox import token_in
from tests.driver.service import NOBODY, problem
from tests.driver.supabase import SupabaseServer
from tests.driver.visitor import words
from tests.serving import serving
from tests.sources.adopted import PASSWORD, Adopted, adopted, path_of
from tests.sources.easemail import ADA, KEY, can_sign_in, is_grey

pytestmark = pytest.mark.long

NAME = "easemail"
NEW = "Lighthouse-7-loud"
REQUEST, VALIDATE, RESET = (
    f"/api/auth/{route}" for route in ("request-password-reset", "validate-reset-token", "reset-password-with-token")
)


@pytest.fixture
def supabase() -> SupabaseServer:
    server = SupabaseServer(service_role_key=KEY)
    server.users.add(ADA, PASSWORD, id="6f0c6b0a-3a3e-4f43-8d51-0e6f5a2b7001")
    server.users.add("grace@easemail.test", PASSWORD, id="6f0c6b0a-3a3e-4f43-8d51-0e6f5a2b7002")
    return server


@pytest.fixture
def supabase_url(supabase: SupabaseServer) -> Iterator[str]:
    with serving(supabase) as url:
        yield url


@pytest.fixture
async def app(supabase_url: str, migrated: str) -> AsyncIterator[Adopted]:
    async with adopted(NAME, migrated, KEYTURN_ACCOUNTS_SUPABASE_URL=supabase_url) as app:
        yield app


# 1. Database


async def test_tokens_expire_after_1_hour_and_leave_an_audit_trail_of_ip_and_user_agent(app: Adopted) -> None:
    await app.service.at("203.0.113.9").post(REQUEST, json={"email": ADA}, headers={"User-Agent": "Firefox/140"})
    await app.service.deliver()
    (mail,) = app.service.inbox.mails
    (entry,) = await app.service.trail()

    assert (entry.ip_address, entry.user_agent, entry.outcome) == ("203.0.113.9", "Firefox/140", "link_mailed")
    app.service.let_time_pass(minutes=59)
    assert await app.works(token_in(mail))
    app.service.let_time_pass(minutes=1)
    assert not await app.works(token_in(mail))


# 2. API endpoints: request


async def test_the_token_is_secure_and_of_32_bytes(app: Adopted) -> None:
    assert len(token_in(await app.mail(ADA))) == 43  # base64url of 32 bytes (RFC 4648, section 5)


async def test_rate_limiting_is_3_requests_per_minute_per_ip(app: Adopted) -> None:
    here, there = app.service.at("198.51.100.7"), app.service.at("198.51.100.8")
    answers = [await here.post(REQUEST, json={"email": ADA}) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert (await there.post(REQUEST, json={"email": ADA})).status_code == 202


async def test_it_always_returns_success_if_that_email_exists(app: Adopted) -> None:
    answers = [await app.post(REQUEST, email=email) for email in (ADA, NOBODY)]

    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert answers[0].json()["success"] is True
    assert answers[0].json()["message"].startswith("If that email exists")


async def test_asking_causes_no_request_to_supabase_at_all(app: Adopted, supabase: SupabaseServer) -> None:
    supabase.requests.clear()
    await app.mail(ADA)

    assert supabase.requests == []


# validate


async def test_validate_returns_valid_email_and_expires_at(app: Adopted) -> None:
    answer = await app.post(VALIDATE, token=token_in(await app.mail(ADA)))

    assert answer.json().keys() == {"valid", "email", "expiresAt", "awaitsPassword"}
    assert (answer.json()["valid"], answer.json()["email"]) == (True, ADA)


async def test_validate_checks_that_the_token_exists_is_not_expired_and_not_used(app: Adopted) -> None:
    token = token_in(await app.mail(ADA))
    assert (await app.post(VALIDATE, token=token[:-3] + "AAA")).json()["reason"] == "invalid"
    await app.post(RESET, token=token, newPassword=NEW)
    assert (await app.post(VALIDATE, token=token)).json()["reason"] == "used"


async def test_validate_checks_that_the_user_account_still_exists(app: Adopted) -> None:
    token = token_in(await app.mail(ADA))
    app.rows("DELETE FROM users WHERE email = ?", ADA)

    assert (await app.post(VALIDATE, token=token)).json() == {"valid": False, "reason": "invalid"}


# reset


@pytest.mark.parametrize(
    ("password", "broken"),
    [
        ("Sh0rt-1", "min_length"),
        ("lighthouse-7-loud", "uppercase"),
        ("LIGHTHOUSE-7-LOUD", "lowercase"),
        ("Lighthouse-loud-x", "digit"),
        ("Lighthouse7loudxx", "special"),
    ],
)
async def test_password_strength_8_chars_upper_lower_number_special(app: Adopted, password: str, broken: str) -> None:
    token = token_in(await app.mail(ADA))
    answer = await app.post(RESET, token=token, newPassword=password)

    assert problem(answer) == "422 password-rejected"
    assert [one["rule"] for one in answer.json()["violations"]] == [broken]
    assert await app.service.works(token)


async def test_it_updates_the_password_in_supabase_auth(app: Adopted, supabase_url: str) -> None:
    answer = await app.post(RESET, token=token_in(await app.mail(ADA)), newPassword=NEW)

    assert answer.status_code == 200
    assert await can_sign_in(supabase_url, NEW)
    assert not await can_sign_in(supabase_url, PASSWORD)
    assert NEW not in app.dump()


async def test_the_confirmation_says_that_sessions_ended_since_supabase_ends_them(app: Adopted) -> None:
    await app.post(RESET, token=token_in(await app.mail(ADA)), newPassword=NEW)
    await app.service.deliver()

    (mail,) = app.service.inbox.sent_to(ADA, "password_changed")
    assert "We signed out all other devices." in " ".join(mail.text.split())


async def test_it_clears_the_temp_password_flags_and_updates_the_user_record(app: Adopted) -> None:
    table = app.settings.accounts.table.table
    app.rows(f'UPDATE "{table}" SET updated_at = ?', "2026-01-02 03:04:05")  # noqa: S608 - a name in the example
    before = app.row(ADA)
    await app.post(RESET, token=token_in(await app.mail(ADA)), newPassword=NEW)
    after = app.row(ADA)

    assert (before["is_temp_password"], after["is_temp_password"]) == (1, 0)
    assert after["temp_password_expires_at"] is None
    assert after["updated_at"] > before["updated_at"]


async def test_a_password_that_supabase_refuses_is_told_and_the_link_survives(
    app: Adopted, supabase: SupabaseServer
) -> None:
    supabase.pwned = frozenset({NEW})
    token = token_in(await app.mail(ADA))
    answer = await app.post(RESET, token=token, newPassword=NEW)

    assert problem(answer) == "422 password-rejected"
    assert len(answer.json()["violations"]) == 1
    assert await app.service.works(token)
    assert app.row(ADA)["is_temp_password"] == 1


async def test_a_supabase_that_is_down_is_told_and_the_link_survives(app: Adopted, supabase: SupabaseServer) -> None:
    token = token_in(await app.mail(ADA))
    supabase.coming.extend([503] * 5)
    answer = await app.post(RESET, token=token, newPassword=NEW)
    supabase.coming.clear()

    assert problem(answer) == "503 unavailable"
    assert (await app.post(RESET, token=token, newPassword=NEW)).status_code == 200


# 3. Frontend


async def test_there_is_a_60_second_cooldown(app: Adopted) -> None:
    visitor = app.visitor()
    page = await visitor.follow(await visitor.submit("/forgot-password", email=ADA))
    await app.service.ask(ADA)
    await app.service.ask(ADA)
    await app.service.deliver()

    assert re.search(r"\b(60|59|1 minute)\b", words(page))
    assert len(app.service.inbox.mails) == 1


async def test_the_change_password_page_finds_the_token_and_validates_it_first(app: Adopted) -> None:
    _, page = await app.opened(await app.link(ADA))
    _, refused = await app.opened("/change-password?token=" + "A" * 43)

    assert page.url.path == "/change-password"
    assert 'name="password"' in page.text
    assert 'name="password"' not in refused.text


# Email flow, setup: its variables


async def test_its_environment_variables_are_resend_supabase_and_the_site_url(app: Adopted) -> None:
    settings = app.settings

    assert settings.base_url == "https://www.easemail.app"
    assert settings.resend.api_key == "re_xxxxxxxxxxxx"
    assert settings.accounts.supabase.service_role_key == KEY
    assert settings.mail.from_ == "EaseMail <noreply@easemail.app>"
    assert settings.mail.transport == "resend"


# Step 4: test the flow


async def test_1_request_says_that_the_link_was_sent(app: Adopted) -> None:
    visitor = app.visitor()
    form = await visitor.get("/forgot-password")
    page = await visitor.follow(await visitor.submit("/forgot-password", email=ADA))

    assert "Send Reset Link" in words(form)
    assert "Password reset link sent! Check your email (and spam folder)." in words(page)
    assert "An address without an account gets none." in words(page)
    assert "If an account exists" not in words(page)


async def test_2_the_email_comes_from_its_address_in_its_grey_theme_with_the_link(app: Adopted) -> None:
    mail = await app.mail(ADA)

    assert mail.sender == "EaseMail <noreply@easemail.app>"
    accent = app.settings.brand.accent
    assert accent in mail.html
    assert is_grey(accent)
    assert app.link_in(mail) == f"https://www.easemail.app/change-password?token={token_in(mail)}"


async def test_3_the_reset_asks_for_no_current_password_and_ends_at_login(app: Adopted) -> None:
    visitor, page = await app.opened(await app.link(ADA))
    assert page.text.count('type="password"') == 2
    assert "Update Password" in words(page)

    saved = await visitor.submit("/change-password", password=NEW, again=NEW, email=ADA)
    assert path_of(saved.headers["refresh"].partition("url=")[2]) == "/login"


async def test_4_one_can_log_in_with_the_new_password(app: Adopted, supabase_url: str) -> None:
    visitor, _ = await app.opened(await app.link(ADA))
    await visitor.submit("/change-password", password=NEW, again=NEW, email=ADA)

    assert await can_sign_in(supabase_url, NEW)


async def test_5_a_used_link_says_that_it_has_already_been_used(app: Adopted) -> None:
    token = token_in(await app.mail(ADA))
    await app.post(RESET, token=token, newPassword=NEW)
    answer = await app.post(RESET, token=token, newPassword=NEW)

    assert "This reset link has already been used" in answer.json()["detail"]


async def test_5_an_old_link_says_that_it_has_expired(app: Adopted) -> None:
    token = token_in(await app.mail(ADA))
    app.service.let_time_pass(hours=1)
    answer = await app.post(RESET, token=token, newPassword=NEW)

    assert "This reset link has expired" in answer.json()["detail"]


# Monitoring


async def test_who_asked_when_and_what_became_of_it_can_be_looked_up(app: Adopted) -> None:
    token = token_in(await app.mail(ADA))
    await app.service.ask(NOBODY)
    await app.service.deliver()
    await app.post(RESET, token=token, newPassword=NEW)

    assert [(entry.event, entry.outcome, entry.email) for entry in await app.service.trail()] == [
        ("reset_request", "link_mailed", ADA),
        ("reset_request", "no_account", NOBODY),
        ("password_reset", "changed", ADA),
    ]
