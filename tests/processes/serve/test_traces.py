"""Traces as docs/observability.md says: what a collector gets of a service that `opentelemetry-instrument` starts."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.commands.command import ADA, PASSWORD
from tests.processes.serve.workers import PRODUCTION
from tests.servers.processes import running_program

pytestmark = pytest.mark.long

FOREIGN_TRACE = "0af7651916cd43dd8448eb211c80319c"
TOKEN = "a" * 43
HEADERS = {
    "traceparent": f"00-{FOREIGN_TRACE}-b7ad6b7169203331-01",
    "user-agent": "a browser",
    "x-forwarded-for": "198.18.77.1",
    "referer": f"https://app.example/{TOKEN}",
    "cookie": f"keyturn_session={TOKEN}",
}


@contextmanager
def collecting() -> Iterator[tuple[str, list[bytes]]]:
    """Yield the address of a collector, and the bodies that it gets."""
    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{collector.server_port}", received
        collector.shutdown()
        thread.join()


@pytest.mark.usefixtures("with_ada")
@pytest.mark.parametrize(("proxies", "joins"), [("", False), ("127.0.0.1", True)])
def test_a_request_is_a_span_that_shows_its_route_and_no_secret(proxies: str, joins: bool) -> None:
    instrument = str(Path(sys.executable).with_name("opentelemetry-instrument"))
    with collecting() as (collector, received):
        environment = PRODUCTION | {
            "KEYTURN_SERVER_TRUSTED_PROXIES": proxies,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
        }
        words = [instrument, sys.executable, "-m", "keyturn", "serve", "--no-worker", "--port", "0"]
        with running_program(words, None, **environment) as serve:
            with httpx2.Client(base_url=serve.url, headers=HEADERS) as client:
                client.get(f"/reset-password/{TOKEN}?email={ADA}")
                client.post("/api/auth/login", json={"email": ADA, "password": PASSWORD})
            assert serve.end() == 0
    told = b"".join(received)

    assert b"GET /reset-password/{token}" in told
    assert b"POST /api/auth/login" in told
    assert (bytes.fromhex(FOREIGN_TRACE) in told) is joins
    for secret in (TOKEN, ADA, "ada%40", PASSWORD, "198.18.77.1", "a browser", "app.example"):
        assert secret.encode() not in told
