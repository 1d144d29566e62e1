"""Serves ASGI applications on real sockets, in a thread or the event loop; ports and certificates
for programs.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import trustme
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

DISCARD = 9
NOWHERE = f"http://127.0.0.1:{DISCARD}"
"""The port of the discard service (RFC 863), on which no server listens."""


class Connections:
    """The connections of a server. `opened` counts all of them, including closed ones."""

    def __init__(self) -> None:
        self.opened = 0
        self._transports: dict[int, asyncio.Transport] = {}

    def cut(self, scope: dict[str, Any]) -> None:
        """Break the connection of a request without an answer."""
        self._transports[scope["client"][1]].abort()

    def protocol(self) -> type[HttpToolsProtocol]:
        connections = self

        class Counted(HttpToolsProtocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                connections.opened += 1
                connections._transports[transport.get_extra_info("peername")[1]] = transport
                super().connection_made(transport)

        return Counted


@contextmanager
def held_ports(count: int) -> Iterator[list[int]]:
    """Hold ports for programs that cannot say which port they got.

    Without such a program, nothing listens there.

    A program that sets SO_REUSEADDR, as servers do, can listen on a port that is bound and does not
    listen. To nobody else does the kernel give it (socket(7)).
    """
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", 0))
        yield [one.getsockname()[1] for one in held]


def make_certificates(folder: Path) -> trustme.CA:
    """Write server.key and server.pem, for localhost; root.pem, of their authority, which is
    returned; other.pem.
    """
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(folder / "root.pem")
    trustme.CA().cert_pem.write_to_path(folder / "other.pem")
    issued.private_key_pem.write_to_path(folder / "server.key")
    (folder / "server.key").chmod(0o600)
    issued.cert_chain_pems[0].write_to_path(folder / "server.pem")
    return authority


def listening() -> socket.socket:
    """Return a socket that names its protocol,
    so that asyncio sets TCP_NODELAY on its connections.
    """
    bound = socket.create_server(("127.0.0.1", 0))
    return socket.socket(bound.family, bound.type, socket.IPPROTO_TCP, bound.detach())


@contextmanager
def serving(
    app: Any, connections: Connections | None = None, *, http: Any = None, **options: Any
) -> Iterator[str]:
    """Serve `app` until the block ends, and yield its address.

    `http` replaces the protocol of the connections.
    """
    with listening() as bound:
        config = uvicorn.Config(
            app,
            http=http or (connections or Connections()).protocol(),
            lifespan="off",
            log_config=None,
            ws="none",
            timeout_graceful_shutdown=1,
            **options,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, name="served app")
        thread.start()
        try:
            # the socket listens already, so clients can wait
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@asynccontextmanager
async def serving_here(app: Any) -> AsyncIterator[str]:
    """Serve in the test's own event loop, for an app whose database belongs to that loop."""
    with listening() as bound:
        server = _Server(
            uvicorn.Config(
                app, lifespan="off", log_config=None, ws="none", timeout_graceful_shutdown=1
            )
        )
        task = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave Ctrl-C to pytest."""
        yield


async def body_of(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        event = await receive()
        body, more = body + event.get("body", b""), event.get("more_body", False)
    return body


async def until_gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_answer(send: Any, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    fields = {"content-length": str(len(body)), **headers} if body else headers
    encoded = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
