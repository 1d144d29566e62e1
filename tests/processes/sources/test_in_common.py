"""What the documents of all five ask alike: of a request, of a mail and its link, of a token, and of variables."""

from typing import NamedTuple

import pytest
from tests.driver.inbox import token_in
from tests.driver.puzzles import post_answering
from tests.driver.service import NOBODY, problem
from tests.processes.sources.adopted import Adopted

pytestmark = pytest.mark.long

NEW = "Lighthouse-7-loud"


class Document(NamedTuple):
    """What a document calls its routes, the account that asks, and how long its links live in minutes.

    `sender`, `link`: of its mails. `credentials`: with which it sends them. `former`: columns of the feature before
    Keyturn, which a reset empties, so that its links end.
    """

    email: str
    request: str
    validate: str
    reset: str
    sender: str
    link: str
    credentials: tuple[str, ...]
    password: str = "newPassword"
    life: int = 60
    former: tuple[str, ...] = ()


AUTH = "/api/auth"
FORMER = ("resetPasswordToken", "resetPasswordExpires")

DOCUMENTS = {
    "easemail": Document(
        "ada@easemail.test",
        f"{AUTH}/request-password-reset",
        f"{AUTH}/validate-reset-token",
        f"{AUTH}/reset-password-with-token",
        "EaseMail <noreply@easemail.app>",
        "https://www.easemail.app/change-password?token={token}",
        ("resend", "re_xxxxxxxxxxxx"),
    ),
    "ivory-mirro": Document(
        "former@ivory.test",
        f"{AUTH}/forgot-password",
        f"{AUTH}/validate-reset-token",
        f"{AUTH}/reset-password",
        "Ivory Mirro <noreply@yourdomain.com>",
        "https://yourdomain.com/reset-password?token={token}",
        ("resend", "your_resend_api_key"),
        "password",
        former=FORMER,
    ),
    "nextjs-app": Document(
        "former@next.test",
        f"{AUTH}/forgot-password",
        f"{AUTH}/verify-reset-token",
        f"{AUTH}/reset-password",
        "Next.js App <your-email@gmail.com>",
        "http://localhost:3000/reset-password?token={token}&email=former%40next.test",
        ("smtp", "smtp.gmail.com", "starttls", "your-email@gmail.com", "your-app-password"),
        "password",
        former=FORMER,
    ),
    "teacher-resources": Document(
        "teacher@resources.test",
        "/forgot-password",
        "/validate-reset-token",
        "/reset-password",
        "Teacher Resources <your-email@gmail.com>",
        "https://teacher-resources.example/reset-password.html#token={token}",
        ("smtp", "smtp.gmail.com", "starttls", "your-email@gmail.com", "your-app-specific-password"),
    ),
    "waibuk": Document(
        "viewer@waibuk.test",
        f"{AUTH}/request-password-reset",
        f"{AUTH}/validate-reset-token",
        f"{AUTH}/reset-password",
        "Waibuk <onboarding@resend.dev>",
        "https://your-domain.com/reset-password/{token}",
        ("resend", "your_resend_api_key"),
        life=30,
    ),
}


@pytest.fixture(params=DOCUMENTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def document(name: str) -> Document:
    return DOCUMENTS[name]


async def test_the_mail_comes_from_the_sender_and_leads_to_the_page_of_its_variables(
    app: Adopted, document: Document
) -> None:
    mail = await app.mail(document.email)

    assert mail.sender == document.sender
    assert app.link_in(mail) == document.link.format(token=token_in(mail))
    smtp, resend = app.settings.smtp, app.settings.resend
    kept = {"smtp": (smtp.host, smtp.security, smtp.username, smtp.password), "resend": (resend.api_key,)}
    transport, *credentials = document.credentials
    assert (app.settings.mail.transport, *kept[transport]) == (transport, *credentials)


async def test_a_client_asks_three_times_a_minute_and_unknown_addresses_get_the_same_answer_and_no_mail(
    app: Adopted, document: Document
) -> None:
    client = app.service.at("198.51.100.7")
    asked = (document.email, NOBODY, NOBODY, document.email)
    answers = [await post_answering(client, document.request, {"email": email}) for email in asked]
    await app.service.deliver()

    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert len({answer.content for answer in answers[:3]}) == 1
    assert [mail.to for mail in app.service.inbox.mails] == [document.email]


async def test_a_token_of_32_random_bytes_is_stored_as_its_digest_and_sets_one_password(
    app: Adopted, document: Document
) -> None:
    token = token_in(await app.mail(document.email))
    assert len(token) == 43  # base64url of 32 bytes (RFC 4648, section 5)
    assert app.holds_digest(token)
    assert token not in app.dump()

    assert all(app.row(document.email)[column] for column in document.former)
    body = {"token": token, "email": document.email, document.password: NEW}
    answers = [await app.post(document.reset, **body) for _ in range(2)]
    assert [problem(answer) for answer in answers] == ["200", "400 link-dead"]
    assert NEW not in app.dump()
    assert {app.row(document.email)[column] for column in document.former} <= {None}
    assert (await app.post(document.validate, token=token)).json() == {"valid": False, "reason": "used"}


async def test_a_link_lives_as_long_as_the_document_says(app: Adopted, document: Document) -> None:
    token = token_in(await app.mail(document.email))
    app.service.let_time_pass(minutes=document.life - 1)
    assert (await app.post(document.validate, token=token)).json()["email"] == document.email

    app.service.let_time_pass(minutes=1)
    assert (await app.post(document.validate, token=token)).json()["reason"] == "expired"
