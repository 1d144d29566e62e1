"""Ivory/Mirro: password reset by email, as its document asks, sentence by sentence."""

import pytest
from tests.driver.inbox import token_in
from tests.driver.service import problem
from tests.processes.sources.adopted import Adopted

pytestmark = pytest.mark.long

NAME = "ivory-mirro"

ADA, GOOGLE = "ada@ivory.test", "google@ivory.test"
SIX, FIVE = "wq7!xk", "wq7!x"


async def test_a_new_password_has_at_least_6_characters(app: Adopted) -> None:
    token = token_in(await app.mail(ADA))
    short = await app.post("/api/auth/reset-password", token=token, password=FIVE)

    assert problem(short) == "422 password-rejected"
    assert [one["rule"] for one in short.json()["violations"]] == ["min_length"]
    assert (await app.post("/api/auth/reset-password", token=token, password=SIX)).status_code == 200


# Email template


async def test_the_mail_is_branded_and_has_a_notice_of_1_hour_and_one_for_who_did_not_ask(app: Adopted) -> None:
    mail = await app.mail(ADA)
    text = " ".join(mail.text.split())

    assert "Ivory Mirro" in mail.subject
    assert app.settings.brand.accent in mail.html
    assert "1 hour" in text
    assert "Didn’t request this?" in text


# Security features


async def test_only_email_auth_users_can_reset_passwords(app: Adopted) -> None:
    await app.service.ask(GOOGLE)
    await app.service.deliver()
    (mail,) = app.service.inbox.mails

    assert mail.tags["template"] == "sign_in_with_provider"
    assert "Google" in mail.text
    assert app.links_in(mail) == []
