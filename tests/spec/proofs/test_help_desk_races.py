"""The help desk's code is accepted while something of the lost mailbox is still under way."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text, update
from tests.spec.elsewhere import Elsewhere
from tests.spec.inbox import TOKEN, Inbox, token_in
from tests.spec.proofs.test_help_desk import NO_COOLDOWN, opened, read_out, redeemed, send, stop, trail
from tests.spec.service import ADA, NEW_PASSWORD, Service, Start, problem

from keyturn.accounts.port import Account
from keyturn.database import now
from keyturn.errors import SendRetryable
from keyturn.outbox.models import OutboxRow
from keyturn.reset.records.mailboxes import Mailboxes
from keyturn.reset.records.models import ResetTokenRow
from keyturn.settings import HelpDeskSettings, HookSettings, Secret, SecureAccountSettings

pytestmark = pytest.mark.any_database

DESK = HelpDeskSettings(enabled=True)
SECURE = "/api/auth/secure-account"
OLD, NEW = Secret("0123456789abcdef" * 4), Secret("fedcba9876543210" * 4)


class Gate:
    """Where something waits: `reached` once it has arrived, until `open`."""

    def __init__(self) -> None:
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    async def pass_through(self) -> None:
        self.reached.set()
        await self.open.wait()


gates: list[Gate] = []


async def locate_later(_: str, __: str) -> str:
    for gate in gates:
        await gate.pass_through()
    return ""


# A reset that another system is being asked for


async def under_way(start: Start) -> tuple[Service, Elsewhere, "asyncio.Task[Any]"]:
    """Return a service whose store is being asked for a thief's password."""
    store = Elsewhere(Account(id="u-1", email=ADA, name="Ada"))
    service = await start(store=store, help_desk=DESK, limits=NO_COOLDOWN)
    link = await service.link()
    store.open.clear()
    task = asyncio.create_task(service.reset(link, "the thief was here"))
    await store.reached.wait()
    return service, store, task


async def test_a_reset_that_another_system_ends_after_the_code_ends_no_link_of_the_code(start: Start) -> None:
    service, store, thief = await under_way(start)
    token = await redeemed(service)
    store.open.set()

    assert problem(await thief) == "200"
    assert problem(await service.reset(token)) == "200"
    assert store.passwords == {"u-1": NEW_PASSWORD}


async def test_nor_does_one_whose_answer_is_lost(start: Start) -> None:
    service, store, thief = await under_way(start)
    token = await redeemed(service)
    store.losses = [OSError("the answer was lost")]
    store.open.set()

    assert problem(await thief) == "504 outcome-unknown"
    await service.deliver()
    assert await service.works(token)


async def test_nor_does_one_whose_process_died_or_stalled(start: Start) -> None:
    service, store, thief = await under_way(start)
    token = await redeemed(service)
    await service.write(update(OutboxRow).where(OutboxRow.kind == "change_begun").values(available_at=now()))
    await service.deliver()
    assert "password_reset interrupted" in await trail(service)
    assert await service.works(token)

    store.open.set()
    await thief
    assert await service.works(token)


async def test_a_later_code_of_the_help_desk_survives_a_reset_by_an_earlier_one(start: Start) -> None:
    service, store, _ = await under_way(start)
    store.open.set()
    first = await redeemed(service)
    store.reached.clear()
    store.open.clear()
    await service.write(text("UPDATE keyturn_turns SET until = :now").bindparams(now=now().replace(year=2001)))
    impostor = asyncio.create_task(service.reset(first, "the impostor was here"))
    await store.reached.wait()
    second = await redeemed(service)
    store.open.set()

    assert problem(await impostor) == "200"
    assert await service.works(second)


# A mail that the worker writes


async def test_a_confirmation_that_is_being_written_has_no_button(start: Start) -> None:
    service = await start(
        help_desk=DESK, limits=NO_COOLDOWN, hooks=HookSettings(locate=f"{__name__}:{locate_later.__name__}")
    )
    await service.reset(await service.link(), "the thief was here")
    gate = Gate()
    gates.append(gate)
    try:
        delivering = asyncio.create_task(service.deliver())
        await gate.reached.wait()
        await send(service.anywhere(), await read_out(service))
        gate.open.set()
        await delivering
    finally:
        gates.clear()
    await service.deliver()

    (mail,) = service.inbox.sent_to(ADA, "password_changed")
    assert TOKEN.findall(mail.text) == []


async def make_due(service: Service) -> None:
    await service.write(update(OutboxRow).where(OutboxRow.settled_at.is_(None)).values(available_at=now()))


async def renewing(start: Start) -> tuple[Service, Inbox]:
    """Return a service with a mail whose link has expired before the provider took it."""
    service = await start(help_desk=DESK, limits=NO_COOLDOWN)
    service.inbox.failures.append(SendRetryable("down", not_accepted=True))
    await service.ask()
    await service.deliver()
    await service.write(update(ResetTokenRow).values(expires_at=now()))
    await make_due(service)
    return service, service.inbox


async def securing(start: Start) -> tuple[Service, Inbox]:
    """Return a service with a press of "this was not me" that waits for the worker."""
    service = await start(help_desk=DESK, limits=NO_COOLDOWN)
    await service.reset(await service.link(), "the thief was here")
    await service.deliver()
    button = token_in(service.inbox.sent_to(ADA, "password_changed")[-1])
    await service.anywhere().post(SECURE, json={"token": button})
    service.inbox.mails.clear()
    return service, service.inbox


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
@pytest.mark.parametrize("prepared", [renewing, securing])
async def test_a_link_that_is_being_written_ends_with_the_code(
    start: Start, prepared: Callable[[Start], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    service, inbox = await prepared(start)
    code = await read_out(service)
    refuses, waiting = Mailboxes.refuses_links, text("SELECT 1 FROM pg_locks WHERE NOT granted")
    database = service.parts.database

    def decide_and_wait(mailboxes: Mailboxes, *given: Any) -> Any:
        decided = refuses(mailboxes, *given)
        database.hold(mailboxes.connection, "may go on")
        return decided

    async def wait_for(count: int, ended: "asyncio.Task[Any]") -> None:
        async with asyncio.timeout(20):
            while len(await service.rows(waiting)) < count and not ended.done():
                pass

    monkeypatch.setattr(Mailboxes, "refuses_links", decide_and_wait)
    async with database.engine.connect() as connection:
        await connection.run_sync(database.hold, "may go on")
        delivering = asyncio.create_task(service.deliver())
        await wait_for(1, delivering)  # the worker, which has seen no block
        accepting = asyncio.create_task(send(service.anywhere(), code))
        await wait_for(2, accepting)
    answer = await accepting
    await delivering

    assert problem(answer) == "200"
    assert await service.works(answer.json()["token"])
    mailed = [token for mail in inbox.sent_to(ADA, "password_reset") for token in TOKEN.findall(mail.text)]
    assert mailed
    assert not any([await service.works(token) for token in mailed])


async def test_an_account_that_a_press_locks_at_that_moment_is_unlocked(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await start(help_desk=DESK, secure_account=SecureAccountSettings(lock=True), limits=NO_COOLDOWN)
    await service.reset(await service.link(), "the thief was here")
    await service.deliver()
    button = token_in(service.inbox.sent_to(ADA, "password_changed")[-1])
    await service.anywhere().post(SECURE, json={"token": button})
    accounts: Any = service.parts.accounts
    lock = accounts.lock

    async def lock_later(account_id: str) -> bool:
        await service.reset(await redeemed(service))
        return bool(await lock(account_id))

    monkeypatch.setattr(accounts, "lock", lock_later)
    await service.deliver()
    assert await service.knows(NEW_PASSWORD)


# The secret key is replaced


async def test_the_button_works_if_the_key_is_replaced_before_the_mail_is_written(start: Start) -> None:
    service = await start(help_desk=DESK, limits=NO_COOLDOWN)
    await opened(service)
    replaced = await start(help_desk=DESK, limits=NO_COOLDOWN, secret_key=NEW, previous_secret_keys=[OLD])
    await replaced.deliver()
    (token,) = set(TOKEN.findall(replaced.inbox.sent_to(ADA, "help_requested")[-1].text))

    assert await stop(replaced, token) == "200"


async def test_a_worker_that_does_not_have_the_key_leaves_the_mail_to_one_that_has(start: Start) -> None:
    service = await start(help_desk=DESK, limits=NO_COOLDOWN, secret_key=NEW, previous_secret_keys=[OLD])
    await opened(service)
    behind = await start(help_desk=DESK, limits=NO_COOLDOWN)
    await behind.deliver()
    assert behind.inbox.mails == []

    await make_due(service)
    await service.deliver()
    (token,) = set(TOKEN.findall(service.inbox.sent_to(ADA, "help_requested")[-1].text))
    assert await stop(service, token) == "200"


# One read for a press


class Sweeping(Elsewhere):
    """Ends passkeys, too. `calls`: what was asked of it."""

    def __init__(self, *accounts: Account) -> None:
        super().__init__(*accounts)
        self.calls: list[str] = []

    async def get(self, account_id: str) -> Account | None:
        self.calls.append("get")
        return await super().get(account_id)

    async def end_sessions(self, _: str) -> None:
        self.calls.append("end_sessions")

    async def end_intrusion(self, _: str) -> None:
        self.calls.append("end_intrusion")


async def test_a_press_reads_the_account_once_before_it_acts(start: Start) -> None:
    store = Sweeping(Account(id="u-1", email=ADA, name="Ada"))
    service = await start(store=store, limits=NO_COOLDOWN)
    await service.reset(await service.link())
    await service.deliver()
    button = token_in(service.inbox.sent_to(ADA, "password_changed")[-1])
    await service.anywhere().post(SECURE, json={"token": button})
    store.calls.clear()
    await service.deliver()

    assert store.calls == ["get", "end_intrusion"]
