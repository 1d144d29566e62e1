"""The app that is told: found and reached, and told nothing by the doctor."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from keyturn.mail.port.finding import Finding
from keyturn.service.doctor import Dns, examine
from keyturn.service.doctor.services import check_webhook
from keyturn.service.settings import Secret, Settings, WebhookSettings
from keyturn.service.settings.reading import Reading


@asynccontextmanager
async def listening(
    context: ssl.SSLContext | None = None, greeting: bytes = b""
) -> AsyncIterator[tuple[int, bytearray]]:
    """Yield the port of a server, and what it was sent once the block has ended."""
    sent = bytearray()
    under_way = set[asyncio.Task[None] | None]()

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way.add(asyncio.current_task())
        with contextlib.suppress(OSError):
            writer.write(greeting)
            sent.extend(await reader.read())
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async with await asyncio.start_server(note, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1], sent
        async with asyncio.timeout(5):
            await asyncio.gather(*filter(None, under_way))


async def check(url: str) -> Finding:
    hooks = WebhookSettings(url=Secret(url), secret=Secret("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"))
    (found,) = await check_webhook(Settings(webhooks=hooks))
    return found


async def test_an_app_that_is_reached_is_fine_and_is_sent_nothing() -> None:
    async with listening() as (port, sent):
        found = await check(f"http://127.0.0.1:{port}/hook")

    assert (found.check, found.verdict) == ("webhook", "ok")
    assert found.message == f"127.0.0.1:{port} can be reached"
    assert sent == b""


async def test_over_https_the_certificate_is_looked_at(
    certificate: ssl.SSLContext, authority_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority_file))
    async with listening(certificate) as (port, _):
        assert (await check(f"https://127.0.0.1:{port}/hook")).verdict == "ok"
        wrong = await check(f"https://localhost:{port}/hook")

    assert wrong.verdict == "warn"
    assert "certificate" in wrong.message


async def test_an_app_that_speaks_no_tls_is_said_so() -> None:
    async with listening(greeting=b"HTTP/1.1 400 Bad Request\r\n\r\n") as (port, _):
        found = await check(f"https://127.0.0.1:{port}/hook")

    assert found.verdict == "warn"
    assert found.message.startswith(f"cannot connect to 127.0.0.1:{port}: ")


async def test_an_app_that_cannot_be_reached_or_found_is_a_warning_with_a_way_out() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        refused = await check(f"http://127.0.0.1:{bound.getsockname()[1]}/hook")
    unknown = await check("https://nobody.invalid/hook")  # RFC 6761

    assert refused.verdict == unknown.verdict == "warn"
    assert refused.message.startswith("cannot connect to 127.0.0.1:")
    assert "cannot connect to nobody.invalid:443" in unknown.message
    assert "webhooks.url" in refused.mend
    assert "webhooks.url" in unknown.mend


async def test_the_doctor_looks_where_an_address_is_set_and_not_elsewhere(production: Settings, dns: Dns) -> None:
    async def checks(settings: Settings) -> set[str]:
        reading = Reading(file=Path("keyturn.toml"), settings=settings, faults=())
        return {finding.check for finding in await examine(reading, dns)}

    assert "webhook" not in await checks(production)
    hooks = WebhookSettings(url=Secret("http://127.0.0.1:1/hook"))
    assert "webhook" in await checks(msgspec.structs.replace(production, webhooks=hooks))
