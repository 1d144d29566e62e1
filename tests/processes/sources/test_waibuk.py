"""Waibuk: a password change for school and viewer accounts, as its document asks, sentence by sentence."""

import re

import pytest
from tests.driver.inbox import token_in
from tests.driver.service import problem
from tests.driver.visitor import heading, words
from tests.processes.sources.adopted import PASSWORD, Adopted, path_of

pytestmark = pytest.mark.long

NAME = "waibuk"
VIEWER, SCHOOL = "viewer@waibuk.test", "school@waibuk.test"
NEW = "eleven loud lighthouses"


# 1. User flow


@pytest.mark.parametrize(
    ("email", "place"), [(VIEWER, "/viewer-settings/security"), (SCHOOL, "/school-settings/security")]
)
async def test_the_security_tab_of_both_has_a_section_that_sends_a_link_to_the_registered_address_and_says_so(
    app: Adopted, email: str, place: str
) -> None:
    visitor = app.visitor()
    page = await visitor.follow(await visitor.sign_in(email, PASSWORD))
    assert page.url.path == place
    assert "Change Password" in words(page)
    assert "Request Password Change" in words(page)

    page = await visitor.follow(await visitor.submit(place))
    await app.service.deliver()
    expected = "We’ve sent a password reset link to your email. Please check your inbox to continue."
    assert expected.replace("’", "'") in words(page).replace("’", "'")
    (mail,) = app.service.inbox.mails
    assert mail.to == email


# 2. Email sending


async def test_subject_and_content_say_what_was_received_and_what_to_click(app: Adopted) -> None:
    mail = await app.mail(VIEWER)
    assert mail.subject == "Reset Your Waibuk Password"
    received = "We received a request to change your password for your Waibuk account."

    assert f"{received} Click the button below to continue." in " ".join(mail.html.split())
    assert f"{received} Open this address to continue: {app.link_in(mail)} " in " ".join(mail.text.split())
    assert "button" not in mail.text


# 3. Password reset page


async def test_a_valid_link_shows_new_password_confirm_password_and_submit(app: Adopted) -> None:
    _, page = await app.opened(app.link_in(await app.mail(VIEWER)))

    assert page.status_code == 200
    assert "New Password" in words(page)
    assert "Confirm Password" in words(page)
    assert re.search(r"<button[^>]*>\s*Reset Password", page.text)


SENTENCE = "This reset link is invalid or has expired. Please request a new one."


@pytest.mark.parametrize("fate", ["invalid", "expired", "used"])
async def test_the_page_and_the_api_say_the_document_s_sentence_of_a_dead_link(app: Adopted, fate: str) -> None:
    link = app.link_in(await app.mail(VIEWER))
    if fate == "expired":
        app.service.let_time_pass(minutes=31)
    elif fate == "used":
        token = token_in(app.service.inbox.mails[-1])
        assert (await app.post("/api/auth/reset-password", token=token, newPassword=NEW)).status_code == 200
    else:
        link = link[:-3] + "AAA"
    _, page = await app.opened(link)
    assert SENTENCE in words(page)
    assert heading(page) == "This Link Does Not Work"

    token = path_of(link).rpartition("/")[2]
    answer = await app.post("/api/auth/reset-password", token=token, newPassword="another loud lighthouse")
    assert (problem(answer), answer.json()["detail"]) == ("400 link-dead", SENTENCE)


# 5. Database and 6. Security


async def test_after_a_reset_a_confirmation_email_says_so_and_a_suspended_account_gets_none(app: Adopted) -> None:
    token = token_in(await app.mail(VIEWER))
    await app.post("/api/auth/reset-password", token=token, newPassword=NEW)
    await app.service.deliver()
    (mail,) = app.service.inbox.sent_to(VIEWER, "password_changed")

    expected = (
        "Your Waibuk password was successfully changed. If you didn’t make this change, contact support immediately."
    )
    for part in (" ".join(mail.text.split()), " ".join(mail.html.split())):
        assert expected in part
        assert "ession" not in part  # those are the app's, and nobody ends them
    assert mail.text.lower().count("contact support") == 1
    await app.service.ask("suspended@waibuk.test")
    await app.service.deliver()
    assert not app.service.inbox.sent_to("suspended@waibuk.test")
