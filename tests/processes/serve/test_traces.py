"""Traces as docs/observability.md says: what a collector gets of a service that
`opentelemetry-instrument` starts.
"""

import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.commands.command import ADA, PASSWORD
from tests.processes.serve.workers import PRODUCTION
from tests.servers.processes import running_program
from tests.servers.serving import body_of, send_answer, serving

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


@pytest.mark.usefixtures("with_ada")
@pytest.mark.parametrize(("proxies", "joins"), [("", False), ("127.0.0.1", True)])
def test_a_request_is_a_span_that_shows_its_route_and_no_secret(proxies: str, joins: bool) -> None:
    instrument = str(Path(sys.executable).with_name("opentelemetry-instrument"))
    received = []

    async def collect(scope: Any, receive: Any, send: Any) -> None:
        assert scope["path"] == "/v1/traces"
        received.append(await body_of(receive))
        await send_answer(send, 200, b"", {})

    with serving(collect) as collector:
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
            with httpx2.Client(base_url=serve.url, headers=HEADERS, timeout=30) as client:
                client.get(f"/reset-password/{TOKEN}?email={ADA}")
                client.post("/api/auth/login", json={"email": ADA, "password": PASSWORD})
            assert serve.end() == 0
    told = b"".join(received)

    assert b"GET /reset-password/{token}" in told
    assert b"POST /api/auth/login" in told
    assert (bytes.fromhex(FOREIGN_TRACE) in told) is joins
    for secret in (TOKEN, ADA, "ada%40", PASSWORD, "198.18.77.1", "a browser", "app.example"):
        assert secret.encode() not in told
