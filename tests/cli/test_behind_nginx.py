"""The nginx of docs/operating.md in front of `keyturn serve`, included as Debian's nginx.conf includes a site."""

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
import trustme
from tests.cli.process import Running, running, running_program
from tests.cli.test_serve import PRODUCTION, url_of
from tests.programs import missing, search_path

PROGRAM = shutil.which("nginx", path=search_path())
pytestmark = [pytest.mark.skipif(not PROGRAM, reason=missing("nginx", "nginx-light")), pytest.mark.long]

HOST = "account.northwind.example"
ONE, OTHER = "127.0.0.5", "127.0.0.6"
"""Two clients: addresses of the loopback that connections come from."""

SETTINGS = {
    "KEYTURN_BASE_URL": f"https://{HOST}",
    "KEYTURN_LIMITS_REQUEST": "1/hour",
    "KEYTURN_SERVER_REQUEST_TIMEOUT": "500ms",
    "KEYTURN_MAIL_FROM": f"accounts@{HOST}",
}
REQUEST, BODY = "/api/auth/request-password-reset", b'{"email": "ada@northwind.example"}'
JSON = {"content-type": "application/json"}
LINK = "/reset-password/what-only-the-owner-knows"

DEBIAN = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 768; }}
http {{
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    access_log {folder}/access.log;
    gzip on;
    {example}
}}
"""
"""What counts of Debian's /etc/nginx/nginx.conf, with its paths in a folder of the test's own."""


class Proxy:
    """An nginx with a certificate for `HOST`. `direct` is the address of what is behind it."""

    def __init__(self, nginx: Running, folder: Path, port: int, tls: ssl.SSLContext, direct: str) -> None:
        self.nginx = nginx
        self.folder = folder
        self.direct = direct
        self._port = port
        self._tls = tls

    def connect(self, sent: bytes, client: str = ONE) -> socket.socket:
        """Return a connection of a client's on which the bytes were sent."""
        plain = socket.create_connection(("127.0.0.1", self._port), timeout=20, source_address=(client, 0))
        connection = self._tls.wrap_socket(plain, server_hostname=HOST)
        connection.sendall(sent)
        return connection

    def client(self, address: str = ONE, headers: Mapping[str, str] | None = None) -> httpx.Client:
        transport = httpx.HTTPTransport(verify=self._tls, local_address=address)
        hook = {"request": [lambda request: request.extensions.update(sni_hostname=HOST)]}
        return httpx.Client(
            transport=transport,
            base_url=f"https://127.0.0.1:{self._port}",
            timeout=20,
            event_hooks=hook,
            headers={"host": HOST, **(headers or {})},
        )

    def answer(self, method: str, path: str, body: bytes = b"", *, client: str = ONE, **headers: str) -> httpx.Response:
        with self.client(client, {**JSON, **headers}) as http:
            return http.request(method, path, content=body)

    def logs(self) -> str:
        """End nginx once its last request has ended, and return all that it has written."""
        self.nginx.end(signal.SIGQUIT)
        return "".join(path.read_text("utf-8") for path in self.folder.glob("*.log")) + "".join(self.nginx.said)


def nginx_of_docs(folder: Path, upstream: str, port: int) -> str:
    """Return the example, with the port, the files and the address of `serve` that are this test's."""
    page = (Path(__file__).parents[2] / "docs" / "operating.md").read_text("utf-8")
    example = "\n".join(re.findall(r"```nginx\n(.*?)```", page, re.DOTALL))
    for written, here in (
        ("127.0.0.1:8000", upstream),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/", f"{folder}/"),
        ("/var/log/nginx/", f"{folder}/"),
    ):
        assert written in example
        example = example.replace(written, here)
    return example


@pytest.fixture
def proxy(migrated: object, tmp_path: Path) -> Iterator[Proxy]:  # noqa: ARG001 - what was migrated is served
    authority = trustme.CA()
    issued = authority.issue_cert(HOST)
    issued.private_key_pem.write_to_path(tmp_path / "account.key")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "account.pem")
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    trusted = {"KEYTURN_SERVER_TRUSTED_PROXIES": "127.0.0.1"}
    with running("serve", "--no-worker", "--port", "0", **PRODUCTION, **SETTINGS, **trusted) as serve:
        direct = url_of(serve).removeprefix("http://")
        example = nginx_of_docs(tmp_path, direct, port)
        user = "user root;" if os.geteuid() == 0 else ""
        file = tmp_path / "nginx.conf"
        file.write_text(DEBIAN.format(folder=tmp_path, example=example, user=user), "utf-8")
        words = [str(PROGRAM), "-e", "stderr", "-c", str(file), "-g", "error_log stderr notice;"]
        with running_program(words, tmp_path) as nginx:
            nginx.wait_for("start worker process ")
            yield Proxy(nginx, tmp_path, port, tls, direct)


def test_each_client_has_its_own_limit_whatever_it_says_of_its_address(proxy: Proxy) -> None:
    assert proxy.answer("POST", REQUEST, BODY).status_code == 202
    forged = {"x-forwarded-for": "203.0.113.7"}
    assert proxy.answer("POST", REQUEST, BODY, **forged).status_code == 429
    assert proxy.answer("POST", REQUEST, BODY, client=OTHER).status_code == 202


def test_a_form_works_over_https_and_its_token_is_not_compressed(proxy: Proxy) -> None:
    with proxy.client(headers={"origin": f"https://{HOST}"}) as browser:
        page = browser.get("/forgot-password", headers={"accept-encoding": "gzip"})
        token = re.findall(r'name="_csrf_token" value="(\w+)"', page.text)[0]
        cookie = page.headers["set-cookie"].partition(";")[0]
        form = {"_csrf_token": token, "email": "ada@northwind.example"}
        sent = browser.post("/forgot-password", data=form, headers={"cookie": cookie})

    assert sent.status_code == 303
    assert page.headers["strict-transport-security"]
    assert "content-encoding" not in page.headers


def test_a_request_that_comes_slowly_waits_in_nginx_and_not_in_keyturn(proxy: Proxy) -> None:
    head = f"POST {REQUEST} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\ncontent-length: {len(BODY)}\r\n".encode()
    head += b"content-type: application/json\r\n\r\n"
    name, _, port = proxy.direct.partition(":")
    with proxy.connect(head + BODY[:9]) as through, socket.create_connection((name, int(port)), 20) as past:
        past.sendall(head + BODY[:9])
        assert past.recv(100).startswith(b"HTTP/1.1 408 ")
        through.sendall(BODY[9:])
        assert through.recv(100).startswith(b"HTTP/1.1 202 ")


def test_a_body_that_is_too_large_is_refused_by_keyturn_and_an_endless_one_by_nginx(proxy: Proxy) -> None:
    refused = proxy.answer("POST", REQUEST, b"x" * 1_048_576)
    assert (refused.status_code, refused.headers["content-type"]) == (413, "application/problem+json")
    refused = proxy.answer("POST", REQUEST, b"x" * 1_048_577)
    assert (refused.status_code, refused.headers["content-type"]) == (413, "text/html")


def test_a_client_has_50_requests_at_a_time_and_others_are_answered(proxy: Proxy) -> None:
    begun = f"POST {LINK} HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 9\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(proxy.connect(begun))
        with proxy.connect(begun) as one_more:
            assert one_more.recv(100).startswith(b"HTTP/1.1 503 ")
        assert proxy.answer("GET", "/health/live", client=OTHER).status_code == 200


def test_no_log_of_nginx_holds_a_token_even_of_a_request_that_fails(proxy: Proxy) -> None:
    assert proxy.answer("GET", LINK).status_code == 303
    assert proxy.answer("POST", LINK, b"x" * 1_048_577).status_code == 413
    logs = proxy.logs()

    assert '"GET /reset-password/[token]" 303' in logs
    assert '"POST /reset-password/[token]" 413' in logs
    assert "what-only-the-owner-knows" not in logs
