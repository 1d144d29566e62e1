"""The contract of senders: one suite, with a subclass for each sender without an HTTP API of its own."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.mail.providers.ports import closed_port
from tests.mail.providers.sender_contract import RefusingSenderContract, SenderContract
from tests.mail.providers.smtp_server import SmtpServer, running_smtp

from keyturn.mail.port.email import Sender
from keyturn.mail.providers.smtp import SmtpSender, SmtpSettings
from keyturn.mail.sending.senders import CaptureSender
from keyturn.testing import MemorySender

pytestmark = pytest.mark.slow


class TestCapture(SenderContract):
    @pytest.fixture
    def sender(self, tmp_path: Path) -> Sender:
        return CaptureSender(tmp_path)

    @pytest.fixture
    def delivered(self, tmp_path: Path) -> Callable[[], list[str]]:
        def subjects() -> list[str]:
            lines = [line for file in tmp_path.glob("*.eml") for line in file.read_text().splitlines()]
            return [line.removeprefix("Subject: ") for line in lines if line.startswith("Subject: ")]

        return subjects


class TestMemory(SenderContract):
    @pytest.fixture
    def sender(self) -> MemorySender:
        return MemorySender()

    @pytest.fixture
    def delivered(self, sender: MemorySender) -> Callable[[], list[str]]:
        return lambda: [mail.subject for mail in sender.sent]


class TestSmtp(RefusingSenderContract):
    @pytest.fixture
    async def server(self) -> AsyncIterator[SmtpServer]:
        async with running_smtp() as server:
            yield server

    @pytest.fixture
    def sender(self, patience: timedelta, server: SmtpServer) -> Sender:
        return SmtpSender(SmtpSettings(host="127.0.0.1", port=server.port, security="none"), patience)

    @pytest.fixture
    def nobody(self, patience: timedelta) -> Sender:
        return SmtpSender(SmtpSettings(host="127.0.0.1", port=closed_port(), security="none"), patience)

    @pytest.fixture
    def refuse(self, server: SmtpServer) -> Callable[[], None]:
        return lambda: server.replies.update(RCPT="550 no such mailbox")

    @pytest.fixture
    def delivered(self, server: SmtpServer) -> Callable[[], list[str]]:
        return lambda: [str(mail["subject"]) for mail in server.mails]
