"""Users who name their account by a user name: the answer and the work are the same, and mail goes
to its address.
"""

from collections.abc import AsyncIterator

import httpx2
import pytest
from tests.driver.app_database import App, running_app
from tests.driver.elsewhere import Elsewhere
from tests.driver.inbox import code_in, token_in
from tests.driver.service import ADA, NEW_PASSWORD, REQUEST, VERIFY, Service, Start, problem
from tests.driver.statements import statements_sent
from tests.driver.visitor import form_token

from keyturn import Account

pytestmark = pytest.mark.any_database

GRACE = "grace@northwind.test"
TABLE = {"table": "users", "identifiers": ("email", "login"), "active": "is_active"}
USERS = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(99), login VARCHAR(40), "
    "password_hash VARCHAR(60),"
    " is_active INTEGER)"
)


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[App]:
    async with running_app(database_url, USERS) as app:
        await app.run("INSERT INTO users VALUES (1, :email, 'ada', '$2b$04$old', 1)", email=ADA)
        await app.run("INSERT INTO users VALUES (2, :email, 'grace', '$2b$04$old', 0)", email=GRACE)
        yield app


@pytest.fixture
async def named(start: Start, app: App) -> Service:
    assert app
    accounts = {"store": "table", "table": TABLE}
    return await start(accounts=accounts, token={"code": True}, limits={"request": "1000/minute"})


async def test_same_answer_and_same_work(named: Service) -> None:
    """The answer is the same for every address and name, and the statements for every address, and
    for every name.
    """
    await named.ask_and_deliver("warm@northwind.test")
    answers, asked = [], []
    worked: dict[bool, list[list[str]]] = {True: [], False: []}
    for identifier in (ADA, "ada", "nobody@northwind.test", "nobody", "grace", GRACE, "ada "):
        with statements_sent() as statements:
            answer = await named.anywhere().post(REQUEST, json={"email": identifier})
        asked.append(list(statements))
        answers.append((answer.status_code, answer.headers.multi_items(), answer.content))
        with statements_sent() as statements:
            await named.deliver()
        # A message that was sent and one that was dropped differ in what is set.
        shown = [
            one.partition(" SET ")[0] if "UPDATE keyturn_outbox" in one else one
            for one in statements
        ]
        worked["@" in identifier].append(shown)
    for same in (answers, asked, worked[True], worked[False]):
        assert same == same[:1] * len(same)
    assert [mail.to for mail in named.inbox.mails] == [ADA]


async def test_names_of_an_account_share_its_mailbox_and_the_trail_has_its_address_alone(
    named: Service, app: App
) -> None:
    for typed in ("ada", ADA, "ADA"):  # in one batch, and then another one
        await named.ask(typed)
    await named.deliver()
    for typed in ("Ada", "hunter2 hunter2", "nobody@northwind.test", "grace"):
        await named.ask_and_deliver(typed)
    found = [(entry.outcome, entry.email) for entry in await named.trail("reset_request")]
    assert sorted(found[:4]) == [*[("cooldown", ADA)] * 3, ("link_mailed", ADA)]
    assert found[4:] == [
        ("no_account", ""),
        ("no_account", "nobody@northwind.test"),
        ("disabled", GRACE),
    ]
    (mail,) = named.inbox.mails
    token = token_in(mail)
    assert (await named.check(token))["email"] == mail.to == ADA
    assert problem(await named.reset(token)) == "200"
    (row,) = await app.run("SELECT password_hash FROM users WHERE id = 1")
    assert row.password_hash != "$2b$04$old"


async def test_a_code_is_exchanged_with_the_name_as_with_the_address_and_both_count_its_tries(
    named: Service,
) -> None:
    async def exchange(email: str, code: str) -> httpx2.Response:
        return await named.anywhere().post(VERIFY, json={"email": email, "code": code})

    async def code() -> str:
        await named.ask_and_deliver("ada")
        return code_in(named.inbox.sent_to(ADA, "password_reset")[-1])

    right = await code()
    refused = [await exchange(email, "00000000") for email in ("nobody", "ada", ADA)] + [
        await exchange("grace", right)
    ]
    assert {(problem(answer), answer.content) for answer in refused} == {
        ("400 code-refused", refused[0].content)
    }
    assert (
        problem(await named.reset((await exchange(" ADA ", right)).json()["token"], NEW_PASSWORD))
        == "200"
    )

    right = await code()
    for email in (ADA, "ada", ADA, "ada", ADA):
        assert (
            problem(await exchange(email, f"{(int(right) + 1) % 10**8:08}")) == "400 code-refused"
        )
    assert problem(await exchange("ada", right)) == "400 code-refused", (
        "five tries, however the account is named"
    )


async def test_what_is_neither_is_refused_and_without_names_addresses_alone_count(
    named: Service, start: Start
) -> None:
    for typed in ("", " ", "a\nb", "x" * 255, "ada@", "@"):
        assert (
            problem(await named.anywhere().post(REQUEST, json={"email": typed}))
            == "400 invalid-input"
        )
    service = await start()
    answer = await service.anywhere().post(REQUEST, json={"email": "ada"})
    assert answer.json()["errors"] == [{"field": "email", "message": "not an email address"}]
    texts = (await service.anywhere().get("/api/auth/texts?lang=en")).json()
    assert texts["takesNames"] is False
    assert texts["texts"]["email"] == "Email"


async def test_the_page_takes_either_and_shows_no_address_that_was_not_typed(
    named: Service,
) -> None:
    async with named.anywhere(follow_redirects=True) as visitor:
        page = await visitor.get("/forgot-password")
        assert "Email or username</label>" in page.text
        assert 'type="text" inputmode="email" autocomplete="username"' in page.text
        csrf = {"_csrf_token": form_token(page)}

        neither = await visitor.post("/forgot-password", data={"email": "", **csrf})
        assert (
            "Enter a full email address, such as name@example.org, or your username."
            in neither.text
        )

        for typed in ("ada", "Ada", "gmail.con", "north:ada%41"):
            asked = await visitor.post("/forgot-password", data={"email": typed, **csrf})
            assert f"If an account exists for <b>{typed}</b>, a link is on its way." in asked.text
            assert "Did you mean" not in asked.text
            assert "Use another email or username" in asked.text
            assert ADA not in asked.text

        await named.deliver()
        code = code_in(named.inbox.mails[0])
        opened = await visitor.post(
            "/forgot-password/code", data={"email": "ada", "code": code, **csrf}
        )
        assert "Choose a new password" in opened.text
    assert await named.outcomes() == [
        "link_mailed",
        "cooldown",
        "no_account",
        "no_account",
        "code_accepted",
    ]


class OwnAccounts(Elsewhere):
    """An app's own store, which knows Ada by a name of any kind."""

    def __init__(self, *, takes_names: bool) -> None:
        super().__init__(Account(id="1", email=ADA))
        self.takes_names = takes_names
        self.asked: list[str] = []

    async def find(self, email: str) -> Account | None:
        self.asked.append(email)
        return await super().find(ADA if email == "Ada L." else email)


async def test_a_store_of_one_s_own_is_asked_for_names_if_it_takes_them_and_else_never(
    start: Start,
) -> None:
    store = OwnAccounts(takes_names=True)
    named = await start(store=store)
    await named.ask_and_deliver(" Ada L. ")
    assert [mail.to for mail in named.inbox.mails] == [ADA]
    assert problem(await named.reset(token_in(named.inbox.mails[0]))) == "200"
    assert store.asked == ["Ada L."]
    without = OwnAccounts(takes_names=False)
    named = await start(store=without)
    answer = await named.anywhere().post(REQUEST, json={"email": "Ada L."})
    assert problem(answer) == "400 invalid-input"
    assert without.asked == []
