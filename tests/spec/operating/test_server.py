"""`keyturn serve` on a real socket: what a proxy, a scanner or an attacker puts on the wire."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from tests.driver.inbox import links_in, token_in
from tests.driver.service import ADA, NO_COOLDOWN, NOBODY, REQUEST, Start
from tests.servers.processes import Running
from tests.servers.processes import running as running_command

from keyturn.testing import MovableClock

pytestmark = pytest.mark.long

BASE = "https://account.northwind.test"
ENVIRONMENT = {
    "KEYTURN_BASE_URL": BASE,
    "KEYTURN_SECRET_KEY": "0123456789abcdef" * 4,
    "KEYTURN_MAIL_TRANSPORT": "capture",
    "KEYTURN_LIMITS_REQUEST": "3/minute",
    "KEYTURN_LIMITS_IN_MEMORY": "true",  # a service of the test's own answers for the same database
}
BODY = f'{{"email": "{ADA}"}}'

Serve = Callable[..., tuple[Running, str]]


@pytest.fixture
def serve(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start `keyturn serve` without a worker; return the process and its "host:port"."""
    monkeypatch.chdir(tmp_path)
    # tests/commands measures the command; this costs a third.
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    with ExitStack() as stack:

        def start(**environment: str) -> tuple[Running, str]:
            command = running_command(
                "serve", "--no-worker", "--port", "0", KEYTURN_DATABASE_URL=database_url, **ENVIRONMENT, **environment
            )
            process = stack.enter_context(command)
            return process, process.wait_for("answers on").rpartition("http://")[2]

        yield start


def sent(address: str, source: str, head: str, body: str = "") -> str:
    """Send bytes from an address of this machine; return the status line and headers of the answer."""
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=10, source_address=(source, 0)) as connection:
        connection.sendall((head.replace("\n", "\r\n") + "\r\n\r\n" + body).encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = connection.recv(65_536)
            if not piece:
                break
            answer += piece
    return answer.partition(b"\r\n\r\n")[0].decode("latin-1")


async def test_no_request_line_and_no_header_reaches_the_link(start: Start, serve: Serve, clock: MovableClock) -> None:
    clock.runs = True  # as that of the process that takes the requests
    worker = await start(base_url=BASE, limits=NO_COOLDOWN)
    _, address = serve()
    common = f"Content-Type: application/json\nContent-Length: {len(BODY)}\nConnection: close"
    heads = [
        f"POST {REQUEST} HTTP/1.1\nHost: evil.test\n{common}",
        f"POST http://evil.test{REQUEST} HTTP/1.1\nHost: evil.test\n{common}",
        f"POST https://evil.test:8443{REQUEST} HTTP/1.1\nHost: account.northwind.test\n{common}",
        f"POST {REQUEST} HTTP/1.1\nHost: account.northwind.test\nX-Forwarded-Host: evil.test\n{common}",
        f"POST {REQUEST} HTTP/1.1\nHost: account.northwind.test\nForwarded: host=evil.test;proto=http\n{common}",
        f"POST {REQUEST} HTTP/1.1\nHost: account.northwind.test@evil.test\n{common}",
        f"POST {REQUEST} HTTP/1.0\n{common}",
    ]
    for number, head in enumerate(heads):
        assert " 202 " in sent(address, f"127.0.1.{number + 1}", head, BODY).splitlines()[0]
        await worker.deliver()
    assert len(worker.inbox.mails) == len(heads)
    for mail in worker.inbox.mails:
        assert f"{BASE}/reset-password/{token_in(mail)}" in links_in(mail)
        assert "evil" not in mail.text + mail.html + mail.subject


async def test_nothing_on_the_wire_or_in_logs_says_too_much_and_no_large_body_is_awaited(serve: Serve) -> None:
    process, address = serve()
    announced = f"POST {REQUEST} HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: 100000000"
    refused = sent(address, "127.0.5.1", announced)  # and is not awaited
    assert " 413 " in refused.splitlines()[0]
    assert "application/problem+json" in refused
    token = "kT3vQ9mXh2Jr0pZsYc7LwA8eUfB1nDgOi4M6xRtKqEo"
    transport = httpx2.AsyncHTTPTransport(local_address="127.0.6.1")
    async with httpx2.AsyncClient(base_url=f"http://{address}", transport=transport) as client:
        answers = [
            await client.post(REQUEST, json={"email": NOBODY}),
            await client.get(f"/api/auth/reset-password/{token}"),
            await client.get("/reset-password", params={"token": token}),
            await client.post("/api/auth/validate-reset-token", json={"token": token}),
        ]
    for answer in answers:
        assert "server" not in answer.headers
    assert process.end() == 0
    said = "\n".join(process.said)
    assert token not in said
    assert NOBODY not in said
    assert "Traceback" not in said
