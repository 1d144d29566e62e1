"""What the documents of the five ask: of a request, of a mail and its link, of a token, and of variables."""

from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

import pytest
from tests.driver.inbox import token_in
from tests.driver.puzzles import post_answering
from tests.driver.service import NOBODY, problem
from tests.processes.sources.adopted import EXAMPLES, Adopted

pytestmark = pytest.mark.long

NEW = "Lighthouse-7-loud"


class Document(NamedTuple):
    """What a document asks of its feature.

    `email`: the account that asks. `sender`, `link`: of its mails. `credentials`: with which it sends them. `routes`:
    for asking, validating and resetting. `life`: of a link in minutes. `weak`: refused passwords, with their rules.
    `says`: in mails with a link. `after`: in mails about a changed password. `former`: columns of the feature before
    Keyturn, which a reset empties, so that its links end.
    """

    email: str
    sender: str
    link: str
    credentials: tuple[str, ...]
    routes: tuple[str, str, str]
    password: str = "newPassword"
    life: int = 60
    weak: Mapping[str, str] = {}
    says: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    former: tuple[str, ...] = ()


AUTH = "/api/auth"
FORMER = ("resetPasswordToken", "resetPasswordExpires")
GMAIL = ("smtp", "smtp.gmail.com", "starttls", "your-email@gmail.com")
SIGNED_OUT = "We signed out all other devices."

DOCUMENTS = {
    "easemail": Document(
        "ada@easemail.test",
        "EaseMail <noreply@easemail.app>",
        "https://www.easemail.app/change-password?token={token}",
        ("resend", "re_xxxxxxxxxxxx"),
        (f"{AUTH}/request-password-reset", f"{AUTH}/validate-reset-token", f"{AUTH}/reset-password-with-token"),
        weak={
            "Sh0rt-1": "min_length",
            "lighthouse-7-loud": "uppercase",
            "LIGHTHOUSE-7-LOUD": "lowercase",
            "Lighthouse-loud-x": "digit",
            "Lighthouse7loudxx": "special",
        },
        after=(SIGNED_OUT,),  # since Supabase ends sessions
    ),
    "ivory-mirro": Document(
        "former@ivory.test",
        "Ivory Mirro <noreply@yourdomain.com>",
        "https://yourdomain.com/reset-password?token={token}",
        ("resend", "your_resend_api_key"),
        (f"{AUTH}/forgot-password", f"{AUTH}/validate-reset-token", f"{AUTH}/reset-password"),
        "password",
        weak={"wq7!x": "min_length"},
        says=("Ivory Mirro", "1 hour", "Didn’t request this?"),
        former=FORMER,
    ),
    "nextjs-app": Document(
        "former@next.test",
        "Next.js App <your-email@gmail.com>",
        "http://localhost:3000/reset-password?token={token}&email=former%40next.test",
        (*GMAIL, "your-app-password"),
        (f"{AUTH}/forgot-password", f"{AUTH}/verify-reset-token", f"{AUTH}/reset-password"),
        "password",
        former=FORMER,
    ),
    "teacher-resources": Document(
        "teacher@resources.test",
        "Teacher Resources <your-email@gmail.com>",
        "https://teacher-resources.example/reset-password.html#token={token}",
        (*GMAIL, "your-app-specific-password"),
        ("/forgot-password", "/validate-reset-token", "/reset-password"),
        after=(SIGNED_OUT,),
    ),
    "waibuk": Document(
        "viewer@waibuk.test",
        "Waibuk <onboarding@resend.dev>",
        "https://your-domain.com/reset-password/{token}",
        ("resend", "your_resend_api_key"),
        (f"{AUTH}/request-password-reset", f"{AUTH}/validate-reset-token", f"{AUTH}/reset-password"),
        life=30,
        says=("We received a request to change your password for your Waibuk account.",),
        after=("Your Waibuk password was successfully changed.", "Support: support@your-domain.com"),
    ),
}


@pytest.fixture(params=DOCUMENTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def document(name: str) -> Document:
    return DOCUMENTS[name]


async def test_the_mail_has_the_sender_the_words_and_the_page_of_the_document(app: Adopted, document: Document) -> None:
    mail = await app.mail(document.email)

    assert mail.sender == document.sender
    assert app.link_in(mail) == document.link.format(token=token_in(mail))
    assert [words for words in document.says if words not in " ".join(mail.text.split())] == []
    assert not document.says or app.settings.brand.accent in mail.html
    smtp, resend = app.settings.smtp, app.settings.resend
    kept = {"smtp": (smtp.host, smtp.security, smtp.username, smtp.password), "resend": (resend.api_key,)}
    transport, *credentials = document.credentials
    assert (app.settings.mail.transport, *kept[transport]) == (transport, *credentials)


async def test_a_client_asks_three_times_a_minute_and_unknown_addresses_get_the_same_answer_and_no_mail(
    app: Adopted, document: Document
) -> None:
    client = app.service.at("198.51.100.7")
    asked = (document.email, NOBODY, NOBODY, document.email)
    answers = [await post_answering(client, document.routes[0], {"email": email}) for email in asked]
    await app.service.deliver()

    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert len({answer.content for answer in answers[:3]}) == 1
    assert [mail.to for mail in app.service.inbox.mails] == [document.email]


async def test_a_token_of_32_random_bytes_is_stored_as_its_digest_and_sets_one_password_that_keeps_the_rules(
    app: Adopted, document: Document
) -> None:
    _, validate, reset = document.routes
    token = token_in(await app.mail(document.email))
    assert len(token) == 43  # base64url of 32 bytes (RFC 4648, section 5)
    assert f"X'{sha256(token.encode()).hexdigest().upper()}'" in app.dump()
    assert token not in app.dump()

    body = {"token": token, "email": document.email}
    for password, rule in document.weak.items():
        refused = await app.post(reset, **body, **{document.password: password})
        assert [problem(refused), *(one["rule"] for one in refused.json()["violations"])] == [
            *("422 password-rejected", rule)
        ]
    assert all(app.row(document.email)[column] for column in document.former)
    answers = [await app.post(reset, **body, **{document.password: NEW}) for _ in range(2)]
    assert [problem(answer) for answer in answers] == ["200", "400 link-dead"]
    assert NEW not in app.dump()
    assert {app.row(document.email)[column] for column in document.former} <= {None}
    assert (await app.post(validate, token=token)).json() == {"valid": False, "reason": "used"}

    await app.service.deliver()
    (mail,) = app.service.inbox.sent_to(document.email, "password_changed")
    assert [words for words in document.after if words not in " ".join(mail.text.split())] == []


async def test_a_link_lives_as_long_as_the_document_says(app: Adopted, document: Document) -> None:
    _, validate, _ = document.routes
    token = token_in(await app.mail(document.email))
    app.service.let_time_pass(minutes=document.life - 1)
    assert (await app.post(validate, token=token)).json()["email"] == document.email

    app.service.let_time_pass(minutes=1)
    assert (await app.post(validate, token=token)).json()["reason"] == "expired"


@pytest.mark.parametrize("name", ["ivory-mirro"])
async def test_only_who_has_a_password_can_reset_one_of_six_characters(app: Adopted) -> None:
    await app.service.ask("google@ivory.test")
    await app.service.deliver()
    (mail,) = app.service.inbox.mails
    assert (mail.tags["template"], "Google" in mail.text, app.links_in(mail)) == ("sign_in_with_provider", True, [])

    token = token_in(await app.mail("ada@ivory.test"))
    assert problem(await app.post(f"{AUTH}/reset-password", token=token, password="wq7!xk")) == "200"


@pytest.mark.parametrize("name", ["teacher-resources"])
async def test_two_pages_hold_a_form_each_behind_a_captcha_and_others_sessions_stay(
    app: Adopted, document: Document
) -> None:
    for page, element in (("forgot-password.html", "keyturn-forgot"), ("reset-password.html", "keyturn-reset")):
        assert f"<{element}" in (EXAMPLES / "teacher-resources" / page).read_text("utf-8")
    refused = await app.service.anywhere().post("/forgot-password", json={"email": document.email})
    assert problem(refused) == "403 challenge-required"
    assert refused.json()["challenge"]["method"] == "altcha"

    await app.post("/reset-password", token=token_in(await app.mail(document.email)), newPassword=NEW)
    assert app.rows("SELECT user_id FROM sessions") == [{"user_id": 2}]
