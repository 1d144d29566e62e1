"""The service under test: the app and its container, clients at any address, and
what tests ask of it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import bcrypt
import httpx2
import msgspec
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Executable, MetaData, Row, delete, func, select, update
from tests.driver.connections import committing, connected
from tests.driver.inbox import Inbox, token_in
from tests.driver.operator import Operator

from keyturn.service.accounts.builtin import AccountRow
from keyturn.service.accounts.port import Account, AccountStore
from keyturn.service.accounts.sessions import SessionRow
from keyturn.service.clock import now
from keyturn.service.outbox.models import OutboxRow
from keyturn.service.outbox.overview import ShownMessage, read
from keyturn.service.sending.senders import sender_for
from keyturn.service.settings import (
    Brand,
    DatabaseSettings,
    HashingSettings,
    MailSettings,
    MetricsSettings,
    SecretStr,
    Settings,
)
from keyturn.service.settings.building import Builder
from keyturn.testing import MovableClock, RunningService, service

REQUEST = "/api/auth/request-password-reset"
VALIDATE = "/api/auth/validate-reset-token"
RESET = "/api/auth/reset-password"
CHANGE = "/api/auth/change-password"
POLICY = "/api/auth/password-policy"
LOGIN = "/api/auth/login"
LOGOUT = "/api/auth/logout"
ME = "/api/auth/me"
REPLACE = "/api/auth/replace-expired-link"
SECURE = "/api/auth/secure-account"
VERIFY = "/api/auth/verify-reset-code"
INVITE = "/api/auth/invitations"

ADA, GRACE, DAN = "ada@northwind.test", "grace@northwind.test", "dan@northwind.test"
"""Users with a password, with Google, and with a disabled account."""

PEOPLE: Mapping[str, Mapping[str, Any]] = {
    ADA: {"name": "Ada", "kind": "viewer"},
    GRACE: {"name": "Grace", "provider": "Google"},
    DAN: {"name": "Dan", "active": False},
}

NOBODY = "nobody@northwind.test"
PASSWORD = "seven quiet harbours"
NEW_PASSWORD = "eleven loud lighthouses"

NO_COOLDOWN = {"mailbox_cooldown": timedelta(0)}
FREE = {
    "mailbox_cooldown": timedelta(0),
    "mailbox_daily": 1000,
    "account": "1000/minute",
    "login": "1000/minute",
}
"""Limits that are in no test's way."""

METRICS_TOKEN = "0123456789abcdef" * 2
BEARER = {"Authorization": f"Bearer {METRICS_TOKEN}"}
"""What Prometheus sends."""

CHEAPEST = 4
"""The lowest cost of bcrypt. keyturn.toml does not allow it, so tests of timing set another."""


def settings_for(database_url: str, **changes: Any) -> Settings:
    """Return the defaults with the cheapest hash that bcrypt makes, and `changes`: sections as in
    keyturn.toml.
    """
    defaults: dict[str, Any] = {
        "environment": "development",
        "secret_key": SecretStr("0123456789abcdef" * 4),
        "database": DatabaseSettings(url=SecretStr(database_url)),
        "hashing": HashingSettings(cost=CHEAPEST),
        "mail": MailSettings(transport="capture"),
        "metrics": MetricsSettings(token=SecretStr(METRICS_TOKEN)),
        "brand": Brand(name="Northwind School", support_address="help@northwind.example"),
    }
    sections = {
        name: dict(section) for name, section in changes.items() if isinstance(section, Mapping)
    }
    cost = sections.get("hashing", {}).pop("cost", None)
    builder = Builder(None, Path(), [])
    read = builder.build(Settings, sections)
    assert not builder.faults
    changes |= {name: getattr(read, name) for name in sections}
    if cost is not None:  # which a file may not have
        changes["hashing"] = msgspec.structs.replace(changes["hashing"], cost=cost)
    wanted = Settings(**defaults | changes)
    if wanted.limits.in_memory or database_url.startswith("postgresql"):
        return wanted
    # Several services of a test may answer for one file, each with limits of its own.
    limits = msgspec.structs.replace(wanted.limits, in_memory=True)
    return msgspec.structs.replace(wanted, limits=limits)


def problem(answer: httpx2.Response) -> str:
    """Return the status and type of an RFC 9457 problem, as "400 invalid-input", or the status of a
    success.
    """
    if answer.is_success:
        return str(answer.status_code)
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document = answer.json()
    prefix, _, name = document["type"].rpartition(":")
    assert prefix == "urn:keyturn:problem"
    assert document["title"]
    assert document["status"] == answer.status_code
    return f"{answer.status_code} {name}"


async def change(
    client: httpx2.AsyncClient, password: str = NEW_PASSWORD, current: str = PASSWORD
) -> str:
    """Change the password in a session; return the answer as `problem` does."""
    return problem(
        await client.post(CHANGE, json={"currentPassword": current, "newPassword": password})
    )


class Service:
    """One process of Keyturn. Its worker runs only when a test calls `deliver`."""

    def __init__(self, running: RunningService, inbox: Inbox) -> None:
        self._running = running
        self.app, self.container, self.accounts, self.inbox = (
            running.app,
            running.container,
            running.container.accounts,
            inbox,
        )
        self.operator = Operator(running.container)

    def at(self, address: str, **options: Any) -> httpx2.AsyncClient:
        """Return a client with that IP address, and with cookies of its own."""
        return self._running.client(address, **options)

    def anywhere(self, **options: Any) -> httpx2.AsyncClient:
        """Return a client with a new IP address, so that it meets no limit."""
        return self._running.client(**options)

    def let_time_pass(self, **time: float) -> None:
        """Move the clock of all services, by minutes=29 and the like.

        Nothing that waits wakes up by it.
        """
        self._running.clock.move(timedelta(**time))

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._running.clock.unix(), UTC)

    async def add(self, email: str, *, password_hash: str | None = None, **fields: Any) -> Account:
        """Add an account with PASSWORD, unless it has a provider, or awaits its first password."""
        if fields.get("provider") or fields.get("awaits_password"):
            hashed = None
        else:
            hashed = password_hash or hash_of(PASSWORD, self.container.settings.hashing.cost)
        return await self._running.add_account(email, password_hash=hashed, **fields)

    async def ask(self, email: str = ADA) -> None:
        answer = await self.anywhere().post(REQUEST, json={"email": email})
        assert answer.status_code == 202, answer.text

    async def deliver(self) -> None:
        await self._running.deliver()

    async def deliver_again(self) -> None:
        """Deliver what waits, as if every pause between tries were over."""
        await self.write(update(OutboxRow).values(available_at=now()))
        await self.deliver()

    async def ask_and_deliver(self, email: str = ADA) -> None:
        await self.ask(email)
        await self.deliver()

    async def link(self, email: str = ADA, template: str = "password_reset") -> str:
        """Ask for a link and return the token that arrives."""
        before = self.inbox.sent_to(email, template)
        await self.ask_and_deliver(email)
        (mail,) = self.inbox.sent_to(email, template)[len(before) :]
        return token_in(mail)

    async def newest(self, email: str = ADA, template: str = "password_reset") -> str:
        """Deliver what waits, and return the token of the newest mail of that kind."""
        await self.deliver()
        return token_in(self.inbox.sent_to(email, template)[-1])

    async def check(self, token: str, **fields: str) -> dict[str, Any]:
        answer = await self.anywhere().post(VALIDATE, json={"token": token, **fields})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def works(self, token: str) -> bool:
        return bool((await self.check(token))["valid"])

    async def reset(self, token: str, password: str = NEW_PASSWORD) -> httpx2.Response:
        return await self.anywhere().post(RESET, json={"token": token, "newPassword": password})

    async def press(self, token: str) -> str:
        """Press the button "this was not me" of a mail; return the answer as `problem` does."""
        return problem(await self.anywhere().post(SECURE, json={"token": token}))

    async def sign_in(self, email: str = ADA, password: str = PASSWORD) -> httpx2.AsyncClient:
        client = self.anywhere()
        answer = await client.post(LOGIN, json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        return client

    async def knows(self, password: str, email: str = ADA) -> bool:
        """Tell whether the account signs in with the password, and a second step if it has one."""
        answer = await self.anywhere().post(LOGIN, json={"email": email, "password": password})
        assert answer.status_code in {200, 401}, answer.text
        return answer.status_code == 200 or problem(answer) == "401 second-step-required"

    async def trail(self, *events: str) -> list[Row[Any]]:
        """Return the audit trail, the oldest entry first: all of it, or the entries of these
        events.
        """
        entries = await self.container.audit.read(most=1000)
        return [entry for entry in reversed(entries) if not events or entry.event in events]

    async def outcomes(self, *events: str) -> list[str]:
        return [entry.outcome for entry in await self.trail(*events)]

    async def messages(self) -> list[ShownMessage]:
        """Return what the outbox holds, the oldest first: mails, webhooks, and
        what became of each.
        """
        return [*reversed(await read(self.container.database, most=None))]

    async def sealed_mails(self) -> int:
        """Return how many messages hold their mail, which an outbox keeps under seal until it is
        sent.
        """
        (row,) = await self.rows(select(func.count(OutboxRow.sealed).label("mails")))
        return int(row["mails"])

    async def change_account(self, of: str = ADA, /, **fields: Any) -> None:
        """Change fields of an account in Keyturn's own table, as its app does: email="..." or
        active=False.
        """
        await self.write(update(AccountRow).where(AccountRow.email == of).values(**fields))

    async def remove_account(self, email: str = ADA) -> None:
        await self.write(delete(AccountRow).where(AccountRow.email == email))

    async def password_hash(self, email: str = ADA) -> str:
        (row,) = await self.rows(select(AccountRow.password_hash).where(AccountRow.email == email))
        return str(row["password_hash"])

    @asynccontextmanager
    async def writing_elsewhere(self) -> AsyncIterator[None]:
        """Let another program change all accounts, in a transaction that is not over before the
        block is.
        """
        async with committing(self.container.database) as connection:
            await connection.execute(update(AccountRow).values(name="Someone else"))
            yield

    async def metrics(self) -> str:
        answer = await self.anywhere().get("/metrics", headers=BEARER)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def figures(self, metric: str = "") -> dict[str, float]:
        """Return each sample by its name and labels, as `requests_total{request,accepted}`, or
        those of one metric.
        """
        found = {
            sample.name.removeprefix("keyturn_")
            + f"{{{','.join(sample.labels.values())}}}".replace("{}", ""): sample.value
            for family in text_string_to_metric_families(await self.metrics())
            for sample in family.samples
        }
        start = f"{metric}{{"
        return (
            {name[len(start) : -1]: found[name] for name in found if name.startswith(start)}
            if metric
            else found
        )

    async def purge(self) -> None:
        await self.container.retention.purge(now())

    async def dump(self) -> list[tuple[str, bytes]]:
        """Return each value in the database with its place, as its thief reads it."""
        tables, cells = MetaData(), list[tuple[str, bytes]]()
        async with connected(self.container.database) as connection:
            await connection.run_sync(tables.reflect)
            for table in tables.sorted_tables:
                for row in (await connection.execute(select(table))).mappings():
                    cells += [
                        (f"{table.name}.{name}", _as_bytes(value)) for name, value in row.items()
                    ]
        return cells

    async def finish_changes(self) -> None:
        """Wait for changes whose clients are gone, as the service does before it stops."""
        await self.container.changes.close()

    async def sessions(self) -> int:
        """Return how many sessions there are in Keyturn's own table."""
        (row,) = await self.rows(select(func.count().label("open")).select_from(SessionRow))
        return int(row["open"])

    async def prolong_sessions(self, **time: float) -> None:
        """Let all sessions end so much later than now, in Keyturn's own table."""
        await self.write(update(SessionRow).values(expires_at=self.now() + timedelta(**time)))

    async def rows(self, query: Executable) -> Sequence[Mapping[str, Any]]:
        async with connected(self.container.database) as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def write(self, statement: Executable) -> None:
        """Change the database as time or another program does, without the service."""
        async with committing(self.container.database) as connection:
            await connection.execute(statement)


Start = Callable[..., Awaitable[Service]]
"""Starts a service on the test's database, which stops at the end of the test.

`working`: whether its worker runs. `inbox`: where its mails arrive, by default an inbox of its own.
`people`: the accounts that are there, by their addresses, unless `store` holds others.
`prepare`: what happens to the service before the test. All else: the settings that differ from
`settings_for`.
"""


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    worker: bool = False,
    inbox: Inbox | None = None,
    accounts: AccountStore | None = None,
    clock: MovableClock | None = None,
    sends: bool = False,
) -> AsyncIterator[Service]:
    """Start a service.

    Several in one test share a `clock`. `sends`: through the provider of the settings.
    """
    inbox = inbox or Inbox()
    sender = sender_for(settings.mail.transport, settings) if sends else inbox
    async with service(
        settings, worker=worker, clock=clock, sender=sender, accounts=accounts
    ) as one:
        yield Service(one, inbox)


def _as_bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


@cache
def hash_of(password: str, cost: int = CHEAPEST) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()
