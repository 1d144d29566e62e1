"""Answers that no adapter understands, and a server that sends them, at once or after some correct answers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from datetime import timedelta
from itertools import chain, repeat
from typing import Any

import msgspec

_PAGE = b"<!doctype html><title>Gateway</title><h1>Something is wrong</h1>"
_GATEWAY = b'{"message": "no Route matched with those values"}'
_REFUSES_ALL = b'{"success": false, "errors": [{"code": 10000}]}'
_WRONG_TYPES = b"""{"id": 7, "users": "none", "success": "yes", "error-codes": 5, "ErrorCode": "0", "MessageID": [],
    "MessageId": {}, "sid": 7, "code": [1], "error_code": {}, "errors": "many", "message": 3, "statusCode": "soon",
    "name": ["x"], "hashed_token": 1, "access_token": null, "status": "verified"}"""
_NO_CONTENT = 204
_TRUNCATED = b'{"id": "3f1d1a52", "success": tru'


class Unknown(msgspec.Struct, frozen=True):
    """An answer. Without a `status` the server stays silent. `length` is a Content-Length above the body's length."""

    status: int = 0
    body: bytes = b""
    type: str = "application/json"
    headers: Mapping[str, str] = {}
    length: int = 0

    @property
    def never_ends(self) -> bool:
        return not self.status or bool(self.length)


UNKNOWN: Mapping[str, Unknown] = {
    "200 empty": Unknown(200),
    "200 page": Unknown(200, _PAGE, "text/html"),
    "200 page that says it is JSON": Unknown(200, _PAGE),
    "200 null": Unknown(200, b"null"),
    "200 true": Unknown(200, b"true"),
    "200 text": Unknown(200, b'"OK"'),
    "200 list of texts": Unknown(200, b'["an id"]'),
    "200 empty document": Unknown(200, b"{}"),
    "200 other document": Unknown(200, b'{"ok": true}'),
    "200 refusal of a gateway": Unknown(200, _REFUSES_ALL),
    "200 wrong types": Unknown(200, _WRONG_TYPES),
    "200 truncated": Unknown(200, _TRUNCATED),
    "200 not UTF-8": Unknown(200, b'{"id": "\xff\xfe"}'),
    "200 deep": Unknown(200, b"[" * 30_000),
    "200 long": Unknown(200, b" " * 2_000_000),
    "201 other document": Unknown(201, b'{"ok": true}'),
    "204": Unknown(204),
    "301 elsewhere": Unknown(301, b"", headers={"location": "/elsewhere"}),
    "307 elsewhere": Unknown(307, b"{}", headers={"location": "/elsewhere"}),
    "400 document": Unknown(400, b'{"errors": "many"}', headers={"x-amzn-errortype": "to ada@pupils.test"}),
    "400 page": Unknown(400, _PAGE, "text/html"),
    "401 gateway": Unknown(401, b'{"message": 401}'),
    "403 page": Unknown(403, _PAGE, "text/html"),
    "403 gateway": Unknown(403, _REFUSES_ALL),
    "404 text": Unknown(404, b"404 page not found\n", "text/plain"),
    "404 gateway": Unknown(404, _GATEWAY),
    "408": Unknown(408, b"{}"),
    "413 empty document": Unknown(413, b"{}"),
    "418 document": Unknown(418, b'{"ok": true}'),
    "422 wrong types": Unknown(422, _WRONG_TYPES),
    "429 page": Unknown(429, _PAGE, "text/html"),
    "500 empty": Unknown(500),
    "502 page": Unknown(502, _PAGE, "text/html"),
    "503 document": Unknown(503, b'{"id": "3f1d1a52", "success": true}'),
    "cut off": Unknown(200, _TRUNCATED, length=500),
    "silence": Unknown(),
}
"""Unknown answers by name. None of them is a valid answer of a service that Keyturn uses."""


class UnknownServer:
    """Answers the first `spared` requests as `app` does, and each later one with `answer`.

    `patience`: how long its clients wait.
    """

    def __init__(self) -> None:
        self.url = ""
        self.patience = timedelta(0)
        self.answer = Unknown()
        self.spared = 0
        self.app: Callable[[Any, Any, Any], Awaitable[None]] | None = None
        self.paths: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.paths.append(scope["path"])
        if self.app and self.spared:
            self.spared -= 1
            await self.app(scope, receive, send)
            return
        answer = self.answer
        if not answer.status:
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        has_body = answer.status != _NO_CONTENT
        headers = {"content-type": answer.type, **answer.headers}
        if has_body:
            headers["content-length"] = str(answer.length or len(answer.body))
        fields = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": fields})
        more = bool(answer.length)
        await send({"type": "http.response.body", "body": answer.body if has_body else b"", "more_body": more})


@asynccontextmanager
async def talking(lines: Sequence[bytes]) -> AsyncIterator[int]:
    """Serve a protocol of lines on a port: a greeting, then an answer to each line. The last answer repeats."""
    tasks: list[asyncio.Task[Any]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            tasks.append(task)
        with suppress(OSError), closing(writer):
            for answer in chain(lines, repeat(lines[-1])):
                writer.write(answer)
                await writer.drain()
                if not answer or not await reader.readline():
                    break

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
