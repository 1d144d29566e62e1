"""A client's side of HTTP: one request to a simulated API process, over a network that may lose the answer."""

import asyncio
from contextvars import Context
from typing import Any

import msgspec
from litestar.types import ASGIApp


class ConnectionLost(Exception):
    """The API's process ended, or the answer was lost on its way: the client does not know what happened."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of the API. `headers`: names in lower case, without cookies. `cookies`: as they were set."""

    status: int
    headers: dict[str, str]
    cookies: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = msgspec.json.decode(self.body) if self.body else {}
        return document

    @property
    def problem(self) -> str:
        """Return the type of a problem, or "" for a success."""
        return str(self.document.get("type", "")).removeprefix("urn:keyturn:problem:") if self.status >= 400 else ""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request of a client at an IP address. `agent` is unique, so that its traces are found in the database."""

    path: str
    fields: dict[str, Any]
    ip_address: str
    agent: str
    cookies: dict[str, str] = {}
    method: str = "POST"
    headers: dict[str, str] = {}
    raw: bytes | None = None

    def scope(self) -> dict[str, Any]:
        headers = {
            "host": "127.0.0.1:8000",
            "user-agent": self.agent,
            "content-type": "application/json",
            "content-length": str(len(self.body)),
        } | self.headers
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": (self.ip_address, 40_000),
            "server": ("127.0.0.1", 8000),
            "state": {},
        }

    @property
    def body(self) -> bytes:
        return self.raw if self.raw is not None else msgspec.json.encode(self.fields)


async def exchange(app: ASGIApp, request: Request) -> Answer:
    """Answer a request in the process that runs this."""
    start: dict[str, Any] = {}
    body = b""
    parts = [{"type": "http.request", "body": request.body, "more_body": False}]

    async def receive() -> Any:
        if parts:
            return parts.pop()
        await asyncio.get_running_loop().create_future()  # the client stays connected
        raise AssertionError

    async def send(message: Any) -> None:
        nonlocal body
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            body += message.get("body", b"")

    await app(request.scope(), receive, send)  # type: ignore[arg-type]
    headers = [(name.decode().lower(), value.decode()) for name, value in start["headers"]]
    cookies = dict(value.split(";")[0].split("=", 1) for name, value in headers if name == "set-cookie")
    plain = {name: value for name, value in headers if name != "set-cookie"}
    return Answer(status=start["status"], headers=plain, cookies=cookies, body=body)


async def ask(context: Context, app: ASGIApp, request: Request, connection: "asyncio.Future[Answer]") -> Answer:
    """Send a request to the process of that context, and wait for its answer.

    `connection`: failed by the world when the process ends.
    """
    task = asyncio.get_running_loop().create_task(exchange(app, request), context=context)

    def finish(done: "asyncio.Task[Answer]") -> None:
        if connection.done() or done.cancelled():
            return
        if error := done.exception():
            connection.set_exception(error)
        else:
            connection.set_result(done.result())

    task.add_done_callback(finish)
    return await connection
