"""Runs every program once through a short story, so that worlds find all that is compiled at first use."""

import asyncio
import time
from itertools import count
from pathlib import Path
from random import Random

from tests.simulation import users
from tests.simulation.disk import Disk
from tests.simulation.loop import SimulatedLoop
from tests.simulation.machine import FIRST, Program
from tests.simulation.nature import Nature
from tests.simulation.provider import Moods, Provider
from tests.simulation.requests import Request, exchange
from tests.simulation.story import Story
from tests.simulation.template import ADA, BEA, CARL, FILE, GRACE, NOBODY, PASSWORD

from keyturn.service.clock import now


def warm(programs: list[Program], template: bytes, providers: list[Provider]) -> None:
    """Run the story with each server and each worker, on a database that is thrown away."""
    servers = [one for one in programs if one.app]
    for number, worker in enumerate(one for one in programs if not one.app):
        _run(servers[number % len(servers)], worker, template, providers, f"198.18.{number}")
        for file in Path().glob(f"{FILE}*"):
            file.unlink()


def _run(server: Program, worker: Program, template: bytes, providers: list[Provider], network: str) -> None:
    random, story = Random(0), Story()
    disk = Disk.now = Disk(random, story)
    loop = SimulatedLoop(random, disk.do, disk.delay)
    providers[:] = [Provider(FIRST, random, story, Nature(loop, random), lambda _: None)]
    Path(FILE).write_bytes(template)
    loop.run_until(loop.create_task(_tell(server, worker, providers[0], network)))


async def _tell(server: Program, worker: Program, provider: Provider, network: str) -> None:
    assert server.app
    app, mails = server.app, provider.mails

    async def call(path: str, method: str = "POST", cookies: dict[str, str] | None = None, **fields: str) -> None:
        request = Request(
            path=path, fields=fields, ip_address=next(addresses), agent="warm", method=method, cookies=cookies or {}
        )
        answer = await exchange(app, request)
        jar.update(answer.cookies)

    addresses = (f"{network}.{number}" for number in count(1))
    jar: dict[str, str] = {}
    if server.parts.sign_ins:
        await call(users.LOGIN, email=BEA, password=PASSWORD)
        await call(users.ME, "GET", dict(jar))
        await call(users.CHANGE, "POST", dict(jar), currentPassword=PASSWORD, newPassword="forty calm ferries 17")
    for email in (ADA, GRACE, NOBODY):
        await call(users.ASK, email=email)
    await worker.parts.relay.drain()
    await asyncio.sleep(1)
    token = next(link for mail in mails if (link := users.link_in(mail.email)))
    await call(users.CHECK, token=token)
    await call(users.RESET, token=token, newPassword="eleven loud lighthouses")
    await call(users.RESET, token=token, newPassword="eleven loud lighthouses")
    await worker.parts.relay.drain()
    await asyncio.sleep(1)
    secured = next(link for mail in mails if (link := users.secure_link_in(mail.email)))
    await call(users.SECURE, token=secured)
    await worker.parts.relay.drain()
    for event in ("delivered", "bounced"):
        body, headers = users.report(mails[0], event, int(time.time()))
        await exchange(
            app,
            Request(path=users.WEBHOOK, fields={}, ip_address=next(addresses), agent="warm", raw=body, headers=headers),
        )
    for email, moods in ((CARL, Moods(unreached=1.0)), (BEA, Moods(quota=1.0))):
        provider.moods = moods
        await call(users.ASK, email=email)
        await worker.parts.relay.drain()
    await worker.parts.retention.purge(now())
    for program in (server, worker):
        await program.parts.close()
