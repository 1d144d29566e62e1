"""A client's side of HTTP: one request to a simulated API process, over a network that may lose the answer."""

import asyncio
from typing import Any

import msgspec
from litestar.types import ASGIApp


class ConnectionLost(Exception):
    """The API's process ended, or the answer was lost on its way: the client does not know what happened."""


class Answer(msgspec.Struct, frozen=True):
    """An answer of the API. `headers`: names in lower case, without cookies. `cookies`: as they were set."""

    status: int
    headers: dict[str, str]
    cookies: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = msgspec.json.decode(self.body) if self.body else {}
        return document


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request of a client at an IP address. `agent` is unique, so that its traces are found in the database."""

    path: str
    fields: dict[str, Any]
    ip_address: str
    agent: str
    cookies: dict[str, str] = {}
    method: str = "POST"
    headers: dict[str, str] = {}
    raw: bytes = b""


async def exchange(app: ASGIApp, request: Request) -> Answer:
    """Answer a request in the process that runs this."""
    sent = request.raw or msgspec.json.encode(request.fields)
    headers = {
        "host": "127.0.0.1:8000",
        "user-agent": request.agent,
        "content-type": "application/json",
        "content-length": str(len(sent)),
        **request.headers,
    }
    if request.cookies:
        headers["cookie"] = "; ".join(f"{name}={value}" for name, value in request.cookies.items())
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": (request.ip_address, 40_000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    parts: list[Any] = [{"type": "http.request", "body": sent, "more_body": False}]
    answers: list[Any] = []

    async def receive() -> Any:
        if parts:
            return parts.pop()
        await asyncio.get_running_loop().create_future()  # the client stays connected
        raise AssertionError

    async def send(message: Any) -> None:
        answers.append(message)

    await app(scope, receive, send)
    start, *bodies = answers
    plain = [(name.decode().lower(), value.decode()) for name, value in start["headers"]]
    cookies = dict(value.split(";")[0].split("=", 1) for name, value in plain if name == "set-cookie")
    plain = [one for one in plain if one[0] != "set-cookie"]
    return Answer(start["status"], dict(plain), cookies, b"".join(one.get("body", b"") for one in bodies))
