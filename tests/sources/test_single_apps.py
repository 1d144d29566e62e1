"""What the document of one app alone asks for."""

import pytest
from tests.pages.school import heading, words
from tests.sources.adopted import PASSWORD, Adopted
from tests.spec.inbox import token_in
from tests.spec.service import RESET, problem

from keyturn.cli.demo.supabase_server import SupabaseServer

pytestmark = pytest.mark.long

NEW = "Lighthouse-7-loud"

easemail, ivory_mirro, teacher_resources, waibuk = (
    pytest.mark.parametrize("name", [name], indirect=True)
    for name in ("easemail", "ivory-mirro", "teacher-resources", "waibuk")
)


@pytest.mark.parametrize(
    ("name", "person", "password", "rule"),
    [
        ("easemail", "ada@easemail.test", "Sh0rt-1", "min_length"),
        ("easemail", "ada@easemail.test", "lighthouse-7-loud", "uppercase"),
        ("easemail", "ada@easemail.test", "LIGHTHOUSE-7-LOUD", "lowercase"),
        ("easemail", "ada@easemail.test", "Lighthouse-loud-x", "digit"),
        ("easemail", "ada@easemail.test", "Lighthouse7loudxx", "special"),
        ("ivory-mirro", "ada@ivory.test", "wq7!x", "min_length"),
        ("nextjs-app", "user@next.test", "newpassword123", "common"),
        ("teacher-resources", "teacher@resources.test", "short", "min_length"),
    ],
    indirect=["name"],
)
async def test_a_password_against_a_rule_is_refused_and_the_link_survives(
    app: Adopted, person: str, password: str, rule: str
) -> None:
    routes = app.settings.server.api_path.rstrip("/")
    token = token_in(await app.mail(person))
    refused = await app.post(f"{routes}/reset-password", token=token, newPassword=password)

    assert problem(refused) == "422 password-rejected"
    assert [one["rule"] for one in refused.json()["violations"]] == [rule]
    assert (await app.post(f"{routes}/validate-reset-token", token=token)).json()["valid"] is True


@ivory_mirro
async def test_six_characters_are_enough_for_ivory_mirro(app: Adopted) -> None:
    token = token_in(await app.mail("ada@ivory.test"))

    assert problem(await app.post(RESET, token=token, password="wq7!xk")) == "200"


@ivory_mirro
async def test_who_signs_in_with_google_gets_no_link_of_ivory_mirro(app: Adopted) -> None:
    mail = await app.mail("google@ivory.test", "sign_in_with_provider")

    assert "Google" in mail.text
    assert await app.tokens() == []


@easemail
async def test_easemail_says_in_its_words_that_a_link_was_sent_or_is_used(app: Adopted) -> None:
    asked = await app.post("/api/auth/request-password-reset", email="ada@easemail.test")
    await app.service.deliver()
    token = token_in(app.service.inbox.mails[-1])
    await app.post(RESET, token=token, newPassword=NEW)
    again = await app.post(RESET, token=token, newPassword=NEW)

    assert asked.json()["message"].startswith("If that email exists")
    assert "This reset link has already been used" in again.json()["detail"]


@easemail
async def test_asking_causes_no_request_to_supabase_at_all(app: Adopted, supabase: SupabaseServer) -> None:
    supabase.requests.clear()
    await app.mail("ada@easemail.test")

    assert supabase.requests == []


@teacher_resources
async def test_only_the_sessions_of_the_teacher_end(app: Adopted) -> None:
    token = token_in(await app.mail("teacher@resources.test"))
    await app.post("/reset-password", token=token, newPassword=NEW)

    assert app.rows("SELECT user_id FROM sessions") == [{"user_id": 2}]


@teacher_resources
async def test_the_form_of_teacher_resources_has_a_captcha(app: Adopted) -> None:
    refused = await app.service.anywhere().post("/forgot-password", json={"email": "teacher@resources.test"})

    assert problem(refused) == "403 challenge-required"
    assert refused.json()["challenge"]["method"] == "altcha"


@waibuk
@pytest.mark.parametrize("kind", ["viewer", "school"])
async def test_the_security_tab_of_each_kind_sends_a_link_to_the_account_s_own_address(app: Adopted, kind: str) -> None:
    visitor, email = app.visitor(), f"{kind}@waibuk.test"
    page = await visitor.follow(await visitor.sign_in(email, PASSWORD))
    sent = await visitor.follow(await visitor.submit(page.url.path))
    await app.service.deliver()

    assert page.url.path == f"/{kind}-settings/security"
    assert "Change Password" in words(page)
    assert "Request Password Change" in words(page)
    assert "We’ve sent a password reset link to your email. Please check your inbox to continue." in words(sent)
    assert [mail.to for mail in app.service.inbox.mails] == [email]


@waibuk
async def test_waibuk_s_mail_says_what_was_received_and_what_to_do(app: Adopted) -> None:
    mail = await app.mail("viewer@waibuk.test")
    received = "We received a request to change your password for your Waibuk account."

    assert f"{received} Click the button below to continue." in " ".join(mail.html.split())
    assert f"{received} Open this address to continue: {app.link_in(mail)} " in " ".join(mail.text.split())
    assert "button" not in mail.text


@waibuk
@pytest.mark.parametrize("fate", ["invalid", "expired", "used"])
async def test_a_dead_link_of_waibuk_has_one_sentence_on_the_page_and_in_the_api(app: Adopted, fate: str) -> None:
    sentence = "This reset link is invalid or has expired. Please request a new one."
    link = await app.link("viewer@waibuk.test")
    token = token_in(app.service.inbox.mails[-1])
    if fate == "expired":
        await app.later(app.settings.token.ttl)
    elif fate == "used":
        assert problem(await app.post(RESET, token=token, newPassword=NEW)) == "200"
    else:
        link, token = link[:-3] + "AAA", token[:-3] + "AAA"
    _, page = await app.opened(link)
    answer = await app.post(RESET, token=token, newPassword="another loud lighthouse")

    assert sentence in words(page)
    assert heading(page) == "This Link Does Not Work"
    assert (problem(answer), answer.json()["detail"]) == ("400 link-dead", sentence)
    assert answer.json()["reason"] == fate


@waibuk
async def test_waibuk_s_confirmation_says_to_contact_support_and_nothing_of_sessions(app: Adopted) -> None:
    await app.post(RESET, token=token_in(await app.mail("viewer@waibuk.test")), newPassword=NEW)
    await app.service.deliver()
    (mail,) = app.service.inbox.sent_to("viewer@waibuk.test", "password_changed")

    expected = (
        "Your Waibuk password was successfully changed. If you didn’t make this change, contact support immediately."
    )
    for part in (" ".join(mail.text.split()), " ".join(mail.html.split())):
        assert expected in part
        assert "ession" not in part  # those are the app's, and nobody ends them
    assert mail.text.lower().count("contact support") == 1
    assert "Support: support@your-domain.com" in mail.text


@waibuk
async def test_a_suspended_account_of_waibuk_gets_no_mail(app: Adopted) -> None:
    await app.service.ask("suspended@waibuk.test")
    await app.service.deliver()

    assert app.service.inbox.mails == []


@pytest.mark.parametrize(
    ("name", "person"),
    [("easemail", "ada@easemail.test"), ("teacher-resources", "teacher@resources.test")],
    indirect=["name"],
)
async def test_a_confirmation_says_that_sessions_ended_if_the_settings_end_them(app: Adopted, person: str) -> None:
    token = token_in(await app.mail(person))
    await app.post(f"{app.settings.server.api_path.rstrip('/')}/reset-password", token=token, newPassword=NEW)
    await app.service.deliver()
    (mail,) = app.service.inbox.sent_to(person, "password_changed")

    assert "We signed out all other devices." in " ".join(mail.text.split())
