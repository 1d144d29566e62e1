"""Each of the five apps with its own keyturn.toml, words and table: the mail, the API, the pages and the columns."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from html import escape
from operator import attrgetter
from typing import Any
from unittest.mock import ANY
from urllib.parse import quote

import asyncpg
import msgspec
import pytest
from tests.pages.school import words
from tests.puzzles import post_answering
from tests.sources.adopted import EXAMPLES, PASSWORD, Adopted, path_of, settings_of
from tests.spec.inbox import Inbox, token_in
from tests.spec.service import REQUEST, RESET, running

from keyturn.settings import Secret

pytestmark = pytest.mark.long

NEW = "Lighthouse-7-loud"
API = "/api/auth"
FORMER = {"resetPasswordToken": None, "resetPasswordExpires": None}
"""The columns of a feature that Keyturn replaces."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What an app's document says.

    `routes`: those that ask for a link, check one, and set a password. `field`: the name of the new password.
    `changes`: the columns that a reset changes, and their new values.
    `says`: words of the sign-in page, of the form for an address, after it, and of the form for a password.
    """

    person: str
    sender: str
    subject: str
    link: str
    life: timedelta = timedelta(hours=1)
    life_in_words: str = "1 hour"
    routes: tuple[str, str, str] = (REQUEST, f"{API}/validate-reset-token", RESET)
    field: str = "newPassword"
    names_address: bool = False
    variables: Mapping[str, object]
    changes: Mapping[str, object]
    says: Sequence[Sequence[str]] = ()
    sign_in: str = "/login"


DOCUMENTS = {
    "waibuk": Document(
        person="viewer@waibuk.test",
        sender="Waibuk <onboarding@resend.dev>",
        subject="Reset Your Waibuk Password",
        link="https://your-domain.com/reset-password/{token}",
        life=timedelta(minutes=30),
        life_in_words="30 minutes",
        variables={"base_url": "https://your-domain.com", "resend.api_key": Secret("your_resend_api_key")},
        changes={"password": ANY},
        says=((), (), (), ("New Password", "Confirm Password", "Reset Password")),
    ),
    "ivory-mirro": Document(
        person="former@ivory.test",
        sender="Ivory Mirro <noreply@yourdomain.com>",
        subject="Reset your Ivory Mirro password",
        link="https://yourdomain.com/reset-password?token={token}",
        routes=(f"{API}/forgot-password", f"{API}/validate-reset-token", RESET),
        field="password",
        variables={
            "base_url": "https://yourdomain.com",
            "resend.api_key": Secret("your_resend_api_key"),
            "password.min_length": 6,
        },
        changes={"password": ANY, **FORMER},
        says=(("Forgot",), ("Back to login",), (), ("Confirm password", "at least 6 characters")),
    ),
    "easemail": Document(
        person="ada@easemail.test",
        sender="EaseMail <noreply@easemail.app>",
        subject="Reset your EaseMail password",
        link="https://www.easemail.app/change-password?token={token}",
        routes=(
            f"{API}/request-password-reset",
            f"{API}/validate-reset-token",
            f"{API}/reset-password-with-token",
        ),
        variables={
            "base_url": "https://www.easemail.app",
            "resend.api_key": Secret("re_xxxxxxxxxxxx"),
            "accounts.supabase.service_role_key": Secret("your_service_role_key"),
            "mail.transport": "resend",
            "brand.accent": "#4d5156",  # a grey
        },
        changes={"is_temp_password": False, "temp_password_expires_at": None, "updated_at": ANY},
        says=(
            (),
            ("Send Reset Link",),
            (
                "Password reset link sent! Check your email (and spam folder).",
                "An address without an account gets none.",
            ),
            ("Update Password",),
        ),
    ),
    "nextjs-app": Document(
        person="former@next.test",
        sender="Next.js App <your-email@gmail.com>",
        subject="Reset your Next.js App password",
        link="http://localhost:3000/reset-password?token={token}&email={email}",
        routes=(f"{API}/forgot-password", f"{API}/verify-reset-token", RESET),
        field="password",
        names_address=True,
        variables={
            "base_url": "http://localhost:3000",
            "smtp.username": "your-email@gmail.com",
            "smtp.password": Secret("your-app-password"),
            "smtp.host": "smtp.gmail.com",
            "smtp.security": "starttls",
        },
        changes={"password": ANY, "updatedAt": ANY, **FORMER},
        says=(("Forgot password?",), (), (), ("former@next.test", "Confirm password")),
        sign_in="/sign-in",
    ),
    "teacher-resources": Document(
        person="teacher@resources.test",
        sender="Teacher Resources <your-email@gmail.com>",
        subject="Reset your Teacher Resources password",
        link="https://teacher-resources.example/reset-password.html#token={token}",
        routes=("/forgot-password", "/validate-reset-token", "/reset-password"),
        variables={
            "smtp.username": "your-email@gmail.com",
            "smtp.password": Secret("your-app-specific-password"),
            "smtp.security": "starttls",
            "mail.transport": "smtp",
        },
        changes={"password": ANY},
    ),
}
ON_POSTGRESQL = [name for name in DOCUMENTS if name != "teacher-resources"]
WITH_HOSTED_PAGES = ON_POSTGRESQL

each = pytest.mark.parametrize("name", DOCUMENTS, indirect=True)


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    return {column: value for column, value in after.items() if value != before[column]}


@each
async def test_the_mail_has_the_sender_the_subject_the_link_and_the_colour_of_the_app(app: Adopted) -> None:
    document = DOCUMENTS[app.name]
    mail = await app.mail(document.person)
    link = document.link.format(token=token_in(mail), email=quote(document.person))

    assert (mail.sender, mail.subject, app.link_in(mail)) == (document.sender, document.subject, link)
    assert f'href="{escape(link)}"' in mail.html
    assert app.settings.brand.accent in mail.html


@each
async def test_a_link_lives_as_long_as_the_document_says_and_the_mail_says_so(app: Adopted) -> None:
    document = DOCUMENTS[app.name]
    mail = await app.mail(document.person)
    (row,) = await app.tokens()

    assert row["account_id"] == str(app.row(document.person)["id"])
    assert row["expires_at"] - row["created_at"] == document.life
    assert document.life_in_words in " ".join(mail.text.split())


@each
async def test_a_reset_by_the_document_s_routes_and_fields_changes_the_columns_that_it_names(app: Adopted) -> None:
    document = DOCUMENTS[app.name]
    ask, check, reset = document.routes
    if "updated_at" in document.changes:
        app.rows("UPDATE users SET updated_at = '2026-01-02 03:04:05'")
    before = app.row(document.person)
    asked = await app.post(ask, email=document.person)
    await app.service.deliver()
    (mail,) = app.service.inbox.sent_to(document.person)
    body = {"token": token_in(mail)} | ({"email": document.person} if document.names_address else {})
    checked = await app.post(check, **body)
    done = await app.post(reset, **body, **{document.field: NEW})

    assert [asked.status_code, checked.status_code, done.status_code] == [202, 200, 200]
    assert [asked.json()["success"], done.json()["success"]] == [True, True]
    assert checked.json()["valid"] is True
    assert changed(before, app.row(document.person)) == document.changes
    assert await app.knows(NEW, document.person)
    assert not await app.knows(PASSWORD, document.person)


@pytest.mark.parametrize("name", ON_POSTGRESQL, indirect=True)
async def test_so_it_does_in_a_table_on_postgresql(name: str, variables: dict[str, str], postgresql_url: str) -> None:
    document, settings = DOCUMENTS[name], settings_of(name, postgresql_url, **variables)
    query = f'SELECT * FROM "{settings.accounts.table.table}" WHERE email = $1'  # noqa: S608 - a name in the example
    connection = await asyncpg.connect(postgresql_url)
    for script in ("schema.sql", "accounts.sql"):
        await connection.execute((EXAMPLES / name / script).read_text("utf-8"))
    before = await connection.fetchrow(query, document.person)
    async with running(settings, inbox=Inbox()) as keyturn:
        await keyturn.ask(document.person.upper())
        await keyturn.deliver()
        (mail,) = keyturn.inbox.sent_to(document.person)
        answer = await keyturn.reset(token_in(mail), NEW)
    after = await connection.fetchrow(query, document.person)
    await connection.close()

    assert answer.status_code == 200, answer.text
    assert changed(before, after) == document.changes


@pytest.mark.parametrize("name", WITH_HOSTED_PAGES, indirect=True)
async def test_the_walk_from_the_forgotten_password_to_the_sign_in_has_the_document_s_words(app: Adopted) -> None:
    document = DOCUMENTS[app.name]
    visitor = app.visitor()
    pages = [await visitor.get(document.sign_in)] if app.settings.accounts.store == "table" else []
    pages.append(await visitor.get("/forgot-password"))
    pages.append(await visitor.follow(await visitor.submit("/forgot-password", email=document.person)))
    await app.service.deliver()
    link = app.link_in(app.service.inbox.mails[-1])
    reader, page = await app.opened(link)
    saved = await reader.submit(page.url.path, password=NEW, again=NEW, email=document.person)

    for shown, expected in zip([*pages, page], document.says[-len(pages) - 1 :], strict=True):
        assert [text for text in expected if text not in words(shown)] == []
    assert page.url.query == b""
    assert page.text.count('type="password"') == 2
    assert path_of(saved.headers["location"]) == document.sign_in
    assert await app.knows(NEW, document.person)


@each
async def test_the_settings_take_the_app_s_own_variables(app: Adopted) -> None:
    expected = DOCUMENTS[app.name].variables

    assert {setting: attrgetter(setting)(app.settings) for setting in expected} == expected


@each
async def test_an_address_may_ask_three_times_a_minute(app: Adopted) -> None:
    document = DOCUMENTS[app.name]
    here, there = app.service.at("198.51.100.7"), app.service.at("198.51.100.8")
    answers = [await post_answering(here, document.routes[0], {"email": document.person}) for _ in range(4)]
    answers.append(await post_answering(there, document.routes[0], {"email": document.person}))

    assert [answer.status_code for answer in answers] == [202, 202, 202, 429, 202]
