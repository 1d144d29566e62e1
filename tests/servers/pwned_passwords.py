"""A local server of Have I Been Pwned's range protocol; contracts/test_unknown_answers.py has its
faults.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha1
from typing import Any

from tests.servers.serving import send_answer, serving_here, until_gone

OTHERS = 800
TEXT = {"content-type": "text/plain"}


def sha1_of(password: str) -> str:
    return sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


class RangeServer:
    """The server.

    `leaked` holds the count of each password, `asked` the path and headers of each request.

    `held`: the next request waits for it, and no later one. While it `is_silent`, clients leave
    without an answer.
    """

    def __init__(self) -> None:
        self.url = ""
        self.leaked: dict[str, int] = {}
        self.is_silent = False
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.held: asyncio.Event | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.asked.append((scope["path"], headers))
        prefix = scope["path"].removeprefix("/range/")
        if self.is_silent:
            await until_gone(receive)
            return
        if held := self.held:
            self.held = None
            await held.wait()
        await send_answer(send, 200, self._range(prefix), TEXT)

    def _range(self, prefix: str) -> bytes:
        """Return the lines in the service's format: 35 digits, a count, CRLF.

        Padding has the count 0.
        """
        others = random.Random(prefix)
        lines = [f"{others.getrandbits(140):035X}:{count % 5}" for count in range(OTHERS)]
        found = {sha1_of(password): count for password, count in self.leaked.items()}
        lines += [
            f"{digest[5:]}:{count}" for digest, count in found.items() if digest.startswith(prefix)
        ]
        return "\r\n".join(sorted(lines)).encode()


@asynccontextmanager
async def running_ranges() -> AsyncIterator[RangeServer]:
    server = RangeServer()
    async with serving_here(server) as server.url:
        yield server
