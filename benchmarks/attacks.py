"""The attacks of `benchmarks.hostile`: each is one request, or one round of them, by the number that it is given."""

import http.client
import itertools
import json
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress

_ONE_CLIENT = "203.0.113.7"
_WAIT = 20.0
_IDLE = 300
_HEADERS = 29_000_000
"""Bytes of headers on one connection."""

_HALF = 200
"""Half-sent bodies of a thread at once: of four threads, as many as `serve` keeps connections."""

_AHEAD = 64_000
"""Bytes of requests' headers behind a request that is being answered: four times what `serve` keeps."""

_idle: list[socket.socket] = []


def _send(
    port: int, path: str, client: str, body: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_WAIT)
    told = {"X-Forwarded-For": client, "Content-Type": "application/json"} | dict(headers or {})
    try:
        method, content = ("GET", None) if body is None else ("POST", json.dumps(body, ensure_ascii=False).encode())
        connection.request(method, path, content, told)
        connection.getresponse().read()
    finally:
        connection.close()


def _client(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def long_addresses(port: int, number: int) -> None:
    """15 kB of combining marks in two classes by turns, which NFC sorts, as an address."""
    marks = "\u0301\u0323" * 3700
    _send(port, "/api/auth/request-password-reset", _ONE_CLIENT, {"email": f"a{number}{marks}@example.test"})


def long_cookie(port: int, _: int) -> None:
    """400 kB of escaped quotes, which Python's library undoes one by one."""
    cookie = 'keyturn_asked="' + '\\"' * 200_000 + '"'
    _send(port, "/forgot-password", _ONE_CLIENT, headers={"Cookie": cookie})


def disguised_passwords(port: int, number: int) -> None:
    """Passwords of 32 signs that zxcvbn reads in many ways, each from another client."""
    signs = itertools.islice(itertools.cycle("4@8({[<369!1|70$5+%2"), number % 20, number % 20 + 32)
    body = {"token": f"{number:043d}", "newPassword": "".join(signs)}
    _send(port, "/api/auth/reset-password-with-token", _client(number), body)


def many_clients(port: int, number: int) -> None:
    """Check links that are none, each from a client that was not seen before: entries in the limits' memory."""
    _send(port, "/api/auth/validate-reset-token", _client(number), {"token": f"{number:043d}"})


def idle_sockets(port: int, _: int) -> None:
    """300 connections on which nothing follows, and headers that do not end on another."""
    while len(_idle) < _IDLE:
        held = socket.create_connection(("127.0.0.1", port), _WAIT)
        held.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
        _idle.append(held)
    with socket.create_connection(("127.0.0.1", port), _WAIT) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
        header = b"X-Long: " + b"a" * 8000 + b"\r\n"
        for _sent in range(_HEADERS // len(header)):
            connection.sendall(header)


def half_sent_bodies(port: int, _: int) -> None:
    """200 connections on which half of a body never follows, until the server ends them all."""
    half = (
        b"POST /api/auth/request-password-reset HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b'Content-Length: 8000\r\n\r\n{"email": "' + b"a" * 4000
    )
    with ExitStack() as closing:
        held = [closing.enter_context(socket.create_connection(("127.0.0.1", port), _WAIT)) for _number in range(_HALF)]
        for connection in held:
            connection.sendall(half)
        for connection in held:
            with suppress(ConnectionError):
                connection.recv(65536)


def pipelined_headers(port: int, number: int) -> None:
    """Sign in, which takes a hash, with 64 kB of headers behind it on the same connection."""
    body = json.dumps({"email": f"nobody{number}@example.test", "password": "seven quiet harbours"}).encode()
    with socket.create_connection(("127.0.0.1", port), _WAIT) as connection:
        connection.sendall(
            b"POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"X-Forwarded-For: %s\r\nContent-Length: %d\r\n\r\n%s" % (_client(number).encode(), len(body), body)
        )
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
        header = b"X-Long: " + b"a" * 8000 + b"\r\n"
        for _sent in range(_AHEAD // len(header)):
            connection.sendall(header)
        while connection.recv(65536):
            pass


def costly_accept(port: int, _: int) -> None:
    """15 kB of media types in `Accept`, at an address where there is nothing."""
    _send(port, "/nothing", _ONE_CLIENT, headers={"Accept": ",".join(["a/b;q=0.5"] * 1500)})


def sign_ins(port: int, number: int) -> None:
    """Sign-ins that fail, each from another client and with another address: a hash for each."""
    body = {"email": f"nobody{number}@example.test", "password": "seven quiet harbours"}
    _send(port, "/api/auth/login", _client(number), body)


def requests(port: int, number: int) -> None:
    """Ask for links, each from another client and for another address: a row for each."""
    body = {"email": f"nobody{number}@example.test"}
    _send(port, "/api/auth/request-password-reset", _client(number), body)


ATTACKS: dict[str, Callable[[int, int], None]] = {
    "long-addresses": long_addresses,
    "long-cookie": long_cookie,
    "disguised-passwords": disguised_passwords,
    "many-clients": many_clients,
    "idle-sockets": idle_sockets,
    "half-sent-bodies": half_sent_bodies,
    "pipelined-headers": pipelined_headers,
    "costly-accept": costly_accept,
    "sign-ins": sign_ins,
    "requests": requests,
}
