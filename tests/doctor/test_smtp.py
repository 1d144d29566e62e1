"""The SMTP server: reached, encrypted, logged in to, and no mail sent."""

import asyncio
import ssl
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.mail.providers.smtp_server import PASSWORD, USERNAME, running_smtp

from keyturn.doctor.examination import check_provider
from keyturn.finding import Finding
from keyturn.mail.providers.smtp import SmtpSettings
from keyturn.settings import MailSettings, Secret, Settings


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def _trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


async def check(port: int, host: str = "127.0.0.1", **settings: Any) -> list[Finding]:
    smtp = SmtpSettings(host=host, port=port, **settings)
    mail = MailSettings(
        transport="smtp", from_="Northwind School <accounts@northwind.example>", timeout=timedelta(seconds=2)
    )
    found = list(await check_provider(Settings(mail=mail, smtp=smtp), "smtp"))
    assert {finding.check for finding in found} == {"smtp"}
    return found


async def one(port: int, **settings: Any) -> Finding:
    (found,) = await check(port, **settings)
    return found


def login(**changes: Any) -> dict[str, Any]:
    return {"username": USERNAME, "password": Secret(PASSWORD)} | changes


@pytest.mark.usefixtures("_trusted")
async def test_a_server_that_encrypts_and_takes_the_log_in_is_fine(certificate: ssl.SSLContext) -> None:
    async with running_smtp(starttls=certificate, login=True) as server:
        found = await one(server.port, **login())

    assert found.verdict == "ok"
    assert "connected, encrypted, logged in" in found.message
    assert server.envelopes == []


@pytest.mark.usefixtures("_trusted")
async def test_a_server_that_encrypts_from_the_first_byte_is_fine(certificate: ssl.SSLContext) -> None:
    async with running_smtp(tls=certificate) as server:
        found = await one(server.port, security="tls")

    assert found.verdict == "ok"
    assert "connected, encrypted" in found.message


@pytest.mark.usefixtures("_trusted")
async def test_a_wrong_log_in_fails_and_the_password_is_not_repeated(certificate: ssl.SSLContext) -> None:
    async with running_smtp(starttls=certificate, login=True) as server:
        found = await one(server.port, **login(password=Secret("hunter2")))

    assert found.verdict == "fail"
    assert "535" in found.message
    assert "smtp.password" in found.mend
    assert "hunter2" not in repr(found)


@pytest.mark.usefixtures("_trusted")
async def test_a_missing_log_in_fails(certificate: ssl.SSLContext) -> None:
    async with running_smtp(starttls=certificate, login=True) as server:
        found = await one(server.port)

    assert found.verdict == "fail"
    assert "smtp.username" in found.mend


async def test_a_certificate_that_is_not_valid_fails(certificate: ssl.SSLContext) -> None:
    async with running_smtp(starttls=certificate) as server:
        found = await one(server.port)

    assert found.verdict == "fail"
    assert "certificate" in found.message
    assert "smtp.host" in found.mend


async def test_a_server_without_starttls_fails() -> None:
    async with running_smtp() as server:
        found = await one(server.port)

    assert found.verdict == "fail"
    assert 'smtp.security to "tls"' in found.mend


async def test_tls_to_a_server_that_starts_in_clear_fails() -> None:
    async with running_smtp() as server:
        found = await one(server.port, security="tls")

    assert found.verdict == "fail"
    assert 'smtp.security to "starttls"' in found.mend


async def test_a_log_in_that_is_not_offered_fails() -> None:
    async with running_smtp() as server:
        found = await one(server.port, security="none", **login())

    assert found.verdict == "fail"
    assert "no login" in found.message


async def test_a_sender_that_is_refused_fails() -> None:
    async with running_smtp() as server:
        server.replies["MAIL"] = "553 not yours"
        found = await one(server.port, security="none")

    assert found.verdict == "fail"
    assert "accounts@northwind.example" in found.message
    assert "mail.from" in found.mend


async def test_a_greeting_that_is_a_refusal_fails() -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"554 no service here\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        found = await one(server.sockets[0].getsockname()[1], security="none")

    assert found.verdict == "fail"
    assert "554" in found.message
    assert "smtp.host" in found.mend


async def test_nobody_at_the_address_fails() -> None:
    found = await one(1)

    assert found.verdict == "fail"
    assert "cannot connect to 127.0.0.1:1" in found.message
    assert "smtp.port" in found.mend


async def test_in_clear_over_a_network_is_a_doubt() -> None:
    async with running_smtp() as server:
        here = await check(server.port, security="none")
        there = await check(server.port, host="0.0.0.0", security="none")  # noqa: S104 - Linux connects to itself

    assert [found.verdict for found in here] == ["ok"]
    assert [found.verdict for found in there] == ["warn", "ok"]


async def test_smtp_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiosmtplib", None)
    found = await one(25)

    assert found.verdict == "fail"
    assert found.mend == "Run `pip install 'keyturn[smtp]'`."
