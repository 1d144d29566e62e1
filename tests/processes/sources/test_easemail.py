"""EaseMail: a reset that goes through Resend and not through Supabase's mails, sentence by sentence."""

import httpx2
import pytest
from tests.driver.inbox import token_in
from tests.driver.visitor import words
from tests.processes.sources.adopted import SERVICE_ROLE_KEY, Adopted, path_of
from tests.servers.supabase import SupabaseServer

pytestmark = pytest.mark.long

NAME = "easemail"
ADA = "ada@easemail.test"
NEW = "Lighthouse-7-loud"
RESET = "/api/auth/reset-password-with-token"


async def test_it_clears_the_temp_password_flags(app: Adopted) -> None:
    table = app.settings.accounts.table.table
    app.rows(f'UPDATE "{table}" SET updated_at = ?', "2026-01-02 03:04:05")  # noqa: S608 - a name in the example
    before = app.row(ADA)
    await app.post(RESET, token=token_in(await app.mail(ADA)), newPassword=NEW)
    after = app.row(ADA)
    assert (before["is_temp_password"], after["is_temp_password"]) == (1, 0)
    assert after["temp_password_expires_at"] is None
    assert after["updated_at"] > before["updated_at"]


async def test_1_request_says_that_the_link_was_sent(app: Adopted) -> None:
    visitor = app.visitor()
    form = await visitor.get("/forgot-password")
    page = await visitor.follow(await visitor.submit("/forgot-password", email=ADA))

    assert "Send Reset Link" in words(form)
    assert "Password reset link sent! Check your email (and spam folder)." in words(page)
    assert "An address without an account gets none." in words(page)
    assert "If an account exists" not in words(page)


async def test_2_the_email_has_a_grey_theme_and_supabase_is_not_asked(app: Adopted, supabase: SupabaseServer) -> None:
    supabase.requests.clear()
    assert "#4d5156" in (await app.mail(ADA)).html
    assert supabase.requests == []


async def test_3_and_4_the_reset_needs_no_current_password_and_ends_at_login(
    app: Adopted, environ: dict[str, str]
) -> None:
    visitor, page = await app.opened(app.link_in(await app.mail(ADA)))
    assert page.url.path == "/change-password"
    assert page.text.count('type="password"') == 2
    assert "Update Password" in words(page)

    saved = await visitor.submit("/change-password", password=NEW, again=NEW, email=ADA)
    assert path_of(saved.headers["refresh"].partition("url=")[2]) == "/login"
    supabase = f"{environ['KEYTURN_ACCOUNTS_SUPABASE_URL']}/auth/v1/token?grant_type=password"
    async with httpx2.AsyncClient(headers={"apikey": SERVICE_ROLE_KEY}) as client:
        assert (await client.post(supabase, json={"email": ADA, "password": NEW})).status_code == 200
