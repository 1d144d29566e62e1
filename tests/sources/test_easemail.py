"""EaseMail: a reset that goes through Resend and not through Supabase's mails, sentence by sentence."""

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.driver.inbox import token_in
from tests.driver.service import problem
from tests.driver.supabase_server import SupabaseServer
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


# 2. API endpoints: request


async def test_asking_causes_no_request_to_supabase_at_all(app: Adopted, supabase: SupabaseServer) -> None:
    supabase.requests.clear()
    await app.mail(ADA)

    assert supabase.requests == []


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


# 3. Frontend


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
