"""An inbox in this process that catches mails on a real socket."""

import smtplib
import socket
from collections.abc import Iterator

import pytest
from tests.studio.inbox.mails import LIMITS

from keyturn.studio.inbox.smtp_server import SmtpServer, SmtpTls
from keyturn.studio.inbox.store import CapturedMails


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


@pytest.fixture
def tls() -> SmtpTls:
    return SmtpTls.open("127.0.0.1", at_once=socket.create_server(("127.0.0.1", 0)), starttls=True)


@pytest.fixture
def tls_server(captured: CapturedMails, tls: SmtpTls) -> Iterator[SmtpServer]:
    server = SmtpServer(socket.create_server(("127.0.0.1", 0)), captured, tls=tls)
    with server.running():
        yield server
