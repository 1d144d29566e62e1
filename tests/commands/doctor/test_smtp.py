"""The SMTP server: reached, encrypted, logged in to, and no mail sent."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.servers.smtp import PASSWORD, USERNAME, authority, certificate, running_smtp

from keyturn.mail.port.check_result import CheckResult
from keyturn.mail.providers.smtp import Smtp
from keyturn.service.doctor.mail_provider import check_provider
from keyturn.service.settings import MailSettings, SecretStr, Settings

FROM = "Northwind School <accounts@northwind.example>"


async def check(
    port: int, host: str = "127.0.0.1", sender: str = FROM, **settings: Any
) -> list[CheckResult]:
    smtp = Smtp(host=host, port=port, **settings)
    mail = MailSettings(transport="smtp", from_=sender)
    return list(await check_provider(Settings(mail=mail, smtp=smtp), "smtp"))


LOGIN = {"username": USERNAME, "password": SecretStr(PASSWORD)}


@pytest.mark.parametrize(
    ("runs", "settings", "told"),
    [
        ({"starttls", "login"}, LOGIN, ("ok", "connected, encrypted, logged in", "")),
        ({"tls"}, {"security": "tls"}, ("ok", "connected, encrypted", "")),
        (
            {"starttls", "login"},
            LOGIN | {"password": SecretStr("hunter2")},
            ("fail", "535", "smtp.password"),
        ),
        ({"starttls", "login"}, {}, ("fail", "", "smtp.username")),
        ({"starttls", "untrusted"}, {}, ("fail", "certificate", "smtp.host")),
        (set(), {}, ("fail", "STARTTLS", 'smtp.security: "starttls"')),
        (set(), {"security": "tls"}, ("fail", "SSL", 'smtp.security: "starttls"')),
        (set(), LOGIN | {"security": "none"}, ("fail", "AUTH", "no login")),
        ({"MAIL"}, {"security": "none"}, ("fail", "accounts@northwind.example", "mail.from")),
    ],
)
async def test_what_the_server_answers_is_a_verdict_with_its_remedy(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    runs: set[str],
    settings: dict[str, Any],
    told: Sequence[str],
) -> None:
    verdict, said, fix = told
    if "untrusted" not in runs:
        authority().cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    encryption: Any = {name: certificate() for name in ("tls", "starttls") if name in runs}
    async with running_smtp(**encryption, login="login" in runs) as server:
        server.replies = {"MAIL": "553 not yours"} if "MAIL" in runs else {}
        (found,) = await check(server.port, **settings)

    assert (found.verdict, said in found.message, fix in found.fix) == (verdict, True, True)
    assert "hunter2" not in repr(found)
    assert server.envelopes == []


async def test_clear_text_over_a_network_is_a_doubt_and_a_refused_greeting_fails() -> None:
    async with running_smtp() as server:
        here = await check(server.port, security="none")
        there = await check(server.port, host="0.0.0.0", security="none")  # noqa: S104 - Linux connects to itself
    assert [[found.verdict for found in one] for one in (here, there)] == [["ok"], ["warn", "ok"]]

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"554 no service here\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as greeting:
        (refused,) = await check(greeting.sockets[0].getsockname()[1], security="none")
    (nobody,) = await check(1)
    for found, said, fix in (
        (refused, "554", "smtp.host"),
        (nobody, "127.0.0.1:1 cannot be used", "smtp.port"),
    ):
        assert (found.verdict, said in found.message, fix in found.fix) == ("fail", True, True)


@pytest.mark.parametrize(("sender", "address"), [
    ("Northwind <accounts@b\u00fccher.example>", "accounts@xn--bcher-kva.example"),
    ("j\u00fcrgen@northwind.example", "j\u00fcrgen@northwind.example"),
])  # fmt: skip
async def test_sender_beyond_ascii(sender: str, address: str) -> None:
    """The check names the sender as a mail does: A-labels in its domain, SMTPUTF8 for other
    letters.
    """
    async with running_smtp() as server:
        server.replies["MAIL"] = "553 not yours"
        (found,) = await check(server.port, sender=sender, security="none")
    assert found.message == f"127.0.0.1 refused {address} as the sender (553)"


async def test_server_without_password_login() -> None:
    """A server that takes no user name and password is named with the logins that it takes."""
    async with running_smtp() as server:
        server.replies["EHLO"] = "250-mx.test\r\n250 AUTH XOAUTH2"
        (found,) = await check(server.port, **LOGIN, security="none")
    assert found.message == f"127.0.0.1:{server.port} has no password login, only XOAUTH2"
    assert "choose another server" in found.fix
