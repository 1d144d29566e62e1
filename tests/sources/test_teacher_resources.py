"""The teacher resource platform: the password reset that it planned, sentence by sentence."""

import re
from datetime import UTC, datetime

import pytest
from tests.driver.inbox import token_in
from tests.driver.service import NOBODY, problem
from tests.puzzles import post_answering
from tests.sources.adopted import EXAMPLES, PASSWORD, Adopted, settings_of

pytestmark = pytest.mark.long

NAME = "teacher-resources"
TEACHER, MENTOR = "teacher@resources.test", "mentor@resources.test"
NEW = "eleven loud lighthouses"


# Required components


async def test_a_token_has_its_user_an_expiry_a_status_and_a_time_of_creation(app: Adopted) -> None:
    token = token_in(await app.mail(TEACHER))
    (entry,) = await app.service.trail("reset_request")
    answer = (await app.post("/validate-reset-token", token=token)).json()

    assert (answer["valid"], answer["email"]) == (True, TEACHER)
    assert entry.account_id == str(app.row(TEACHER)["id"]) == "1"
    assert datetime.fromisoformat(answer["expiresAt"]) > datetime.now(UTC) > entry.at
    await app.post("/reset-password", token=token, newPassword=NEW)
    assert (await app.post("/validate-reset-token", token=token)).json()["reason"] == "used"


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


async def test_forgot_password_handles_reset_requests(app: Adopted) -> None:
    answer = await app.post("/forgot-password", email=TEACHER)
    await app.service.deliver()

    assert answer.status_code == 202
    assert [mail.to for mail in app.service.inbox.mails] == [TEACHER]


async def test_reset_password_processes_new_passwords(app: Adopted) -> None:
    token = token_in(await app.mail(TEACHER))
    answer = await app.post("/reset-password", token=token, newPassword=NEW)

    assert answer.status_code == 200
    assert await app.service.knows(NEW, TEACHER)


async def test_tokens_are_validated_and_expire(app: Adopted) -> None:
    token = token_in(await app.mail(TEACHER))
    assert (await app.post("/validate-reset-token", token=token)).json()["valid"] is True
    app.service.let_time_pass(hours=1)
    answer = (await app.post("/validate-reset-token", token=token)).json()
    assert answer == {"valid": False, "reason": "expired", "emailHint": "t***@resources.test"}


# Security requirements


async def test_tokens_are_cryptographically_secure(app: Adopted) -> None:
    tokens = {token_in(await app.mail(email)) for email in (TEACHER, MENTOR)}

    assert len(tokens) == 2
    assert {len(token) for token in tokens} == {43}  # base64url of 32 bytes (RFC 4648, section 5)


async def test_a_token_is_for_one_time_use_only(app: Adopted) -> None:
    token = token_in(await app.mail(TEACHER))
    answers = [await app.post("/reset-password", token=token, newPassword=NEW) for _ in range(2)]

    assert [problem(answer) for answer in answers] == ["200", "400 link-dead"]
    assert answers[1].json()["reason"] == "used"


async def test_a_link_expires_after_1_hour(app: Adopted) -> None:
    token = token_in(await app.mail(TEACHER))

    app.service.let_time_pass(minutes=59)
    assert await app.works(token)
    app.service.let_time_pass(minutes=1)
    assert not await app.works(token)


async def test_mail_goes_out_over_an_encrypted_connection(app: Adopted) -> None:
    assert app.settings.mail.transport == "smtp"
    assert app.settings.smtp.security == "starttls"


async def test_there_is_no_sensitive_data_in_mails(app: Adopted) -> None:
    mail = await app.mail(TEACHER)
    row = app.row(TEACHER)

    assert row["password"] not in mail.html + mail.text
    assert PASSWORD not in mail.html + mail.text


async def test_mails_have_clear_notices_of_expiry(app: Adopted) -> None:
    assert "1 hour" in " ".join((await app.mail(TEACHER)).text.split())


async def test_a_link_of_an_account_that_is_gone_is_dead(app: Adopted) -> None:
    token = token_in(await app.mail(TEACHER))
    app.rows("DELETE FROM sessions WHERE user_id = 1")
    app.rows("DELETE FROM users WHERE id = 1")

    assert (await app.post("/validate-reset-token", token=token)).json() == {"valid": False, "reason": "invalid"}


async def test_expired_tokens_are_cleaned_up(app: Adopted) -> None:
    token = token_in(await app.mail(TEACHER))
    assert app.holds_digest(token)
    app.service.let_time_pass(days=8)
    await app.service.purge()

    assert not app.holds_digest(token)


async def test_the_password_is_hashed_with_bcrypt(app: Adopted) -> None:
    token = token_in(await app.mail(TEACHER))
    await app.post("/reset-password", token=token, newPassword=NEW)

    assert re.fullmatch(r"\$2b\$\d\d\$.{53}", app.row(TEACHER)["password"])


async def test_all_that_a_reset_changes_is_one_transaction(app: Adopted) -> None:
    token = token_in(await app.mail(TEACHER))
    app.rows(
        "CREATE TRIGGER full BEFORE DELETE ON sessions BEGIN SELECT RAISE(ABORT, 'the disk is full, so to say'); END"
    )
    failed = await app.post("/reset-password", token=token, newPassword=NEW)
    app.rows("DROP TRIGGER full")

    assert failed.status_code >= 500
    assert await app.service.knows(PASSWORD, TEACHER)
    assert (await app.post("/reset-password", token=token, newPassword=NEW)).status_code == 200


# Deployment considerations and testing requirements


async def test_an_origin_that_is_not_on_the_list_cannot_read_answers(app: Adopted) -> None:
    answer = await app.service.anywhere().post(
        "/forgot-password", json={"email": TEACHER}, headers={"Origin": "https://evil.test"}
    )

    assert "access-control-allow-origin" not in answer.headers


async def test_a_captcha_is_there_and_lets_nobody_pass_who_does_not_answer(app: Adopted) -> None:
    client = app.service.anywhere()
    refused = await client.post("/forgot-password", json={"email": TEACHER})

    assert problem(refused) == "403 challenge-required"
    assert refused.json()["challenge"]["method"] == "altcha"
    assert problem(await post_answering(client, "/forgot-password", {"email": TEACHER})) == "202"


async def test_rate_limiting_is_set_up(app: Adopted) -> None:
    client = app.service.at("198.51.100.7")
    answers = [await post_answering(client, "/forgot-password", {"email": TEACHER}) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]


async def test_sessions_end_with_the_old_password_and_nobody_elses_and_the_mail_says_so(app: Adopted) -> None:
    token = token_in(await app.mail(TEACHER))
    await app.post("/reset-password", token=token, newPassword=NEW)
    await app.service.deliver()

    assert app.rows("SELECT user_id FROM sessions") == [{"user_id": 2}]
    (mail,) = app.service.inbox.sent_to(TEACHER, "password_changed")
    assert "We signed out all other devices." in " ".join(mail.text.split())


async def test_errors_are_told_and_lose_nothing(app: Adopted) -> None:
    token = token_in(await app.mail(TEACHER))
    weak = await app.post("/reset-password", token=token, newPassword="short")

    assert problem(weak) == "422 password-rejected"
    assert problem(await app.post("/forgot-password", email="no address")) == "400 invalid-input"
    assert (await app.post("/validate-reset-token", token=token)).json()["valid"] is True


async def test_an_address_without_an_account_gets_the_same_answer_and_no_mail(app: Adopted) -> None:
    answers = [await app.post("/forgot-password", email=email) for email in (TEACHER, NOBODY)]
    await app.service.deliver()

    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert app.service.inbox.sent_to(NOBODY) == []


async def test_there_can_be_several_email_providers(migrated: str) -> None:
    settings = settings_of(NAME, migrated, KEYTURN_MAIL_FALLBACK="resend", RESEND_API_KEY="re_another_provider")

    assert (settings.mail.transport, settings.mail.fallback) == ("smtp", "resend")


async def test_a_mail_that_is_promised_is_kept_until_it_is_sent(app: Adopted) -> None:
    await app.post("/forgot-password", email=TEACHER)

    assert [message.state for message in await app.service.messages()] == ["waiting"]
