"""The resources of `serve` that a client can hold in each phase of a connection, and the answers to
other clients.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from tests.servers.serving import serving
from uvicorn import Config
from uvicorn.server import ServerState

from keyturn.cli.connections import BoundedProtocol, ConnectionLimits

pytestmark = pytest.mark.long

HONEST, ATTACKER, PROXY = "127.0.0.1", "127.0.0.2", "127.0.0.9"
MOST, HEADERS = 16, 4096
SOON, NEVER = timedelta(seconds=2), timedelta(minutes=5)
GET = b"GET / HTTP/1.1\r\nhost: x\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
HELD, LARGE, PAGE, EARLY = (
    GET.replace(b"/ ", path + b" ") + b"\r\n" for path in (b"/held", b"/large", b"/page", b"/early")
)
CLOSE = b"connection: close\r\n\r\n"
ENDLESS = b"x-more: " + b"x" * 1000 + b"\r\n"

PHASES = {
    "before the first byte": b"",
    "in the line of the request": b"GET /he",
    "in the headers": GET,
    "in a header": GET + b"x-more: xx",
    "before the body": POST,
    "in the body": POST + b"half",
    "in a chunk": CHUNKED + b"9\r\nhalf",
    "in the trailers": CHUNKED + b"0\r\nx-more: ",
}
ANSWERED = {"after an answer": GET + b"\r\n", "in an answer": LARGE}


class App:
    """Answers with the bytes of a body: /held once it may, /early without reading, /large in 20 MB,
    /page in 50 kB.
    """

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.arrived = threading.Semaphore(0)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path, read, more = scope["path"], 0, scope["path"] != "/early"
        while more:
            message = await receive()
            read, more = read + len(message.get("body", b"")), message.get("more_body", False)
        if path == "/held":
            self.arrived.release()
            await asyncio.to_thread(self.let_go.wait, 30)
        sizes = {"/large": 20_000_000, "/page": 50_000}
        body = b"x" * sizes[path] if path in sizes else b"%s %d" % (path.encode(), read)
        length = str(len(body)).encode()
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]}
        )
        await send({"type": "http.response.body", "body": body})


class Server:
    """The protocol of `serve` on a port of its own.

    `lost` counts the connections that it has lost.
    """

    def __init__(
        self,
        stack: contextlib.ExitStack,
        request_timeout: timedelta = NEVER,
        *,
        small: bool = False,
        **more: Any,
    ) -> None:
        self.app, self.lost, self._stack = App(), threading.Semaphore(0), stack
        bounds: dict[str, Any] = {"max_headers": HEADERS, "max_connections": MOST, **more}
        lost, limits = self.lost, ConnectionLimits(request_timeout=request_timeout, **bounds)

        class Watched(BoundedProtocol):
            def connection_made(self, transport: Any) -> None:
                if small:
                    transport.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_SNDBUF, 4096
                    )
                    self.timeout_keep_alive = 1
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                lost.release()

        url = stack.enter_context(serving(self.app, http=partial(Watched, limits)))
        stack.callback(self.app.let_go.set)
        self._place = ("127.0.0.1", int(url.rpartition(":")[2]))

    def connect(self, sent: bytes = b"", address: str = HONEST, receives: int = 0) -> socket.socket:
        """Return a connection from the address.

        `receives`: the bytes that its own system keeps unread, if not many.
        """
        connection = self._stack.enter_context(socket.socket())
        connection.settimeout(20)
        if receives:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        connection.bind((address, 0))
        connection.connect(self._place)
        connection.sendall(sent)
        return connection

    def answers(self, connection: socket.socket | None = None) -> bool:
        """Tell whether a whole request is answered, on a new connection where none is given."""
        connection = connection or self.connect()
        with contextlib.suppress(ConnectionError):
            connection.sendall(GET + b"\r\n")
            return said(connection, b"/ 0").endswith(b"/ 0")
        return False


Start = Callable[..., Server]


@pytest.fixture
def start() -> Iterator[Start]:
    with contextlib.ExitStack() as stack:
        yield partial(Server, stack)


def said(connection: socket.socket, end: bytes = b"") -> bytes:
    """Return what comes until it ends so, or else until the other side closes."""
    answer = bytearray()
    with contextlib.suppress(ConnectionError):
        while not (end and answer.endswith(end)) and (part := connection.recv(65536)):
            answer += part
    return bytes(answer)


def test_a_request_that_stops_is_told_that_it_is_late_and_others_are_answered(start: Start) -> None:
    server = start(SOON)
    idle = server.connect()
    assert server.answers(idle)
    stalled = {phase: server.connect(begun, ATTACKER) for phase, begun in PHASES.items()}
    assert server.answers()
    late = dict.fromkeys(PHASES, b"HTTP/1.1 408 ")
    assert {phase: said(connection)[:13] for phase, connection in stalled.items()} == late
    assert server.answers()
    assert server.answers(idle), "a connection may be idle for longer than a request may take"


@pytest.mark.parametrize(
    ("begun", "byte"),
    [(GET + b"x-more: ", b"x"), (POST.replace(b" 9", b" 9999"), b"x"), (CHUNKED, b"1\r\nx\r\n")],
)
def test_a_request_that_drips_gets_no_more_time_than_one_that_stops(
    start: Start, begun: bytes, byte: bytes
) -> None:
    dripping = start(SOON).connect(begun, ATTACKER)
    dripping.settimeout(0.02)  # between two drops
    answer = b""
    with contextlib.suppress(ConnectionError):
        for _ in range(500):
            with contextlib.suppress(TimeoutError):
                answer = dripping.recv(65536)
                break
            dripping.sendall(byte)
    assert answer[:12] in {b"HTTP/1.1 408", b""}, (
        "a byte that comes too late may throw away what was said"
    )
    dripping.settimeout(20)
    assert said(dripping) == b""


@pytest.mark.parametrize("phase", [*PHASES, *ANSWERED])
def test_a_client_that_fills_the_house_shuts_out_only_itself(start: Start, phase: str) -> None:
    server = start()
    kept = server.connect()
    assert server.answers(kept)
    held = []
    for _ in range(2 * MOST):
        held.append(server.connect((PHASES | ANSWERED)[phase], ATTACKER))
        assert phase in PHASES or held[-1].recv(1), "the newest is answered"
    assert server.answers(kept), "a connection that was there before"
    assert all(server.answers() for _ in range(MOST // 2))
    assert phase in ANSWERED or said(held[0]) == b"", "the oldest have made room"


def test_a_request_that_is_being_answered_is_not_closed_for_a_newcomer(start: Start) -> None:
    server = start()
    held = [server.connect(HELD, ATTACKER) for _ in range(MOST)]
    for _ in held:
        assert server.app.arrived.acquire(timeout=20)
    assert not server.answers(), "nothing waits that could make room"
    server.app.let_go.set()
    assert all(said(connection, b"/held 0").endswith(b"/held 0") for connection in held)
    assert server.answers()


def test_of_many_clients_the_one_whose_request_is_incomplete_for_longest_makes_room(
    start: Start,
) -> None:
    server = start()
    waiting = [server.connect(POST, f"127.0.1.{number}") for number in range(MOST)]
    assert server.answers()
    assert said(waiting[0]) == b""
    waiting[-1].sendall(b"123456789")
    assert said(waiting[-1], b"/ 9").endswith(b"/ 9")


def test_a_trusted_proxy_is_many_clients_and_does_not_lose_its_connections_to_one(
    start: Start,
) -> None:
    server = start(trusted_proxies=("127.0.0.8/30",))
    pool = [server.connect(address=PROXY) for _ in range(MOST - 4)]
    assert all(server.answers(connection) for connection in pool)
    for _ in range(MOST):
        server.connect(POST, ATTACKER)
    assert all(server.answers(connection) for connection in pool)


async def test_a_client_is_an_address_or_an_ipv6_64_and_never_a_trusted_proxy() -> None:
    def holder(address: str) -> object:
        limits, config = (
            ConnectionLimits(trusted_proxies=("10.0.0.0/8",)),
            Config(App(), lifespan="off"),
        )
        connection = BoundedProtocol(
            limits, config=config, server_state=ServerState(), app_state={}
        )
        connection.client = (address, 1)
        return connection.holder()

    assert holder("2001:db8::1") == holder("2001:db8::ffff:2") != holder("2001:db8:0:1::1")
    assert holder("::ffff:192.0.2.1") == holder("192.0.2.1")
    assert holder("::ffff:10.0.0.1") != holder("::ffff:10.0.0.1")


NO_BODIES = {
    "alone": (b"", b"GET " + b"x" * 1000),
    "in headers": (GET, ENDLESS),
    "behind another request": (GET + b"\r\n" + GET, ENDLESS),
    "in trailers": (CHUNKED + b"0\r\n", ENDLESS),
    "in trailers behind a body": (CHUNKED + b"1\r\nx\r\n0\r\n", ENDLESS),
    "in extensions of a chunk": (CHUNKED + b"1;", b"x" * 1000),
    "in blank lines": (b"\r\n", b"\r\n" * 500),
}


@pytest.mark.parametrize("place", NO_BODIES)
def test_what_is_no_body_and_has_no_end_is_refused_after_so_many_bytes(
    start: Start, place: str
) -> None:
    begun, line = NO_BODIES[place]
    server = start()
    connection = server.connect(begun, ATTACKER)
    with pytest.raises(ConnectionError):
        connection.sendall(line * (20_000_000 // len(line)))
    assert server.answers()


def test_what_is_too_long_is_told_so_even_to_a_client_that_still_sends(start: Start) -> None:
    server = start(max_headers=8192)
    assert said(server.connect(GET + b"x-more: " + b"x" * 9000 + b"\r\n\r\n")).startswith(
        b"HTTP/1.1 431 "
    )
    assert said(server.connect(b"GET /" + b"%61" * 3000)).startswith(b"HTTP/1.1 414 ")
    assert (
        said(server.connect(b"GET /" + b"a" * 8000 + b" HTTP/1.1\r\nhost: x\r\n\r\n"), b"a 0")[9:12]
        == b"200"
    )
    connection = server.connect(b"GET /" + b"a" * 9000, ATTACKER)
    head = connection.recv(13)
    connection.sendall(b"a" * 100_000 + b" HTTP/1.1\r\n\r\n")
    connection.shutdown(socket.SHUT_WR)
    with connection.makefile("rb") as rest:
        assert (head, rest.read()[-4:]) == (b"HTTP/1.1 414 ", b"\r\n\r\n")


def test_requests_that_are_sent_ahead_are_answered_in_order_and_what_is_none_not_in_their_place(
    start: Start,
) -> None:
    server = start()
    connection = server.connect(HELD + GET + b"\r\n" + POST + b"1234567")
    broken = server.connect(HELD + b"\0\0\0 no request\r\n\r\n", ATTACKER)
    for _ in range(2):
        assert server.app.arrived.acquire(timeout=20)
    connection.sendall(b"89" + EARLY + GET)
    server.app.let_go.set()
    connection.sendall(CLOSE)
    answers = [
        part.rpartition(b"\r\n")[2] for part in said(connection).split(b"HTTP/1.1 200 OK")[1:]
    ]
    assert answers == [b"/held 0", b"/ 0", b"/ 9", b"/early 0", b"/ 0"]
    assert b" 400 " not in said(broken)


@pytest.mark.parametrize(
    ("asked", "small"),
    [(LARGE, False), (PAGE, True), (PAGE[:-2] + CLOSE, True)],
    ids=["large", "small", "small and closed"],
)
def test_an_answer_that_is_not_read_ends_its_connection(
    start: Start, asked: bytes, small: bool
) -> None:
    """Of a small one all is written, as far as the app knows."""
    server = start(SOON, small=small)
    server.connect(asked, ATTACKER, receives=4096 if small else 0)
    assert server.lost.acquire(timeout=20)
    assert server.answers()


def test_an_answer_that_is_read_slowly_is_read_to_its_end(start: Start) -> None:
    server = start(timedelta(seconds=5), small=True)
    connection = server.connect(LARGE[:-2] + CLOSE, receives=65536)
    read = len(connection.recv(1))
    server.connect()
    while not server.lost.acquire(timeout=0.1):  # which happens to an idle one after two such times
        read += len(connection.recv(65536))
    assert read < 19_000_000
    assert read + len(said(connection)) > 20_000_000


def test_a_request_that_was_answered_before_it_had_come_does_not_keep_its_connection(
    start: Start,
) -> None:
    server = start(SOON)
    for goes_on in (True, False):
        connection = server.connect(POST.replace(b"/ ", b"/early "), ATTACKER)
        assert said(connection, b"/early 0").endswith(b"/early 0")
        connection.sendall(b"123456789")
        if goes_on:
            assert server.answers(connection), "the next request is answered"
        else:
            assert said(connection)[:12] in {b"", b"HTTP/1.1 408"}
