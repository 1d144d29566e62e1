"""`keyturn serve` on a real socket: what a proxy, a scanner or an attacker puts on the wire."""

import socket
from pathlib import Path

import pytest
from tests.driver.inbox import links_in, token_in
from tests.driver.service import ADA, NO_COOLDOWN, REQUEST, Start
from tests.servers.processes import running

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


def sent(address: str, source: str, head: str, body: str = "") -> str:
    """Send bytes from an address of this machine; return the status line and headers of the
    answer.
    """
    host, _, port = address.partition(":")
    with socket.create_connection(
        (host, int(port)), timeout=10, source_address=(source, 0)
    ) as connection:
        connection.sendall((head.replace("\n", "\r\n") + "\r\n\r\n" + body).encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = connection.recv(65_536)
            if not piece:
                break
            answer += piece
    return answer.partition(b"\r\n\r\n")[0].decode("latin-1")


async def test_no_request_line_and_no_header_reaches_the_link_and_no_token_or_address_the_log(
    start: Start,
    database_url: str,
    tmp_path: Path,
    clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    # tests/commands measures the command; this costs a third.
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    clock.runs = True  # as that of the process that takes the requests
    worker = await start(base_url=BASE, limits=NO_COOLDOWN)
    body, token = f'{{"email": "{ADA}"}}', "kT3vQ9mXh2Jr0pZsYc7LwA8eUfB1nDgOi4M6xRtKqEo"
    common = f"Content-Type: application/json\nContent-Length: {len(body)}\nConnection: close"
    heads = [
        f"POST {REQUEST} HTTP/1.1\nHost: evil.test\n{common}",
        f"POST http://evil.test{REQUEST} HTTP/1.1\nHost: evil.test\n{common}",
        f"POST https://evil.test:8443{REQUEST} HTTP/1.1\nHost: account.northwind.test\n{common}",
        (
            f"POST {REQUEST} HTTP/1.1\nHost: account.northwind.test\n"
            f"X-Forwarded-Host: evil.test\n{common}"
        ),
        (
            f"POST {REQUEST} HTTP/1.1\nHost: account.northwind.test\n"
            f"Forwarded: host=evil.test;proto=http\n{common}"
        ),
        f"POST {REQUEST} HTTP/1.0\n{common}",
    ]
    with running(
        "serve", "--no-worker", "--port", "0", KEYTURN_DATABASE_URL=database_url, **ENVIRONMENT
    ) as process:
        address = process.wait_for("answers on").rpartition("http://")[2]
        for number, head in enumerate(heads):
            answer = sent(address, f"127.0.1.{number + 1}", head, body)
            assert " 202 " in answer.splitlines()[0]
            assert "\nserver:" not in answer.lower()
            await worker.deliver()
        for path in (f"/api/auth/reset-password/{token}", f"/reset-password?token={token}"):
            sent(address, "127.0.6.1", f"GET {path} HTTP/1.1\nHost: x\nConnection: close")
        announced = (
            f"POST {REQUEST} HTTP/1.1\nHost: x\nContent-Type: application/json\n"
            "Content-Length: 100000000"
        )
        assert " 413 " in sent(address, "127.0.5.1", announced).splitlines()[0], (
            "and it is not awaited"
        )
        assert process.end() == 0
    assert len(worker.inbox.mails) == len(heads)
    for mail in worker.inbox.mails:
        assert f"{BASE}/reset-password/{token_in(mail)}" in links_in(mail)
        assert "evil" not in mail.text + mail.html + mail.subject
    assert not any(word in "\n".join(process.said) for word in (token, ADA, "Traceback"))
