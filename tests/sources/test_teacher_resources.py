"""The teacher resource platform: the password reset that it planned, sentence by sentence."""

import pytest
from tests.driver.inbox import token_in
from tests.driver.service import problem
from tests.puzzles import post_answering
from tests.sources.adopted import EXAMPLES, PASSWORD, Adopted, settings_of

pytestmark = pytest.mark.long

NAME = "teacher-resources"
TEACHER, MENTOR = "teacher@resources.test", "mentor@resources.test"
NEW = "eleven loud lighthouses"


# Required components


async def test_its_environment_variables_are_the_gmail_account_and_its_app_password(app: Adopted) -> None:
    assert app.settings.smtp.username == "your-email@gmail.com"
    assert app.settings.smtp.password == "your-app-specific-password"
    assert app.settings.mail.from_ == "Teacher Resources <your-email@gmail.com>"


@pytest.mark.parametrize(
    ("page", "element"), [("forgot-password.html", "keyturn-forgot"), ("reset-password.html", "keyturn-reset")]
)
def test_its_two_pages_hold_a_form_each(page: str, element: str) -> None:
    assert f"<{element}" in (EXAMPLES / NAME / page).read_text("utf-8")


async def test_the_mail_leads_to_its_own_reset_page(app: Adopted) -> None:
    mail = await app.mail(TEACHER)

    assert app.link_in(mail) == f"https://teacher-resources.example/reset-password.html#token={token_in(mail)}"


# Security requirements


async def test_mail_goes_out_over_an_encrypted_connection(app: Adopted) -> None:
    assert app.settings.mail.transport == "smtp"
    assert app.settings.smtp.security == "starttls"


async def test_there_is_no_sensitive_data_in_mails(app: Adopted) -> None:
    mail = await app.mail(TEACHER)
    row = app.row(TEACHER)

    assert row["password"] not in mail.html + mail.text
    assert PASSWORD not in mail.html + mail.text


async def test_a_link_of_an_account_that_is_gone_is_dead(app: Adopted) -> None:
    token = token_in(await app.mail(TEACHER))
    app.rows("DELETE FROM sessions WHERE user_id = 1")
    app.rows("DELETE FROM users WHERE id = 1")

    assert (await app.post("/validate-reset-token", token=token)).json() == {"valid": False, "reason": "invalid"}


# Deployment considerations and testing requirements


async def test_a_captcha_is_there_and_lets_nobody_pass_who_does_not_answer(app: Adopted) -> None:
    client = app.service.anywhere()
    refused = await client.post("/forgot-password", json={"email": TEACHER})

    assert problem(refused) == "403 challenge-required"
    assert refused.json()["challenge"]["method"] == "altcha"
    assert problem(await post_answering(client, "/forgot-password", {"email": TEACHER})) == "202"


async def test_sessions_end_with_the_old_password_and_nobody_elses_and_the_mail_says_so(app: Adopted) -> None:
    token = token_in(await app.mail(TEACHER))
    await app.post("/reset-password", token=token, newPassword=NEW)
    await app.service.deliver()

    assert app.rows("SELECT user_id FROM sessions") == [{"user_id": 2}]
    (mail,) = app.service.inbox.sent_to(TEACHER, "password_changed")
    assert "We signed out all other devices." in " ".join(mail.text.split())


async def test_there_can_be_several_email_providers(migrated: str) -> None:
    settings = settings_of(NAME, migrated, KEYTURN_MAIL_FALLBACK="resend", RESEND_API_KEY="re_another_provider")

    assert (settings.mail.transport, settings.mail.fallback) == ("smtp", "resend")
