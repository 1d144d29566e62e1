"""What the documents of all five ask alike: of a request, of a token, and of the life of a link."""

from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

import pytest
from tests.driver.inbox import token_in
from tests.driver.service import NOBODY, problem
from tests.driver.supabase_server import SupabaseServer
from tests.puzzles import post_answering
from tests.serving import serving
from tests.sources.adopted import PASSWORD, Adopted, adopted
from tests.sources.easemail import KEY

pytestmark = pytest.mark.long

NEW = "Lighthouse-7-loud"


class Document(NamedTuple):
    """What a document calls its routes, the account that asks, and how long its links live in minutes."""

    email: str
    request: str
    validate: str
    reset: str
    password: str = "newPassword"
    life: int = 60


AUTH = "/api/auth"

DOCUMENTS = {
    "easemail": Document(
        "ada@easemail.test",
        f"{AUTH}/request-password-reset",
        f"{AUTH}/validate-reset-token",
        f"{AUTH}/reset-password-with-token",
    ),
    "ivory-mirro": Document(
        "ada@ivory.test",
        f"{AUTH}/forgot-password",
        f"{AUTH}/validate-reset-token",
        f"{AUTH}/reset-password",
        "password",
    ),
    "nextjs-app": Document(
        "user@next.test",
        f"{AUTH}/forgot-password",
        f"{AUTH}/verify-reset-token",
        f"{AUTH}/reset-password",
        "password",
    ),
    "teacher-resources": Document(
        "teacher@resources.test", "/forgot-password", "/validate-reset-token", "/reset-password"
    ),
    "waibuk": Document(
        "viewer@waibuk.test",
        f"{AUTH}/request-password-reset",
        f"{AUTH}/validate-reset-token",
        f"{AUTH}/reset-password",
        life=30,
    ),
}


@pytest.fixture(params=DOCUMENTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def document(name: str) -> Document:
    return DOCUMENTS[name]


@pytest.fixture
def supabase_url() -> Iterator[str]:
    supabase = SupabaseServer(service_role_key=KEY)
    supabase.users.add(DOCUMENTS["easemail"].email, PASSWORD, id="6f0c6b0a-3a3e-4f43-8d51-0e6f5a2b7001")
    with serving(supabase) as url:
        yield url


@pytest.fixture
async def app(name: str, migrated: str, supabase_url: str) -> AsyncIterator[Adopted]:
    environ = {"KEYTURN_ACCOUNTS_SUPABASE_URL": supabase_url} if name == "easemail" else {}
    async with adopted(name, migrated, **environ) as app:
        yield app


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

    body = {"token": token, "email": document.email, document.password: NEW}
    answers = [await app.post(document.reset, **body) for _ in range(2)]
    assert [problem(answer) for answer in answers] == ["200", "400 link-dead"]
    assert NEW not in app.dump()
    assert (await app.post(document.validate, token=token)).json() == {"valid": False, "reason": "used"}


async def test_a_link_lives_as_long_as_the_document_says(app: Adopted, document: Document) -> None:
    token = token_in(await app.mail(document.email))
    app.service.let_time_pass(minutes=document.life - 1)
    assert (await app.post(document.validate, token=token)).json()["email"] == document.email

    app.service.let_time_pass(minutes=1)
    assert (await app.post(document.validate, token=token)).json()["reason"] == "expired"
