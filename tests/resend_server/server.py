"""A server that behaves as Resend's API does, in what it takes, refuses, remembers and does wrong.

https://resend.com/docs/api-reference/emails/send-email and https://resend.com/docs/dashboard/emails/idempotency-keys
"""

import asyncio
import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from tests.resend_server.answers import RATE_LIMITED, Answer, Mail, Request, Trouble, fault_of, refusal
from tests.serving import Connections, serving

API_KEY = "re_Keyturn_0123456789abcdefghij"
SENDING_KEY = "re_Sending_0123456789abcdefghij"
"""A key that is restricted to "sending access"."""


class ResendServer:
    """`coming` holds what happens to the next requests, in order; whoever finds it empty is treated by the rules.

    `requests_per_second` and `daily_quota` are the team's; None is no limit. `domains` are the team's too, as
    https://resend.com/docs/api-reference/domains/get-domain shows one.
    """

    def __init__(self) -> None:
        self.url = ""
        self.connections = Connections()
        self._changed = threading.Condition()
        self._under_way = Counter[str]()
        self.forget()

    def forget(self) -> None:
        """Begin anew, once nothing is under way: with no mails, no keys, no limits and nothing coming."""
        self._wait_for(self._is_idle)
        self.coming: deque[Answer | Trouble] = deque()
        self.requests: list[Request] = []
        self.accepted: list[Mail] = []
        self.domains: list[dict[str, Any]] = []
        self.connections.opened = 0
        self.requests_per_second: int | None = None
        self.daily_quota: int | None = None
        self._arrivals: deque[float] = deque()
        self._remembered: dict[str, tuple[bytes, Mail]] = {}

    async def arrived(self, requests: int) -> None:
        """Return once that many requests have arrived, over the server's whole life."""
        await asyncio.to_thread(self._wait_for, lambda: len(self.requests) >= requests)

    async def idle(self) -> None:
        """Return once no request is under way: a server, too, needs a moment to notice that a client hung up."""
        await asyncio.to_thread(self._wait_for, self._is_idle)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = await _read(scope, receive)
        with self._noted(request) as is_first:
            if not is_first:
                await _send(send, refusal(409, "concurrent_idempotent_requests"))
                return
            match self.coming.popleft() if self.coming else None:
                case Answer() as answer:
                    await _send(send, answer)
                case Trouble.STALL:
                    await receive()  # which returns when the client hangs up
                case Trouble.STALL_AFTER_ACCEPTING:
                    self._answer(scope, request)
                    await receive()
                case Trouble.DROP:
                    self.connections.cut(scope)
                case Trouble.DROP_AFTER_ACCEPTING:
                    self._answer(scope, request)
                    self.connections.cut(scope)
                case None:
                    await _send(send, self._answer(scope, request))

    @contextmanager
    def _noted(self, request: Request) -> Iterator[bool]:
        """Note the request while it is under way; yield whether it is the only one of its key."""
        with self._changed:
            self.requests.append(request)
            self._under_way[request.key] += 1
            is_first = not request.key or self._under_way[request.key] == 1
            self._changed.notify_all()
        try:
            yield is_first
        finally:
            with self._changed:
                self._under_way[request.key] -= 1
                self._changed.notify_all()

    def _is_idle(self) -> bool:
        return not self._under_way.total()

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, timeout=10), "it did not happen within 10 s"

    def _answer(self, scope: Any, request: Request) -> Answer:
        """Return what the rules say."""
        if not request.headers.get("user-agent"):
            return Answer(403, html="error code: 1010")
        scheme, _, api_key = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not api_key:
            return refusal(401, "missing_api_key")
        if api_key not in {API_KEY, SENDING_KEY}:
            return refusal(403, "invalid_api_key", f"API key is invalid: {api_key}")
        if not self._within_rate():
            return RATE_LIMITED
        match scope["method"], scope["path"].split("/")[1:]:
            case "POST", ["emails"]:
                return self._take(request)
            case "GET", ["domains", *path]:
                return self._tell(path) if api_key == API_KEY else refusal(401, "restricted_api_key")
            case _:
                return refusal(404, "not_found")

    def _tell(self, path: list[str]) -> Answer:
        """Return the account's domains, or one of them."""
        if not path:
            listed = [{name: domain[name] for name in ("id", "name", "status")} for domain in self.domains]
            return Answer(200, {"object": "list", "has_more": False, "data": listed})
        found = next((domain for domain in self.domains if [domain["id"]] == path), None)
        return Answer(200, found) if found else refusal(404, "not_found")

    def _take(self, request: Request) -> Answer:
        if len(request.key) > 256:
            return refusal(400, "invalid_idempotency_key")
        if request.key in self._remembered:
            body, mail = self._remembered[request.key]
            return Answer(200, {"id": mail.id}) if body == request.body else refusal(409, "invalid_idempotent_request")
        return self._accept(request)

    def _within_rate(self) -> bool:
        if self.requests_per_second is None:
            return True
        moment = time.monotonic()
        while self._arrivals and self._arrivals[0] <= moment - 1:
            self._arrivals.popleft()
        self._arrivals.append(moment)
        return len(self._arrivals) <= self.requests_per_second

    def _accept(self, request: Request) -> Answer:
        if fault := fault_of(request.fields):
            return fault
        if self.daily_quota is not None and len(self.accepted) >= self.daily_quota:
            return refusal(429, "daily_quota_exceeded")
        mail = Mail(str(uuid4()), request.key, request.fields)
        self.accepted.append(mail)
        if request.key:
            self._remembered[request.key] = (request.body, mail)
        return Answer(200, {"id": mail.id})


@contextmanager
def running_resend() -> Iterator[ResendServer]:
    """Yield a server that answers at its `url`."""
    server = ResendServer()
    with serving(server, server.connections) as server.url:
        yield server


async def _read(scope: Any, receive: Any) -> Request:
    body, more = b"", True
    while more:
        event = await receive()
        body, more = body + event.get("body", b""), event.get("more_body", False)
    return Request({name.decode().lower(): value.decode() for name, value in scope["headers"]}, body)


async def _send(send: Any, answer: Answer) -> None:
    html = answer.html.encode()
    body = html or json.dumps(answer.document).encode()
    headers = {"content-type": "text/html" if html else "application/json", "content-length": str(len(body))}
    fields = [(name.encode(), value.encode()) for name, value in {**headers, **answer.headers}.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": fields})
    await send({"type": "http.response.body", "body": body})
