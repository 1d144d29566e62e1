"""A provider's rate limit, kept by all workers together; a provider that is down is left alone by
new mails.
"""

import asyncio
import time
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import pytest
from tests.contracts.mail_providers.conftest import resend_at
from tests.driver.builtin_accounts import builtin_accounts
from tests.driver.service import ADA, settings_for
from tests.driver.worker import drain
from tests.servers.mail_providers.resend import ResendServer

from keyturn.errors import SendRetryable
from keyturn.mail.providers.smtp import Smtp
from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.clock import MovableClock, replaced
from keyturn.service.container import Container
from keyturn.service.database import Database
from keyturn.service.limits import Limit, with_stored_counters
from keyturn.service.outbox.overview import read
from keyturn.service.sending.senders import LONGEST_WAIT, PAUSE, TRIAL, Breaker, Pace
from keyturn.service.settings import LimitSettings, MailSettings
from keyturn.service.settings.rates import Rate
from keyturn.service.worker_queues import build_worker

pytestmark = pytest.mark.slow

SLOW, FAST = 0.001, 1000.0
"""Calls a second."""

TEN_MINUTES = timedelta(minutes=10)


async def refused_of(turns: list[Coroutine[Any, Any, None]]) -> int:
    """Begin all turns at once, and end them when one is left that waits; return how many were told
    to come later.
    """
    waiting = {asyncio.create_task(turn) for turn in turns}
    refused = 0
    while len(waiting) > 1:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        refused += sum(isinstance(one.exception(), SendRetryable) for one in done)
    done, _ = await asyncio.wait(waiting, timeout=0.2)
    assert not done, "the last one waits"
    waiting.pop().cancel()
    return refused


async def test_all_workers_share_the_turns(database: Database, database_url: str) -> None:
    """One is there at once, one waits for nine seconds, and for all others a lease would not be
    long enough.
    """
    nine_seconds_apart, elsewhere = 1.05 / 9, Database(database_url)
    turns = [
        Pace(where, "resend", nine_seconds_apart).turn(first=False)
        for where in (database, elsewhere)
        for _ in range(4)
    ]

    assert await refused_of(turns) == 6
    await elsewhere.close()


async def test_mails_keep_to_the_rate_of_the_settings(
    database_url: str, resend: ResendServer
) -> None:
    mail, limits = (
        MailSettings(from_="accounts@northwind.test"),
        LimitSettings(mailbox_cooldown=timedelta(0)),
    )
    container = Container(
        settings_for(
            database_url, mail=mail, limits=limits, resend=resend_at(resend.url, rate=0.01)
        )
    )
    await builtin_accounts(container).add(Account(id="", email=ADA), "$2b$12$hash")
    for _ in range(2):
        await container.requests.accept(ADA, Client())
    await drain(container)

    assert len(resend.accepted) == 1
    messages = await read(container.database, most=None)
    assert {message.reason for message in messages} == {
        None,
        "too many mails wait for the provider",
    }
    await container.close()


async def test_who_would_wait_longer_than_a_lease_allows_is_told_to_come_later(
    database: Database,
) -> None:
    slow = Pace(database, "resend", SLOW)
    await slow.turn(first=False)
    with pytest.raises(SendRetryable, match="too many mails wait") as refusal:
        await slow.turn(first=False)

    assert (refusal.value.not_accepted, refusal.value.retry_after) == (True, LONGEST_WAIT)
    async with asyncio.timeout(20):
        await Pace(database, "another", SLOW).turn(first=False)


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_machine_whose_clock_is_ahead_holds_nobody(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as ahead:
        hour_ahead = time.time() + 3600
        ahead.setattr(time, "time", lambda: hour_ahead)
        await Pace(database, "resend", FAST).turn(first=False)

    async with asyncio.timeout(20):
        await Pace(database, "resend", FAST).turn(first=False)


async def test_who_is_first_in_line_waits_for_no_others_and_moves_them_back_by_a_place(
    database: Database,
) -> None:
    slow = Pace(database, "resend", SLOW)
    await slow.turn(first=False)
    before = await next_slot(database)
    async with asyncio.timeout(20):
        await slow.turn(first=True)

    assert await next_slot(database) - before == pytest.approx(
        1.05 / SLOW, abs=5
    )  # a slot, with its slack
    with pytest.raises(SendRetryable, match="too many mails wait"):
        await slow.turn(first=True)  # the second of them, at once


async def next_slot(database: Database) -> float:
    pace = Limit(Rate(1, 1), "pace", "resend")
    levels = await with_stored_counters(database, lambda counters: counters.levels(pace))
    return levels[pace]


def test_a_failing_provider_gets_one_mail_a_pause_until_it_works() -> None:
    breaker, clock = Breaker(2), MovableClock()
    breaker.count_failure()
    assert breaker.admits()
    breaker.count_success()
    breaker.count_failure()
    assert breaker.admits(), "they are not in a row"
    with replaced(clock, None):
        breaker.count_failure()
        assert not breaker.admits()
        for wait in (PAUSE, TRIAL):  # a mail that was never sent holds others up for a moment
            clock.move(timedelta(seconds=wait))
            assert [breaker.admits() for _ in range(3)] == [True, False, False]

    breaker.count_success()
    assert breaker.admits()


@pytest.mark.parametrize(
    ("transport", "fallback", "waits"),
    [("resend", "", timedelta(0)), ("smtp", "", TEN_MINUTES), ("resend", "smtp", TEN_MINUTES)],
)
@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_mails_wait_for_the_slower_provider(
    database_url: str, transport: Any, fallback: Any, waits: timedelta
) -> None:
    """The queues of mails, and no others, have time for the last answer of a mail server, also as
    the fallback.
    """
    mail = MailSettings(from_="accounts@northwind.test", transport=transport, fallback=fallback)
    smtp = Smtp(host="127.0.0.1", security="none")
    container = Container(
        settings_for(database_url, mail=mail, smtp=smtp, resend=resend_at("http://127.0.0.1"))
    )
    worker = build_worker(container)
    mails, securing, *others = worker.queues
    await worker.close()
    await container.close()

    assert mails.last_answer == waits
    assert securing.last_answer == waits
    assert {queue.last_answer for queue in others} == {timedelta(0)}
