"""A storm: people ask and reset while processes are killed and the provider misbehaves."""

import asyncio
import json
import os
import random
import re
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2
from tests.driver.beside import Beside
from tests.servers.mail_providers.answers import PROXY_PAGE, RATE_LIMITED, Answer, Trouble, refusal
from tests.servers.mail_providers.resend import ResendServer
from tests.worlds.chaos.processes import Process

SECONDS = float(os.environ.get("STORM_SECONDS", "5"))
SETTLING = 90
PASSWORD = "a longer horse, and another battery"
_LINK = re.compile(r"/reset-password/([\w-]{43})")

TROUBLES: Sequence[Answer | Trouble | None] = (
    *[None] * 6,
    Trouble.DROP,
    Trouble.DROP_AFTER_ACCEPTING,
    Trouble.DROP_AFTER_ACCEPTING,
    Trouble.STALL_AFTER_ACCEPTING,
    refusal(500, "internal_server_error"),
    PROXY_PAGE,
    RATE_LIMITED,
)


class Weather(deque[Answer | Trouble]):
    """What happens to the next request, until it is calm: mostly nothing."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self.calm = False

    def __bool__(self) -> bool:
        return not self.calm

    def popleft(self) -> Any:
        return self._chance.choice(TROUBLES)


class Storm:
    """`api`: where people go. `requested`, `reset`: who was answered, and whose password was set."""

    api: Process

    def __init__(self, resend: ResendServer, url: str, chance: random.Random) -> None:
        self.resend = resend
        self.database = Beside(url)
        self.chance = chance
        self.requested: list[str] = []
        self.reset: list[str] = []
        self.statuses = Counter[int]()
        self._weather = Weather(chance)
        resend.coming = self._weather

    async def add_accounts(self, count: int) -> list[str]:
        emails = [f"person{number}@example.test" for number in range(count)]
        await self.database.add_accounts(emails)
        return emails

    async def people(self, emails: Sequence[str], seconds: float = SECONDS) -> None:
        """Let each person ask once, and use the link once it has come. The faults end with the last request."""
        async with httpx2.AsyncClient(timeout=30) as client, asyncio.TaskGroup() as group:
            group.create_task(self._clear_up(seconds))
            for email in emails:
                group.create_task(self._person(client, email, self.chance.uniform(0, seconds)))

    async def _clear_up(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._weather.calm = True

    async def _person(self, client: httpx2.AsyncClient, email: str, pause: float) -> None:
        await asyncio.sleep(pause)
        if await self._post(client, "request-password-reset", {"email": email}) != 202:
            return
        self.requested.append(email)
        token = await self._token(email)
        status = None
        while token and status not in {200, 400}:  # a link works once, so what got no answer may be tried again
            status = await self._post(client, "reset-password", {"token": token, "password": PASSWORD})
            await asyncio.sleep(0.1)
        if token:
            self.reset.append(email)

    async def _post(self, client: httpx2.AsyncClient, path: str, body: Mapping[str, str]) -> int | None:
        try:
            answer = await client.post(f"{self.api.url}/api/auth/{path}", json=body)
        except httpx2.ConnectError:  # nobody heard it, so it may be said again
            await asyncio.sleep(0.2)
            return await self._post(client, path, body)
        except httpx2.HTTPError:
            return None
        self.statuses[answer.status_code] += 1
        return answer.status_code

    async def _token(self, email: str) -> str | None:
        for _ in range(600):
            if mails := self.mails_to(email):
                found = _LINK.search(mails[0]["text"])
                assert found
                return found[1]
            await asyncio.sleep(0.1)
        return None

    def mails_to(self, email: str, template: str = "password_reset") -> list[Mapping[str, Any]]:
        tag = {"name": "template", "value": template}
        return [
            mail.fields for mail in self.resend.accepted if email in mail.fields["to"] and tag in mail.fields["tags"]
        ]

    async def end(self) -> None:
        async with asyncio.timeout(SETTLING):
            while await self.database.waiting():
                await asyncio.sleep(0.1)
        assert self.requested, f"nothing was accepted: {self.statuses}"
        for email in self.requested:
            assert len(self.mails_to(email)) == 1, email
        for email in self.reset:
            assert len(self.mails_to(email, "password_changed")) == 1, email
        twice = Counter(json.dumps([mail.fields["to"], mail.fields["subject"]]) for mail in self.resend.accepted)
        assert not [mail for mail, count in twice.items() if count > 1]
        assert await self.database.sealed_mails() == 0
        await self.database.close()
