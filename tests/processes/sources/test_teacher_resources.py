"""The teacher resource platform: the password reset that it planned, sentence by sentence."""

import pytest
from tests.driver.inbox import token_in
from tests.driver.puzzles import post_answering
from tests.driver.service import problem
from tests.processes.sources.adopted import EXAMPLES, Adopted

pytestmark = pytest.mark.long

NAME = "teacher-resources"
TEACHER = "teacher@resources.test"
NEW = "eleven loud lighthouses"


# Required components


@pytest.mark.parametrize(
    ("page", "element"), [("forgot-password.html", "keyturn-forgot"), ("reset-password.html", "keyturn-reset")]
)
def test_its_two_pages_hold_a_form_each(page: str, element: str) -> None:
    assert f"<{element}" in (EXAMPLES / NAME / page).read_text("utf-8")


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
