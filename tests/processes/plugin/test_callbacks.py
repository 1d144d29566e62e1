"""Functions of the app's: called after an event, at least once; one may refuse a reset before the link is used up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from tests.driver.connections import committing, connected
from tests.driver.inbox import token_in
from tests.driver.service import ADA, NEW_PASSWORD, problem
from tests.driver.visitor import form_token
from tests.processes.plugin.documented import block
from tests.processes.plugin.host import REQUEST, RESET, Host, fits, keyturn_settings
from tests.servers.databases import ON_SQLITE

from keyturn import (
    AccountSecured,
    Event,
    KeyturnConfig,
    KeyturnPlugin,
    PasswordChanged,
    PasswordResetRequested,
    PendingReset,
)
from keyturn.errors import SettingsInvalid
from keyturn.service.clock import now
from keyturn.service.database.migrations import migrate
from keyturn.service.outbox.models import OutboxRow

pytestmark = pytest.mark.long

SECURE = "/account/api/auth/secure-account"


class Told:
    """What the app was told. `coming` is what its function does the next times, in order."""

    def __init__(self) -> None:
        self.events: list[Event[Any]] = []
        self.coming: list[Any] = []
        self.host: Host

    async def changed(self, event: Event[PasswordChanged]) -> None:
        self.events.append(event)
        if self.coming:
            await self.coming.pop(0)()

    async def requested(self, event: Event[PasswordResetRequested]) -> None:
        await self.changed(event)  # type: ignore[arg-type]  # it is kept like the other


@asynccontextmanager
async def living(host: Host) -> AsyncIterator[None]:
    """Run an app with an account."""
    await migrate(host.parts.database)
    async with host.running():
        await host.add()
        yield


@pytest.fixture
async def told(empty_url: str) -> AsyncIterator[Told]:
    """Run an app that wants to be told."""
    told = Told()
    told.host = Host(empty_url, on_password_changed=told.changed, on_password_reset_requested=told.requested)
    async with living(told.host):
        yield told


async def link(host: Host) -> str:
    async with host.client() as client:
        assert (await client.post(REQUEST, json={"email": ADA})).status_code == 202
    await host.parts.worker.drain()
    return token_in(host.inbox.sent_to(ADA, "password_reset")[-1])


async def reset_with(host: Host, token: str) -> str:
    async with host.client() as client:
        return problem(await client.post(RESET, json={"token": token, "newPassword": NEW_PASSWORD}))


async def reset(host: Host) -> None:
    assert await reset_with(host, await link(host)) == "200"


async def states(host: Host) -> list[tuple[str, str, str | None]]:
    async with connected(host.parts.database) as connection:
        rows = await connection.execute(
            select(OutboxRow.kind, OutboxRow.state, OutboxRow.reason)
            .where(OutboxRow.kind.like("callback_%"))
            .order_by(OutboxRow.id)
        )
        return [(kind, state, reason) for kind, state, reason in rows]


async def deliver_again(host: Host) -> None:
    """Work everything off, as if every pause were over."""
    async with committing(host.parts.database) as connection:
        await connection.execute(update(OutboxRow).values(available_at=now()))
    await host.parts.worker.drain()


async def test_the_app_is_told_of_a_request_and_of_the_change_after_it_was_committed(told: Told) -> None:
    found: list[bool] = []

    async def nothing() -> None:
        pass

    async def look() -> None:
        found.append(await fits(told.host, NEW_PASSWORD))

    told.coming += [nothing, look]
    await reset(told.host)
    await told.host.parts.worker.drain()

    asked, changed = told.events
    assert (asked.type, asked.data.email, asked.data.outcome) == ("password.reset_requested", ADA, "link_mailed")
    assert (changed.type, changed.data.how, changed.data.ip_address) == ("password.changed", "reset", "198.18.0.1")
    assert UUID(changed.data.account_id) == (await told.host.user()).id
    assert found == [True]
    await deliver_again(told.host)
    assert len(told.events) == 2


@ON_SQLITE
async def test_a_callback_that_raises_is_called_again_and_holds_up_neither_answer_nor_mail(told: Told) -> None:
    async def fail() -> None:
        raise LookupError("the app's own fault")

    told.coming += [fail] * 20  # more than a slow machine can retry meanwhile
    await reset(told.host)
    await told.host.parts.worker.drain()
    assert told.host.inbox.sent_to(ADA, "password_changed")
    assert [state for _, state, _ in await states(told.host)] == ["waiting", "waiting"]

    told.coming.clear()
    await deliver_again(told.host)
    assert [(state, reason) for _, state, reason in await states(told.host)] == [("sent", None)] * 2
    for kind in ("password.reset_requested", "password.changed"):
        first, *again = (event for event in told.events if event.type == kind)
        assert again
        assert all(event == first for event in again)


async def test_the_documented_function_is_told_whose_sessions_end() -> None:
    ended: list[str] = []

    class Redis:
        async def delete(self, key: str) -> None:
            ended.append(key)

    names: dict[str, Any] = {"Event": Event, "PasswordChanged": PasswordChanged, "redis": Redis()}
    exec(block("python", "async def end_sessions").partition("\n\n\n")[0], names)  # noqa: S102 - as it stands in the documentation
    changed = PasswordChanged(
        account_id="7", email=ADA, kind="", ip_address="", user_agent="", request_id="", how="reset"
    )
    await names["end_sessions"](Event(type="password.changed", timestamp=now(), data=changed))
    assert ended == ["sessions:7"]


@pytest.mark.parametrize("name", ["on_password_changed", "on_password_reset_requested", "before_reset"])
def test_a_function_that_would_hold_the_event_loop_is_refused(name: str) -> None:
    def blocks(_: Event[Any]) -> None: ...

    with pytest.raises(SettingsInvalid, match=f"{name}: must be an async function"):
        KeyturnPlugin(KeyturnConfig(keyturn_settings(), **{name: blocks}))  # type: ignore[arg-type]


@ON_SQLITE
async def test_the_app_is_told_of_a_secured_account(empty_url: str) -> None:
    secured: list[Event[AccountSecured]] = []

    async def note(event: Event[AccountSecured]) -> None:
        secured.append(event)

    host = Host(empty_url, on_account_secured=note)
    async with living(host):
        await reset(host)
        await host.parts.worker.drain()
        token = token_in(host.inbox.sent_to(ADA, "password_changed")[-1])
        async with host.client() as client:
            assert (await client.post(SECURE, json={"token": token})).is_success
        await host.parts.worker.drain()

    assert [event.data.email for event in secured] == [ADA]


# before_reset

SENTENCE = "Your account is being examined. Please call us."


class App:
    """What the app's function does next, once, and what it was asked. It agrees to all else."""

    def __init__(self, url: str) -> None:
        self.asked: list[PendingReset] = []
        self.next: Any = None
        self.host = Host(url, settings=keyturn_settings(), before_reset=self.before_reset)

    async def before_reset(self, reset: PendingReset) -> Any:
        self.asked.append(reset)
        answer, self.next = self.next, None
        if answer is ZeroDivisionError:
            raise ZeroDivisionError("hunter2")
        if answer is asyncio.Event:
            await asyncio.Event().wait()
        return answer


@pytest.fixture
async def app(empty_url: str) -> AsyncIterator[App]:
    app = App(empty_url)
    async with living(app.host):
        yield app


@ON_SQLITE
async def test_a_refusal_is_told_by_the_api_and_by_a_page_and_the_link_lives(app: App) -> None:
    token = await link(app.host)
    async with app.host.client(headers={"Accept-Language": "de"}) as client:
        app.next = f"  {SENTENCE}\n"
        answer = await client.post(RESET, json={"token": token, "newPassword": NEW_PASSWORD})
        assert (problem(answer), answer.json()["detail"]) == ("403 reset-refused", SENTENCE)
    assert await reset_with(app.host, "x" * 43) == "400 link-dead"
    (pending,) = app.asked
    assert (pending.email, pending.languages) == (ADA, "de")
    assert NEW_PASSWORD not in repr(pending)
    assert token not in repr(pending)

    async with app.host.client(follow_redirects=True) as client:
        app.next = SENTENCE
        page = "/account/reset-password"
        csrf = form_token(await client.get(f"{page}/{token}"))
        fields = {"_csrf_token": csrf, "email": ADA, "password": NEW_PASSWORD, "again": NEW_PASSWORD}
        answer = await client.post(page, data=fields)
        assert (answer.status_code, SENTENCE in answer.text) == (403, True)
    assert await reset_with(app.host, token) == "200"


@ON_SQLITE
@pytest.mark.parametrize("fault", [ZeroDivisionError, asyncio.Event, True], ids=["fails", "hangs", "answers True"])
async def test_a_fault_is_no_yes_and_the_link_lives(app: App, fault: object, caplog: pytest.LogCaptureFixture) -> None:
    token = await link(app.host)
    app.next = fault
    async with app.host.client() as client:
        answer = await client.post(RESET, json={"token": token, "newPassword": NEW_PASSWORD})

    assert problem(answer) == "503 unavailable"
    assert "hunter2" not in answer.text
    assert await reset_with(app.host, token) == "200"
    assert any("hook.failed" in record.getMessage() for record in caplog.records)
