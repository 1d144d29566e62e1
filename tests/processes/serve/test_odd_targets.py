"""Odd request targets and Hosts (RFC 9112, 3.2), as raw bytes, to the service and the studio as
they are started.
"""

import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.processes.serve.workers import PRODUCTION
from tests.servers.processes import KEYTURN, running, running_demo

pytestmark = pytest.mark.long

HOST = b"host: 127.0.0.1\r\n"
ORIGIN = b"http://127.0.0.1"
REFUSED = {400, 414, 431, 404, 405}

MALFORMED = [
    *(b"%b * HTTP/1.1\r\n%b" % (method, HOST) for method in (b"GET", b"HEAD", b"OPTIONS", b"POST")),
    *(b"CONNECT %b HTTP/1.1\r\n%b" % (target, HOST) for target in (b"127.0.0.1:80", b"/")),
    *(
        b"GET %b HTTP/1.1\r\n%b" % (target, HOST)
        for target in (
            *(
                b"",
                b"health",
                b"?a=b",
                b"#a",
                b"127.0.0.1:80",
                b"mailto:ada@example.org",
                b"http://",
            ),
            *(b"/a\0b", b"/\xff\xfe", b"/a b", b"/" + b"a" * 60_000, b"/" + b"%61" * 20_000),
        )
    ),
    *(
        b"GET / HTTP/1.1\r\n" + hosts  # none, two, two that differ, and one of two lines
        for hosts in (
            b"",
            HOST * 2,
            HOST + b"HOST: other.example\r\n",
            b"host: 127.0.0.1\r\n other.example\r\n",
        )
    ),
    *(
        b"GET / HTTP/1.1\r\nhost:%b\r\n" % host
        for host in (
            b"",
            b" ",
            b" a:x",
            b" a:80:80",
            b" a b",
            b" a/b",
            b" ada@a",
            b" [::1",
            b" [::1]x",
            b" a:123456",
            b" \xc3\xa9",
        )
    ),
    b"GET / HTTP/1.0\r\nhost: a:x\r\n",
]

PATHS = (
    "// /// //a //example.org/a /. /.. /../../etc/passwd /a//b /a? /? /# /a#b /; /\\ /{token} /% "
    "/%2 /%zz /%00 /%0a"
    " /%ff /%2e%2e/ /%2f%2f /%E2%80%AE /?% /?%ff=%00 /reset-password/%00 /reset-password// /api// "
    "/api/auth/%00"
    f" /health/%ff /studio/%00 /studio// /studio/%2e%2e {'/' * 5000} /{'a/' * 3000}"
)
ABSOLUTE = b"GET %b/health/live HTTP/1.1\r\n%b" % (ORIGIN, HOST)
ODD = [
    *(
        ABSOLUTE,
        b"GET %b HTTP/1.1\r\n%b" % (ORIGIN, HOST),
        b"GET %b?a=b HTTP/1.1\r\n%b" % (ORIGIN, HOST),
    ),
    b"GET / HTTP/1.0\r\n",
    *(
        b"GET / HTTP/1.1\r\nhost: %b\r\n" % host
        for host in (b"a", b"a:", b"a_b.example.:8000", b"[::1]:80", b"192.0.2.1")
    ),
    *(
        b"GET %b HTTP/1.1\r\n%baccept: text/html\r\n" % (path.encode(), HOST)
        for path in PATHS.split()
    ),
]


def answer(url: str, request: bytes) -> bytes:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(request + b"connection: close\r\n\r\n")
        said = b""
        while part := connection.recv(65_536):
            said += part
    return said.partition(b"\r\n\r\n")[0].lower()


def faults_of(url: str) -> list[str]:
    """Return each answer that is none, or an error of the server, or lacks a header."""
    faults = []
    for request in [*MALFORMED, *ODD]:
        head = answer(url, request)
        status = int(head[9:12] or b"0")
        expected = status in REFUSED if request in MALFORMED else 200 <= status < 500
        if not expected or b"x-content-type-options: nosniff" not in head:
            faults.append(f"{request[:100]!r}: {head!r}")
    return faults


@pytest.mark.usefixtures("migrated")
def test_the_service_refuses_them_or_answers_them_like_others() -> None:
    with running("serve", "--no-worker", "--port", "0", **PRODUCTION) as serve:
        assert faults_of(serve.url) == []
        assert b"http/1.1 200" in answer(serve.url, ABSOLUTE)
        assert serve.end() == 0
        assert not re.search("Traceback|Exception in ASGI|ERROR", "\n".join(serve.said))


def test_the_studio_refuses_them_or_answers_them_like_others(tmp_path: Path) -> None:
    (tmp_path / "emails").mkdir()
    (tmp_path / "emails" / "hello.mjml").write_text("<mjml><mj-body></mj-body></mjml>", "utf-8")
    words = [*KEYTURN, "studio", "emails", "--port", "0"]
    with running_demo(words, tmp_path) as studio:
        assert faults_of(studio.url) == []
        code, rest = studio.interrupt()
        assert (code, "Traceback" in rest or "Exception in ASGI" in rest) == (0, False), rest
