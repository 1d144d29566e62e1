"""A server that does what a test wants to the next requests, and what its provider's rules say to
all others.
"""

import asyncio
import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from tests.servers.mail_providers.answers import EMPTY, Answer, Request, Trouble
from tests.servers.serving import Connections, body_of, send_answer, serving


class ProviderServer:
    """`coming`: what happens to the next requests, in order.

    When it is empty, the provider's rules decide.

    `accepted`: the mails that are sent, under their ids.

    `answer` has the rules of a provider: whatever it takes, it notes.
    """

    def __init__(self) -> None:
        self.url = ""
        self.connections = Connections()
        self._changed = threading.Condition()
        self._under_way = Counter[str]()
        self.forget()

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        server = cls()
        with serving(server, server.connections) as server.url:
            yield server

    def forget(self) -> None:
        """Begin anew, once nothing is under way, with nothing coming."""
        self._wait_for(self._is_idle)
        self.coming: deque[Answer | Trouble] = deque()
        self.requests: list[Request] = []
        self.accepted: Any = {}
        self._let_go = threading.Event()
        self.connections.opened = 0

    async def arrived(self, requests: int) -> None:
        """Return once that many requests have arrived, over the server's whole life."""
        await asyncio.to_thread(self._wait_for, lambda: len(self.requests) >= requests)

    async def idle(self) -> None:
        """Return once no request is under way: a server, too, needs a moment to notice that a
        client hung up.
        """
        await asyncio.to_thread(self._wait_for, self._is_idle)

    def let_go(self) -> None:
        self._let_go.set()

    def doing(self, _: Request) -> Answer | Trouble | None:
        return self.coming.popleft() if self.coming else None

    def answer(self, request: Request) -> Answer:
        raise NotImplementedError

    def refuse_at_once(self, _: Request) -> Answer | None:
        return None

    def beside(self, request: Request) -> bool:
        """Tell whether another request of the same key is under way."""
        return self._under_way[request.key] > 1

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = await _read(scope, receive)
        with self._noted(request):
            if refused := self.refuse_at_once(request):
                await _send(send, refused)
                return
            match self.doing(request):
                case Answer() as answer:
                    await _send(send, answer)
                case Trouble.STALL:
                    if await self._is_let_go(receive):
                        await _send(send, self.answer(request))
                case Trouble.STALL_AFTER_ACCEPTING:
                    self.answer(request)
                    await receive()
                case Trouble.DROP:
                    self.connections.cut(scope)
                case Trouble.DROP_AFTER_ACCEPTING:
                    self.answer(request)
                    self.connections.cut(scope)
                case Trouble.ENDLESS:
                    await _go_on(receive, send)
                case None:
                    await _send(send, self.answer(request))

    async def _is_let_go(self, receive: Any) -> bool:
        """Return once the client hung up, or the test let it go."""
        hung_up = asyncio.create_task(receive())
        while not hung_up.done() and not self._let_go.is_set():
            await asyncio.sleep(0.01)
        return not hung_up.done()

    @contextmanager
    def _noted(self, request: Request) -> Iterator[None]:
        with self._changed:
            self.requests.append(request)
            self._under_way[request.key] += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._under_way[request.key] -= 1
                self._changed.notify_all()

    def _is_idle(self) -> bool:
        return not self._under_way.total()

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, timeout=10), "it did not happen within 10 s"


async def _read(scope: Any, receive: Any) -> Request:
    query = scope["query_string"].decode()
    target = scope["raw_path"].decode() + (f"?{query}" if query else "")
    headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
    return Request(headers, await body_of(receive), scope["method"], target)


async def _send(send: Any, answer: Answer) -> None:
    html = answer.html.encode()
    body = html or (
        b""
        if answer.status == 204 or answer.document is EMPTY
        else json.dumps(answer.document).encode()
    )
    kind = "text/html" if html else "application/json"
    await send_answer(send, answer.status, body, {"content-type": kind, **answer.headers})


async def _go_on(receive: Any, send: Any) -> None:
    gone = asyncio.create_task(receive())
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while not gone.done():
        await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        await asyncio.sleep(0)
