"""The mail and the event of a new password say what it ended in the app's tables."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.driver.app_database import App as Database
from tests.driver.app_database import running_app
from tests.driver.elsewhere import Elsewhere
from tests.driver.service import ADA, NEW_PASSWORD, Service, hash_of, problem, running, settings_for
from tests.servers.webhooks import App
from tests.spec.webhooks.conftest import Hook

from keyturn import Account, Ended, NewPassword

pytestmark = pytest.mark.long

TABLES = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(99), password_hash VARCHAR(60));"
    " CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id INTEGER);"
    " CREATE TABLE passkeys (id INTEGER PRIMARY KEY, user_id INTEGER);"
    " CREATE TABLE tokens (id INTEGER PRIMARY KEY, user_id INTEGER, revoked BOOLEAN)"
)
ENDS = {
    "sessions.user_id": {"what": "sessions"},
    "passkeys.user_id": {"what": "passkeys", "when": "intrusion"},
    "tokens.user_id": {"what": "access_tokens", "when": "intrusion", "set": {"revoked": True}},
}
Filled = Callable[..., AbstractAsyncContextManager[tuple[Database, Service]]]
"""Starts a service over the tables of an app, in which Ada is signed in twice, as `fill` says."""

OWN, THIEFS = "nineteen patient herons", "eleven orange lanterns"


async def fill(database: Database) -> None:
    await database.run(
        "INSERT INTO users VALUES (1, :email, :hash)",
        email=ADA,
        hash=hash_of("seven quiet harbours"),
    )
    await sign_in(database)
    await database.run(
        "INSERT INTO passkeys VALUES (1, 1), (2, 2); INSERT INTO tokens VALUES (1, 1, false)"
    )


async def sign_in(database: Database) -> None:
    await database.run(
        "INSERT INTO sessions (id, user_id) SELECT coalesce(max(id), 0) + 1, 1 FROM sessions"
    )
    await database.run(
        "INSERT INTO sessions (id, user_id) SELECT coalesce(max(id), 0) + 1, 1 FROM sessions"
    )


async def press(service: Service) -> None:
    """Press "Secure your account" in the last confirmation, and let the worker do its part."""
    assert await service.press(await service.newest(template="password_changed")) == "200"
    await service.deliver()


async def reset(service: Service, token: str, password: str) -> None:
    assert problem(await service.reset(token, password)) == "200"
    await service.deliver()


def events(app: App, name: str) -> list[dict[str, int] | None]:
    return [event["data"].get("ended") for event in app.typed(name)]


async def left(database: Database) -> tuple[int, int, int]:
    """Return how many of Ada's sessions, passkeys and tokens work."""
    where = "WHERE user_id = 1"
    tables = (f"sessions {where}", f"passkeys {where}", f"tokens {where} AND NOT revoked")
    sessions, passkeys, tokens = [
        len(await database.run(f"SELECT 1 FROM {table}")) for table in tables
    ]
    return sessions, passkeys, tokens


@pytest.fixture
def filled(sqlite_url: str, tmp_path: Path) -> Filled:
    @asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[tuple[Database, Service]]:
        url = f"sqlite:///{tmp_path / 'app.db'}"
        table = {"url": url, "table": "users", "ends": ENDS}
        settings = settings_for(sqlite_url, accounts={"store": "table", "table": table}, **changes)
        async with running_app(url, TABLES) as database, running(settings) as service:
            await fill(database)
            yield database, service

    return start


def told(service: Service) -> list[str]:
    """Return what each confirmation says was ended; "" for one that does not."""
    lines = [mail.text.splitlines() for mail in service.inbox.sent_to(ADA, "password_changed")]
    return [
        next((line.partition(": ")[2] for line in text if line.startswith("Access ended: ")), "")
        for text in lines
    ]


@pytest.mark.parametrize(
    ("databases", "urls"),
    [
        ("sqlite", "apart"),
        ("sqlite", "together"),
        ("postgresql", "apart"),
        ("postgresql", "together"),
        ("mariadb", "apart"),
    ],
    indirect=True,
)
async def test_a_thief_with_passkey_and_token_is_out_after_not_me(
    urls: tuple[str, str], app: App, hook: Hook
) -> None:
    own, url = urls
    table = {"url": "" if own == url else url, "table": "users", "ends": ENDS}
    settings = settings_for(own, webhooks=hook, accounts={"store": "table", "table": table})
    async with running_app(url, TABLES) as database:
        await fill(database)
        async with running(settings) as service:
            await reset(service, await service.link(), THIEFS)
            assert await left(database) == (0, 1, 1)
            assert told(service) == ["2 sessions"]

            await sign_in(database)
            await press(service)
            assert await left(database) == (0, 0, 0)
            assert events(app, "account.secured") == [
                {"sessions": 2, "passkeys": 1, "access_tokens": 1}
            ]

            # The thief knows the password until the owner has chosen another one.
            await database.run("INSERT INTO passkeys VALUES (3, 1)")
            await reset(service, await service.newest(), OWN)
            assert await left(database) == (0, 0, 0)
            assert told(service) == ["2 sessions", "1 passkey"]
            assert events(app, "password.changed") == [{"sessions": 2}, {"passkeys": 1}]
            assert await database.run("SELECT id FROM passkeys") == [(2,)]


async def test_an_earlier_mailbox_ends_sessions_and_leaves_passkeys(
    filled: Filled, app: App, hook: Hook
) -> None:
    """It may be an attacker's: an account that was taken over and given back has had an attacker's
    address.
    """
    async with filled(webhooks=hook) as (database, service):
        await reset(service, await service.link(), THIEFS)
        await sign_in(database)
        await database.run("UPDATE users SET email = 'new@northwind.test' WHERE id = 1")
        await press(service)
        assert await left(database) == (0, 1, 1)
        assert events(app, "account.secured") == [{"sessions": 2}]


async def test_a_first_password_ends_nothing_since_nobody_suspects_anything(filled: Filled) -> None:
    async with filled() as (database, service):
        await database.run("UPDATE users SET password_hash = NULL")
        await service.operator.invite(ADA)
        await reset(service, await service.newest(template="invitation"), OWN)
        assert await left(database) == (0, 1, 1)


class Counting(Elsewhere):
    answer: Any = True

    def __init__(self, *accounts: Account) -> None:
        super().__init__(*accounts)
        self.intruded: list[bool] = []

    async def set_password(self, account: Account, password: NewPassword) -> bool | Ended:
        self.intruded.append(account.intruded)
        answer: bool | Ended = await super().set_password(account, password) and self.answer
        return answer

    async def end_sessions(self, account_id: str) -> Any:
        assert account_id in self.accounts
        return self.answer if isinstance(self.answer, Ended) else None


@pytest.mark.parametrize(
    ("answer", "mail", "event"),
    [
        (True, "", None),
        (Ended(), "", None),
        (Ended({"api_keys": 2, "badges": 3}), "2 API keys", {"api_keys": 2, "badges": 3}),
        (Ended({"badges": 3}), "", {"badges": 3}),
        (Ended({"sessions": 0, "passkeys": -1, "ssh_keys": True, "": 4, "x" * 99: 1}), "", None),
        (Ended({7: 1, "api_keys": 1.5, "line\nbreak": 2, "sessions": 10**12}), "", None),  # type: ignore[dict-item]
        (Ended(["sessions"]), "", None),  # type: ignore[arg-type]
        (
            Ended({f"word{number}": 1 for number in range(99)}),
            "",
            {f"word{number}": 1 for number in range(20)},
        ),
    ],
)
async def test_a_store_of_the_app_s_own_may_say_it_too_and_no_answer_of_it_breaks_a_change(
    sqlite_url: str, app: App, hook: Hook, answer: Any, mail: str, event: Any
) -> None:
    store = Counting(Account(id="7", email=ADA))
    store.answer = answer
    async with running(settings_for(sqlite_url, webhooks=hook), accounts=store) as service:
        await reset(service, await service.link(), THIEFS)
        assert (told(service), events(app, "password.changed")) == ([mail], [event])
        await press(service)
        assert events(app, "account.secured") == [event]
        await reset(service, await service.newest(), OWN)
        assert store.intruded == [False, True]


DEFERRED = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(99), password_hash VARCHAR(60));"
    " CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id INTEGER);"
    " CREATE TABLE visits (session_id INTEGER REFERENCES sessions (id) DEFERRABLE INITIALLY "
    "DEFERRED)"
)


@pytest.mark.parametrize(
    ("databases", "urls"),
    [("sqlite", "together"), ("postgresql", "together"), ("postgresql", "apart")],
    indirect=True,
)
async def test_where_a_deferred_key_forbids_the_commit_nothing_changes_and_no_mail_confirms_it(
    urls: tuple[str, str],
) -> None:
    own, url = urls
    table = {"url": "" if own == url else url, "table": "users", "delete": ["sessions.user_id"]}
    settings = settings_for(own, accounts={"store": "table", "table": table})
    async with running_app(url, DEFERRED) as database:
        await database.run(
            "INSERT INTO users VALUES (1, :email, :hash)", email=ADA, hash=hash_of("old")
        )
        await database.run("INSERT INTO sessions VALUES (1, 1); INSERT INTO visits VALUES (1)")
        async with running(settings) as service:
            link = await service.link()
            refused = await service.reset(link, NEW_PASSWORD)
            await service.deliver()
            assert problem(refused) == "503 unavailable"
            assert service.inbox.sent_to(ADA, "password_changed") == []

            await database.run("DELETE FROM visits")
            assert problem(await service.reset(link, NEW_PASSWORD)) == "200"
            await service.deliver()
            assert len(service.inbox.sent_to(ADA, "password_changed")) == 1
