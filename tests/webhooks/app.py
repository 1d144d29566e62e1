"""The app that is told: an endpoint that verifies with the reference library, and can be in trouble."""

import asyncio
import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, auto
from typing import Any

import msgspec
from standardwebhooks import Webhook
from tests.serving import Connections, body_of, send_answer, serving

PATH = "/webhooks/keyturn"
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
NEXT_SECRET = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="


class Answer(msgspec.Struct, frozen=True):
    """An answer with a status. `said`: its body, by default only that status."""

    status: int
    headers: Mapping[str, str] = {}
    said: Mapping[str, str] = {}


class Trouble(Enum):
    """`STALL` says nothing until the test lets it go; `ENDLESS` says 200, and then goes on and on."""

    STALL = auto()
    DROP = auto()
    ENDLESS = auto()


class Told(msgspec.Struct, frozen=True):
    """One request. `headers` are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str = SECRET) -> Any:
        """Return what it says. Raises WebhookVerificationError where the reference library does not believe it."""
        return Webhook(secret).verify(self.body, dict(self.headers))


class App:
    """`coming`: what happens to the next requests, in order. When it is empty, each gets 204."""

    def __init__(self) -> None:
        self.address = ""
        self.connections = Connections()
        self._changed = threading.Condition()
        self.forget()

    def forget(self) -> None:
        """Begin anew: told nothing, and with nothing coming."""
        self.coming: deque[Answer | Trouble] = deque()
        self.told: list[Told] = []
        self._is_patient = True
        self._stalled: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self.connections.opened = 0

    @property
    def url(self) -> str:
        return self.address + PATH

    @property
    def events(self) -> dict[str, Any]:
        """Return each event that was told, once, by its id: what an app does that knows repeats by it."""
        return {told.id: told.verified() for told in self.told}

    async def was_told(self, times: int) -> None:
        """Return once that many requests have arrived."""
        await asyncio.to_thread(self._wait_for, times)

    def let_go(self) -> None:
        """Answer what is stalled, and stall nothing any more."""
        self._is_patient = False
        for loop, released in self._stalled:
            loop.call_soon_threadsafe(released.set)

    def _wait_for(self, times: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.told) >= times, timeout=10), "it was not told within 10 s"

    def usual(self, told: Told) -> Answer | Trouble:
        """Return what happens to a request for which nothing else is coming."""
        del told
        return Answer(204)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        told = Told(scope["method"], scope["path"], headers, await body_of(receive))
        with self._changed:
            self.told.append(told)
            doing = self.coming.popleft() if self.coming else self.usual(told)
            self._changed.notify_all()
        match doing:
            case Answer() as answer:
                await _answer(send, answer)
            case Trouble.STALL:
                await self._stall(receive)
                await _answer(send, Answer(204))
            case Trouble.DROP:
                self.connections.cut(scope)
            case Trouble.ENDLESS:
                await _go_on(receive, send)

    async def _stall(self, receive: Any) -> None:
        released = asyncio.Event()
        self._stalled.append((asyncio.get_running_loop(), released))
        if not self._is_patient:
            released.set()
        ends = [asyncio.create_task(receive()), asyncio.create_task(released.wait())]  # hung up, or let go
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)


@contextmanager
def running_app() -> Iterator[App]:
    app = App()
    with serving(app, app.connections) as app.address:
        yield app


async def _answer(send: Any, answer: Answer) -> None:
    body = b"" if answer.status == 204 else json.dumps(answer.said or {"status": answer.status}).encode()
    await send_answer(send, answer.status, body, answer.headers)


async def _go_on(receive: Any, send: Any) -> None:
    gone = asyncio.create_task(receive())
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while not gone.done():
        await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        await asyncio.sleep(0)
