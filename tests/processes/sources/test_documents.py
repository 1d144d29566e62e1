"""What the documents of the five ask: all of them first, then each in its own words, sentence by
sentence.
"""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from email.utils import parseaddr
from hashlib import sha256
from typing import NamedTuple

import asyncpg
import httpx2
import pytest
from tests.driver.inbox import Inbox, token_in
from tests.driver.puzzles import post_answering
from tests.driver.service import NOBODY, problem, running
from tests.driver.visitor import heading, words
from tests.processes.sources.adopted import (
    EXAMPLES,
    PASSWORD,
    SERVICE_ROLE_KEY,
    Adopted,
    adopted,
    path_of,
    settings_of,
)
from tests.servers.serving import serving
from tests.servers.supabase import SupabaseServer

pytestmark = pytest.mark.long

NEW = "Lighthouse-7-loud"


class Document(NamedTuple):
    """What a document asks of its feature.

    `email`: the account that asks. `sender`, `link`: of its mails. `credentials`: with which it
    sends them. `routes`: for asking, validating and resetting. `life`: of a link in minutes.
    `weak`: refused passwords, with their rules.
    `says`: in mails with a link. `after`: in mails about a changed password. `former`: columns that
    a reset empties, as those of links of the feature before Keyturn. `changed`: all columns that a
    reset changes in PostgreSQL.
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
    changed: tuple[str, ...] = ()


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
        (
            f"{AUTH}/request-password-reset",
            f"{AUTH}/validate-reset-token",
            f"{AUTH}/reset-password-with-token",
        ),
        weak={
            "Sh0rt-1": "min_length",
            "lighthouse-7-loud": "uppercase",
            "LIGHTHOUSE-7-LOUD": "lowercase",
            "Lighthouse-loud-x": "digit",
            "Lighthouse7loudxx": "special",
        },
        after=(SIGNED_OUT,),  # since Supabase ends sessions
        former=("temp_password_expires_at",),
        changed=("is_temp_password", "temp_password_expires_at", "updated_at"),
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
        changed=("password", *FORMER),
    ),
    "nextjs-app": Document(
        "former@next.test",
        "Next.js App <your-email@gmail.com>",
        "http://localhost:3000/reset-password?token={token}&email=former%40next.test",
        (*GMAIL, "your-app-password"),
        (f"{AUTH}/forgot-password", f"{AUTH}/verify-reset-token", f"{AUTH}/reset-password"),
        "password",
        former=FORMER,
        changed=("password", *FORMER, "updatedAt"),
    ),
    "teacher-resources": Document(
        "teacher@resources.test",
        "Teacher Resources <your-email@gmail.com>",
        "https://teacher-resources.example/reset-password.html#token={token}",
        (*GMAIL, "your-app-specific-password"),
        ("/request-password-reset", "/validate-reset-token", "/reset-password"),
        after=(SIGNED_OUT,),
    ),
    "waibuk": Document(
        "viewer@waibuk.test",
        "Waibuk <onboarding@resend.dev>",
        "https://your-domain.com/reset-password/{token}",
        ("resend", "your_resend_api_key"),
        (
            f"{AUTH}/request-password-reset",
            f"{AUTH}/validate-reset-token",
            f"{AUTH}/reset-password",
        ),
        life=30,
        says=("for your Waibuk account.",),
        after=("Support: support@your-domain.com",),
        changed=("password",),
    ),
}


@pytest.fixture(params=DOCUMENTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def document(name: str) -> Document:
    return DOCUMENTS[name]


@pytest.fixture
def supabase(name: str) -> SupabaseServer:
    server = SupabaseServer(service_role_key=SERVICE_ROLE_KEY)
    for number, person in enumerate(("ada", "grace") if name == "easemail" else (), 1):
        server.users.add(
            f"{person}@easemail.test", PASSWORD, id=f"6f0c6b0a-3a3e-4f43-8d51-0e6f5a2b700{number}"
        )
    return server


@pytest.fixture
def environ(name: str, supabase: SupabaseServer) -> Iterator[dict[str, str]]:
    with serving(supabase) as url:
        hosted = (
            {"KEYTURN_SIGN_IN_URL": "{base_url}/login"} if name == "waibuk" else {}
        )  # it shows the settings, too
        yield {"KEYTURN_ACCOUNTS_SUPABASE_URL": url} if name == "easemail" else hosted


@pytest.fixture
async def app(name: str, sqlite_url: str, environ: dict[str, str]) -> AsyncIterator[Adopted]:
    async with adopted(name, sqlite_url, **environ) as app:
        yield app


async def test_three_requests_a_minute_no_answer_tells_addresses_and_the_mail_is_the_document_s(
    app: Adopted, document: Document
) -> None:
    client = app.service.at("198.51.100.7")
    asked = (document.email, NOBODY, NOBODY, document.email)
    answers = [
        await post_answering(client, document.routes[0], {"email": email}) for email in asked
    ]
    await app.service.deliver()
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert len({answer.content for answer in answers[:3]}) == 1
    (mail,) = app.service.inbox.mails
    assert mail.to == document.email
    # A name with a dot is written in quotes (RFC 5322, 3.2.3).
    assert parseaddr(mail.sender) == parseaddr(document.sender)
    assert app.link_in(mail) == document.link.format(token=token_in(mail))
    assert [words for words in document.says if words not in " ".join(mail.text.split())] == []
    assert not document.says or app.settings.brand.accent in mail.html
    smtp, resend = app.settings.smtp, app.settings.resend
    kept = {
        "smtp": (smtp.host, smtp.security, smtp.username, smtp.password),
        "resend": (resend.api_key,),
    }
    transport, *credentials = document.credentials
    assert (app.settings.mail.transport, *kept[transport]) == (transport, *credentials)


async def test_a_token_is_stored_as_a_digest_sets_one_password_and_lives_as_the_document_says(
    app: Adopted, document: Document
) -> None:
    _, validate, reset = document.routes
    token = token_in(await app.mail(document.email))
    assert len(token) == 43  # base64url of 32 bytes (RFC 4648, section 5)
    assert f"X'{sha256(token.encode()).hexdigest().upper()}'" in app.dump()
    assert token not in app.dump()
    app.service.let_time_pass(minutes=document.life - 1)
    assert (await app.post(validate, token=token)).json()["email"] == document.email

    body = {"token": token, "email": document.email}
    for password, rule in document.weak.items():
        refused = await app.post(reset, **body, **{document.password: password})
        assert problem(refused) == "422 password-rejected"
        assert [one["rule"] for one in refused.json()["violations"]] == [rule]
    assert all(app.row(document.email)[column] for column in document.former)
    answers = [await app.post(reset, **body, **{document.password: NEW}) for _ in range(2)]
    assert [problem(answer) for answer in answers] == ["200", "400 link-dead"]
    assert NEW not in app.dump()
    assert {app.row(document.email)[column] for column in document.former} <= {None}
    assert (await app.post(validate, token=token)).json() == {"valid": False, "reason": "used"}

    await app.service.deliver()
    (mail,) = app.service.inbox.sent_to(document.email, "password_changed")
    assert [words for words in document.after if words not in " ".join(mail.text.split())] == []
    token = token_in(await app.mail(document.email))
    app.service.let_time_pass(minutes=document.life)
    assert (await app.post(validate, token=token)).json()["reason"] == "expired"


@pytest.mark.parametrize("name", [name for name, document in DOCUMENTS.items() if document.changed])
async def test_on_postgresql_a_reset_changes_the_apps_own_table_as_the_document_says(
    name: str, document: Document, postgresql_url: str, environ: dict[str, str]
) -> None:
    app = await asyncpg.connect(postgresql_url)
    for script in ("schema.sql", "accounts.sql"):
        await app.execute((EXAMPLES / name / script).read_text("utf-8"))
    settings = settings_of(name, postgresql_url, **environ)
    query = f'SELECT * FROM "{settings.accounts.table.table}" WHERE email = $1'
    before = dict(await app.fetchrow(query, document.email))
    async with running(settings, inbox=Inbox()) as keyturn:
        await keyturn.ask_and_deliver(document.email.upper())
        (mail,) = keyturn.inbox.sent_to(document.email)
        answer = await keyturn.reset(token_in(mail), NEW)
    after = dict(await app.fetchrow(query, document.email))
    await app.close()

    assert answer.status_code == 200, answer.text
    assert {column for column in after if after[column] != before[column]} == set(document.changed)
    assert {after[column] for column in document.former} <= {None}


@pytest.mark.parametrize("name", ["ivory-mirro"])
async def test_only_who_has_a_password_can_reset_one_of_six_characters(app: Adopted) -> None:
    await app.service.ask("google@ivory.test")
    await app.service.deliver()
    (mail,) = app.service.inbox.mails
    assert (mail.tags["template"], "Google" in mail.text, app.links_in(mail)) == (
        "sign_in_with_provider",
        True,
        [],
    )
    token = token_in(await app.mail("ada@ivory.test"))
    assert (
        problem(await app.post(f"{AUTH}/reset-password", token=token, password="wq7!xk")) == "200"
    )


@pytest.mark.parametrize("name", ["teacher-resources"])
async def test_two_pages_hold_a_form_each_behind_a_captcha(
    app: Adopted, document: Document
) -> None:
    for page, element in (
        ("forgot-password.html", "keyturn-forgot"),
        ("reset-password.html", "keyturn-reset"),
    ):
        assert f"<{element}" in (EXAMPLES / "teacher-resources" / page).read_text("utf-8")
    refused = await app.service.anywhere().post(document.routes[0], json={"email": document.email})
    assert problem(refused) == "403 challenge-required"
    assert refused.json()["challenge"]["method"] == "altcha"
    await app.post(
        "/reset-password", token=token_in(await app.mail(document.email)), newPassword=NEW
    )
    assert app.rows("SELECT user_id FROM sessions") == [{"user_id": 2}]


ADA = "ada@easemail.test"


@pytest.mark.parametrize("name", ["easemail"])
async def test_1_to_4_a_request_is_confirmed_the_email_is_grey_and_a_reset_ends_at_login(
    app: Adopted, supabase: SupabaseServer, environ: dict[str, str]
) -> None:
    visitor = app.visitor()
    form = await visitor.get("/forgot-password")
    supabase.requests.clear()
    page = await visitor.follow(await visitor.submit("/forgot-password", email=ADA))
    assert "Send Reset Link" in words(form)
    assert "Password reset link sent! Check your email (and spam folder)." in words(page)
    assert "An address without an account gets none." in words(page)
    assert "If an account exists" not in words(page)
    await app.service.deliver()
    (mail,) = app.service.inbox.sent_to(ADA, "password_reset")
    assert "#4d5156" in mail.html
    assert supabase.requests == [], "it sends no mail of its own"

    visitor, page = await app.opened(app.link_in(mail))
    assert (page.url.path, page.text.count('type="password"')) == ("/change-password", 2)
    assert "Update Password" in words(page)

    saved = await visitor.submit("/change-password", password=NEW, again=NEW, email=ADA)
    assert path_of(saved.headers["refresh"].partition("url=")[2]) == "/login"
    sign_in = f"{environ['KEYTURN_ACCOUNTS_SUPABASE_URL']}/auth/v1/token?grant_type=password"
    async with httpx2.AsyncClient(headers={"apikey": SERVICE_ROLE_KEY}) as client:
        assert (await client.post(sign_in, json={"email": ADA, "password": NEW})).status_code == 200


# Waibuk: a password change for school and viewer accounts

waibuk = pytest.mark.parametrize("name", ["waibuk"])
VIEWER, SCHOOL = "viewer@waibuk.test", "school@waibuk.test"


@waibuk
@pytest.mark.parametrize(
    ("email", "place"),
    [(VIEWER, "/viewer-settings/security"), (SCHOOL, "/school-settings/security")],
)
async def test_the_security_tab_sends_a_link_and_says_so(
    app: Adopted, email: str, place: str
) -> None:
    visitor = app.visitor()
    page = await visitor.follow(await visitor.sign_in(email, PASSWORD))
    assert page.url.path == place
    assert "Change Password" in words(page)
    assert "Request Password Change" in words(page)
    page = await visitor.follow(await visitor.submit(place))
    await app.service.deliver()
    sent = "We've sent a password reset link to your email. Please check your inbox to continue."
    assert sent in words(page).replace("’", "'")
    assert [mail.to for mail in app.service.inbox.mails] == [email]


@waibuk
async def test_mails_say_what_was_received_and_done_the_page_asks_twice_and_the_suspended_get_none(
    app: Adopted,
) -> None:
    mail = await app.mail(VIEWER)
    assert mail.subject == "Reset Your Waibuk Password"
    received = "We received a request to change your password for your Waibuk account."
    assert f"{received} Click the button below to continue." in " ".join(mail.html.split())
    assert f"{received} Open this address to continue: {app.link_in(mail)} " in " ".join(
        mail.text.split()
    )
    assert "button" not in mail.text

    _, page = await app.opened(app.link_in(mail))
    assert page.status_code == 200
    assert [
        label for label in ("New Password", "Confirm Password") if label not in words(page)
    ] == []
    assert re.search(r"<button[^>]*>\s*Reset Password", page.text)

    await app.post("/api/auth/reset-password", token=token_in(mail), newPassword=NEW)
    await app.service.ask("suspended@waibuk.test")
    await app.service.deliver()
    assert not app.service.inbox.sent_to("suspended@waibuk.test")
    (mail,) = app.service.inbox.sent_to(VIEWER, "password_changed")
    changed = "Your Waibuk password was successfully changed. "
    for part in (" ".join(mail.text.split()), " ".join(mail.html.split())):
        assert f"{changed}If you didn’t make this change, contact support immediately." in part
        assert "ession" not in part  # those are the app's, and nobody ends them
    assert mail.text.lower().count("contact support") == 1


SENTENCE = "This reset link is invalid or has expired. Please request a new one."


@waibuk
@pytest.mark.parametrize("fate", ["invalid", "expired", "used"])
async def test_the_page_and_the_api_say_the_document_s_sentence_of_a_dead_link(
    app: Adopted, fate: str
) -> None:
    link = app.link_in(await app.mail(VIEWER))
    if fate == "expired":
        app.service.let_time_pass(minutes=31)
    elif fate == "used":
        token = token_in(app.service.inbox.mails[-1])
        assert (
            await app.post("/api/auth/reset-password", token=token, newPassword=NEW)
        ).status_code == 200
    else:
        link = link[:-3] + "AAA"
    _, page = await app.opened(link)
    assert SENTENCE in words(page)
    assert heading(page) == "This Link Does Not Work"

    token = path_of(link).rpartition("/")[2]
    answer = await app.post(
        "/api/auth/reset-password", token=token, newPassword="another loud lighthouse"
    )
    assert (problem(answer), answer.json()["detail"]) == ("400 link-dead", SENTENCE)
