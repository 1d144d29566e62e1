"""The programs of a machine, built and warmed by a short story before worlds are forked off: one
for each start.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from tests.driver.journal import ADA, BEA, CARL, FILE, GRACE, NOBODY, PASSWORD
from tests.worlds.simulation import users
from tests.worlds.simulation.disk import Disk
from tests.worlds.simulation.loop import Nature, SimulatedLoop, Story
from tests.worlds.simulation.provider import FIRST, SECOND, Moods, Provider
from tests.worlds.simulation.world import API, WORKER, Programs, Request, exchange

from keyturn import AccountStore
from keyturn.testing import RunningService, service

COOLDOWN = timedelta(seconds=60)
MAILS_A_DAY = 5
REQUESTS = 3
"""Requests that an IP address may make at once, and in each minute."""

SETTINGS: Mapping[str, Any] = {
    "secret_key": "0123456789abcdef" * 4,
    "database": {"url": f"sqlite:///{FILE}"},
    "hashing": {"workers": 2},
    "mail": {"transport": FIRST, "fallback": SECOND},
    "brand": {"name": "Northwind School", "support_address": "help@northwind.example"},
    "token": {"ttl": users.LINK_LIFE},
    "limits": {
        "request": f"{REQUESTS}/minute",
        "mailbox_cooldown": COOLDOWN,
        "mailbox_daily": MAILS_A_DAY,
        "in_memory": True,
    },
    "resend": {"webhook_secret": users.REPORTS},
}
"""The settings of all programs: the defaults, but with shorter times and the cheapest hash."""


def build(
    template: bytes,
    providers: Sequence[Provider],
    *,
    apis: int,
    workers: int,
    accounts: AccountStore | None = None,
) -> Programs:
    """Return programs that are stopped, which ran on a `template`.

    `accounts`: of another system, if not Keyturn's.
    """
    pairs = [
        _pair(template, providers, f"198.18.{number}", accounts)
        for number in range(max(apis, workers))
    ]
    return {
        API: [api for api, _ in pairs[:apis]],
        WORKER: [worker for _, worker in pairs[:workers]],
    }


def _pair(
    template: bytes, providers: Sequence[Provider], network: str, accounts: AccountStore | None
) -> tuple[RunningService, RunningService]:
    """Return an API server and a worker, which have run through the story together."""
    random, story = Random(network), Story()
    disk = Disk.now = Disk(random, story)
    loop = SimulatedLoop(random, disk.do, disk.delay)
    nature = Nature(loop, random)
    providers[0].begin(random, story, nature, lambda _: None)
    Path(FILE).write_bytes(template)

    async def start_and_tell() -> tuple[RunningService, RunningService]:
        first, second = providers
        given: Any = {"sender": first, "fallback": second, "accounts": accounts}
        clock: Any = {"clock": nature, "random": nature.random_bytes}
        async with (
            service(SETTINGS, **clock, **given) as api,
            service(SETTINGS, **clock, **given) as worker,
        ):
            await _tell(api, worker, first, network, signs_in=accounts is None)
            await worker.container.retention.purge(datetime.fromtimestamp(nature.unix(), UTC))
        return api, worker

    pair: tuple[RunningService, RunningService] = loop.run_until(loop.create_task(start_and_tell()))
    for file in Path().glob(f"{FILE}*"):
        file.unlink()
    return pair


async def _tell(
    server: RunningService,
    worker: RunningService,
    provider: Provider,
    network: str,
    *,
    signs_in: bool,
) -> None:
    addresses = (f"{network}.{number}" for number in count(1))
    jar: dict[str, str] = {}

    async def call(path: str, method: str = "POST", **fields: str) -> None:
        more: Any = {"cookies": dict(jar)} if path in {users.ME, users.CHANGE} else {}
        request = Request(
            path=path,
            fields=fields,
            ip_address=next(addresses),
            agent="warm",
            method=method,
            **more,
        )
        jar.update((await exchange(server.app, request)).cookies)

    async def deliver() -> None:
        await worker.deliver()
        await asyncio.sleep(1)

    if signs_in:
        await call(users.LOGIN, email=BEA, password=PASSWORD)
        await call(users.ME, "GET")
        await call(users.CHANGE, currentPassword=PASSWORD, newPassword="forty calm ferries 17")
    for email in (ADA, GRACE, NOBODY):
        await call(users.ASK, email=email)
    await deliver()
    token = next(link for mail in provider.mails if (link := users.link_in(mail.email)))
    await call(users.CHECK, token=token)
    for _ in range(2):
        await call(users.RESET, token=token, newPassword="eleven loud lighthouses")
    await deliver()
    await call(
        users.SECURE,
        token=next(link for mail in provider.mails if (link := users.button_in(mail.email))),
    )
    await worker.deliver()
    for event in ("delivered", "bounced"):
        body, headers = users.report(provider.mails[0], event, int(time.time()))
        report = Request(
            path=users.WEBHOOK,
            fields={},
            ip_address=next(addresses),
            agent="warm",
            raw=body,
            headers=headers,
        )
        await exchange(server.app, report)
    for email, moods in ((CARL, Moods(unreached=1.0)), (BEA, Moods(quota=1.0))):
        provider.moods = moods
        await call(users.ASK, email=email)
        await worker.deliver()
