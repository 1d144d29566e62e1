"""The spans: one trace from a request to its mail, where the process has OpenTelemetry, and no secret in it."""

import subprocess
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from tests.databases import SqliteFiles
from tests.spec.service import ADA, LOGIN, REQUEST, RESET, VALIDATE, Service, running, settings_for

from keyturn.errors import SendRetryable
from keyturn.settings import ServerSettings
from keyturn.telemetry.tracing import Tracing
from keyturn.telemetry.tracing.spans import OpenTelemetry

pytestmark = pytest.mark.long

FOREIGN_TRACE = "0af7651916cd43dd8448eb211c80319c"
FOREIGN = {"traceparent": f"00-{FOREIGN_TRACE}-b7ad6b7169203331-01"}


class Spans:
    """What a collector would have received."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def all(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def only(self, name: str) -> ReadableSpan:
        (span,) = [span for span in self.all() if span.name == name]
        return span

    def text(self) -> str:
        return "".join(span.to_json() for span in self.all())


@pytest.fixture
def spans() -> Spans:
    return Spans()


@pytest.fixture
def databases(sqlite: SqliteFiles) -> SqliteFiles:
    return sqlite


@pytest.fixture
def service_options(spans: Spans) -> dict[str, Any]:
    return {"tracing": OpenTelemetry(spans.provider)}


def trace_of(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}"


def attributes_of(span: ReadableSpan) -> Mapping[str, Any]:
    return span.attributes or {}


def is_child(span: ReadableSpan, parent: ReadableSpan) -> bool:
    return bool(span.parent and span.parent.span_id == parent.context.span_id) and trace_of(span) == trace_of(parent)


async def test_a_trace_leads_from_the_request_to_the_provider(service: Service, spans: Spans) -> None:
    await service.link()
    request = spans.only(f"POST {REQUEST}")
    delivery, sending = spans.only("outbox.deliver"), spans.only("mail.send")
    assert request.kind is SpanKind.SERVER
    assert is_child(delivery, request)
    assert is_child(sending, delivery)


async def test_request_mail_and_audit_share_a_name_with_the_spans(service: Service, spans: Spans) -> None:
    await service.link()
    (mail,) = service.inbox.mails
    (entry,) = await service.parts.audit.read()
    names = {
        attributes_of(span)["keyturn.request_id"] for span in spans.all() if "keyturn.request_id" in attributes_of(span)
    }
    assert names == {mail.tags["request_id"]} == {mail.headers["X-Request-ID"]} == {entry.request_id}
    assert "keyturn.request_id" in attributes_of(spans.only(f"POST {REQUEST}"))
    assert "keyturn.request_id" in attributes_of(spans.only("outbox.deliver"))


async def test_a_hash_is_a_span_of_its_request(service: Service, spans: Spans) -> None:
    token = await service.link()
    await service.reset(token)
    hashes = [span for span in spans.all() if span.name == "password.hash"]
    assert len(hashes) == 2, "whether it is the password that the account has, and the new one"
    assert all(is_child(span, spans.only(f"POST {RESET}")) for span in hashes)


async def test_a_confirmation_belongs_to_the_reset_that_it_confirms(service: Service, spans: Spans) -> None:
    await service.reset(await service.link())
    await service.deliver()
    _, confirmation = [span for span in spans.all() if span.name == "outbox.deliver"]
    assert is_child(confirmation, spans.only(f"POST {RESET}"))


async def test_a_path_is_shown_as_its_route(service: Service, spans: Spans) -> None:
    token = await service.link()
    await service.anywhere().get(f"/reset-password/{token}?email={ADA}")
    span = spans.only("GET /reset-password/{token}")
    assert attributes_of(span)["http.route"] == "/reset-password/{token}"


async def test_a_failure_tells_its_type_and_not_its_words(service: Service, spans: Spans) -> None:
    service.inbox.failures.append(SendRetryable(f"no room for {ADA}"))
    await service.ask()
    await service.deliver()
    sending = spans.only("mail.send")
    assert sending.status.status_code is StatusCode.ERROR
    assert attributes_of(sending)["error.type"] == "SendRetryable"
    assert sending.events == ()
    assert ADA not in spans.text()


async def test_a_stranger_cannot_choose_the_trace(service: Service, spans: Spans) -> None:
    await service.anywhere().post(REQUEST, json={"email": ADA}, headers=FOREIGN)
    assert trace_of(spans.only(f"POST {REQUEST}")) != FOREIGN_TRACE


async def test_behind_a_trusted_proxy_a_trace_goes_on(sqlite: SqliteFiles, spans: Spans) -> None:
    settings = settings_for(sqlite.migrated(), server=ServerSettings(trusted_proxies=("10.0.0.0/8",)))
    async with running(settings, tracing=OpenTelemetry(spans.provider)) as service:
        await service.at("10.0.0.7").post(REQUEST, json={"email": ADA}, headers=FOREIGN)
        await service.deliver()
    assert {trace_of(span) for span in spans.all()} == {FOREIGN_TRACE}


async def test_no_span_shows_who_asked_or_with_what(service: Service, spans: Spans) -> None:
    token = await service.link()
    client = service.at("198.18.77.1", headers={"User-Agent": "curl/8", "Referer": f"https://x.test/{token}"})
    await client.post(VALIDATE, json={"token": token, "email": ADA})
    await client.get(f"/reset-password?token={token}&email={ADA}")
    await client.post(LOGIN, json={"email": ADA, "password": "seven quiet harbours"})
    for secret in (token, ADA, "ada%40", "198.18.77.1", "seven quiet", *client.cookies.values()):
        assert secret not in spans.text()


async def test_without_a_tracer_a_message_still_names_its_request(sqlite: SqliteFiles) -> None:
    async with running(settings_for(sqlite.migrated()), tracing=Tracing()) as service:
        await service.add(ADA)
        await service.link()
        (mail,) = service.inbox.mails
        assert len(mail.tags["request_id"]) == 32


def python(code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )


@pytest.mark.parametrize("forbidden", ["opentelemetry", "structlog"])
def test_a_service_is_built_without_what_it_may_never_need(forbidden: str) -> None:
    python(
        f"import sys; sys.modules[{forbidden!r}] = None\n"
        "from keyturn.app import create_app; from keyturn.settings import *\n"
        "from keyturn.telemetry.logs import configure_logs\n"
        "from keyturn.telemetry.tracing import start_export\n"
        "configure_logs(); start_export()\n"
        "create_app(Settings(environment='development', mail=MailSettings(transport='capture')))"
    )


def test_a_library_that_nobody_has_set_up_costs_no_span() -> None:
    done = python(
        "import opentelemetry.trace; from keyturn.telemetry.tracing import tracing_of_process\n"
        "print(type(tracing_of_process()).__name__)"
    )
    assert done.stdout.strip() == "Tracing"


def test_an_endpoint_in_the_environment_gets_the_spans() -> None:
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
        python(
            "from keyturn.telemetry.tracing import tracing_of_process\n"
            "from keyturn.telemetry.tracing import start_export\n"
            "start_export()\nwith tracing_of_process().span('password.hash'): pass",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}",
            OTEL_EXPORTER_OTLP_COMPRESSION="none",
        )
        collector.shutdown()
        thread.join()
    (body,) = received
    assert b"password.hash" in body
    assert b"service.name" in body
    assert b"keyturn" in body


def test_an_endpoint_without_the_library_is_a_warning_and_no_failure() -> None:
    done = python(
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from keyturn.telemetry.tracing import start_export; start_export()",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1",
    )
    assert "pip install 'keyturn[otel]'" in done.stderr
