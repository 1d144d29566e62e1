"""Builds programs and runs each once through a short story, so that worlds find all that is compiled at first use."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from itertools import count
from pathlib import Path
from random import Random

from tests.driver.journal import ADA, BEA, CARL, FILE, GRACE, NOBODY, PASSWORD
from tests.driver.programs import Program
from tests.worlds.simulation import users
from tests.worlds.simulation.disk import Disk
from tests.worlds.simulation.loop import SimulatedLoop
from tests.worlds.simulation.machine import API, FIRST, SECOND, SETTINGS, WORKER
from tests.worlds.simulation.nature import Nature
from tests.worlds.simulation.provider import Line, Moods, Provider
from tests.worlds.simulation.requests import Request, exchange
from tests.worlds.simulation.story import Story

from keyturn import AccountStore, Sender
from keyturn.testing import RunningService, service

Programs = dict[str, list[Program]]
"""Programs that a world may start, by their kind."""


class Workshop:
    """Builds programs on a `template` of the database, which it throws away.

    `senders`: what is at the ends of the programs' lines to providers.
    """

    def __init__(self, template: bytes, senders: dict[str, Sender]) -> None:
        self._template = template
        self._senders = senders

    def build(self, apis: int, workers: int, accounts: AccountStore | None = None) -> Programs:
        """Return programs that are stopped. `accounts`: of another system, instead of those in Keyturn's own table."""
        pairs = [self._build_two(f"198.18.{number}", accounts) for number in range(max(apis, workers))]
        return {API: [api for api, _ in pairs[:apis]], WORKER: [worker for _, worker in pairs[:workers]]}

    def _build_two(self, network: str, accounts: AccountStore | None) -> tuple[Program, Program]:
        """Return an API server and a worker, which have run through the story together."""
        random, story = Random(network), Story()
        disk = Disk.now = Disk(random, story)
        loop = SimulatedLoop(random, disk.do, disk.delay)
        nature = Nature(loop, random)
        provider = Provider(FIRST, random, story, nature, lambda _: None)
        self._senders[FIRST] = provider
        Path(FILE).write_bytes(self._template)
        two: tuple[Program, Program] = loop.run_until(
            loop.create_task(self._start_and_tell(nature, provider, network, accounts))
        )
        for file in Path().glob(f"{FILE}*"):
            file.unlink()
        return two

    async def _start_and_tell(
        self, nature: Nature, provider: Provider, network: str, accounts: AccountStore | None
    ) -> tuple[Program, Program]:
        def start() -> AbstractAsyncContextManager[RunningService]:
            return service(
                SETTINGS,
                clock=nature,
                random=nature.random_bytes,
                sender=Line(FIRST, self._senders),
                fallback=Line(SECOND, self._senders),
                accounts=accounts,
            )

        async with start() as api, start() as worker:
            two = Program(api), Program(worker)
            await _tell(api, worker, provider, network, signs_in=accounts is None)
            await two[1].purge()
        return two


async def _tell(
    server: RunningService, worker: RunningService, provider: Provider, network: str, *, signs_in: bool
) -> None:
    mails = provider.mails

    async def call(path: str, method: str = "POST", cookies: dict[str, str] | None = None, **fields: str) -> None:
        request = Request(
            path=path, fields=fields, ip_address=next(addresses), agent="warm", method=method, cookies=cookies or {}
        )
        answer = await exchange(server.app, request)
        jar.update(answer.cookies)

    addresses = (f"{network}.{number}" for number in count(1))
    jar: dict[str, str] = {}
    if signs_in:
        await call(users.LOGIN, email=BEA, password=PASSWORD)
        await call(users.ME, "GET", dict(jar))
        await call(users.CHANGE, "POST", dict(jar), currentPassword=PASSWORD, newPassword="forty calm ferries 17")
    for email in (ADA, GRACE, NOBODY):
        await call(users.ASK, email=email)
    await worker.deliver()
    await asyncio.sleep(1)
    token = next(link for mail in mails if (link := users.link_in(mail.email)))
    await call(users.CHECK, token=token)
    await call(users.RESET, token=token, newPassword="eleven loud lighthouses")
    await call(users.RESET, token=token, newPassword="eleven loud lighthouses")
    await worker.deliver()
    await asyncio.sleep(1)
    secured = next(link for mail in mails if (link := users.secure_link_in(mail.email)))
    await call(users.SECURE, token=secured)
    await worker.deliver()
    for event in ("delivered", "bounced"):
        body, headers = users.report(mails[0], event, int(time.time()))
        await exchange(
            server.app,
            Request(path=users.WEBHOOK, fields={}, ip_address=next(addresses), agent="warm", raw=body, headers=headers),
        )
    for email, moods in ((CARL, Moods(unreached=1.0)), (BEA, Moods(quota=1.0))):
        provider.moods = moods
        await call(users.ASK, email=email)
        await worker.deliver()
