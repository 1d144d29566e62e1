"""An inbox in this process that catches mails on a real socket."""

import smtplib
import socket
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from keyturn.emails.inbox.smtp_server import SmtpLimits, SmtpServer
from keyturn.emails.inbox.store import CapturedMails

LIMITS = SmtpLimits(size=64 * 1024, recipients=3, connections=2, idle=5)


@pytest.fixture
def captured() -> Iterator[CapturedMails]:
    captured = CapturedMails()
    yield captured
    captured.close()


@pytest.fixture
def server(captured: CapturedMails) -> Iterator[SmtpServer]:
    server = SmtpServer(socket.create_server(("127.0.0.1", 0)), captured, limits=LIMITS)
    with server.running():
        yield server


@pytest.fixture
def client(server: SmtpServer) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP(*server.address, timeout=10) as client:
        yield client


def mail(
    subject: str = "Welcome", to: str = "ada@northwind.example", text: str = "Hello Ada", html: str = ""
) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Northwind School <no-reply@northwind.example>"
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = "Fri, 20 Nov 2026 14:02:11 +0000"
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message
