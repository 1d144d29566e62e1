"""What every transport keeps to, whoever stands behind it: one suite, an adapter each."""

import socket
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests.resend_server.answers import refusal
from tests.resend_server.server import API_KEY, ResendServer
from tests.senders.smtp_server import SmtpServer, running_smtp

from keyturn.errors import SendRefused, SendRetryable
from keyturn.mail.capture import CaptureSender
from keyturn.mail.email import Email, Sender
from keyturn.mail.resend import ResendSender
from keyturn.mail.smtp import SmtpSender
from keyturn.settings import SmtpSettings

BRIEF = timedelta(milliseconds=500)


class SenderContract:
    """An adapter gives `sender` and `delivered`, the subjects of the mails that arrived."""

    name: str

    async def test_it_says_who_it_is(self, sender: Sender) -> None:
        assert sender.name == self.name

    async def test_an_accepted_mail_arrives_and_has_an_id(
        self, sender: Sender, delivered: Callable[[], list[str]], mail: Email
    ) -> None:
        assert await sender.send(mail, "key-1")
        assert delivered() == [mail.subject]

    async def test_two_mails_arrive_under_two_ids(
        self, sender: Sender, delivered: Callable[[], list[str]], mail: Email
    ) -> None:
        other = msgspec.structs.replace(mail, subject="Another mail")
        ids = {await sender.send(mail, "key-1"), await sender.send(other, "key-2")}

        assert len(ids) == 2
        assert sorted(delivered()) == ["Another mail", mail.subject]

    async def test_a_repeat_under_the_same_key_has_the_same_id(self, sender: Sender, mail: Email) -> None:
        assert await sender.send(mail, "key-1") == await sender.send(mail, "key-1")

    async def test_it_can_be_closed_unused(self, sender: Sender) -> None:
        await sender.close()


class RefusingContract(SenderContract):
    """What holds besides where somebody else may refuse: `refuse` makes the provider say no, `nobody` is not there."""

    async def test_a_mail_that_is_refused_for_good_says_so(
        self, sender: Sender, refuse: Callable[[], None], delivered: Callable[[], list[str]], mail: Email
    ) -> None:
        refuse()
        with pytest.raises(SendRefused):
            await sender.send(mail, "key-1")
        assert delivered() == []

    async def test_where_nobody_answers_it_is_certain_that_nobody_has_it(self, nobody: Sender, mail: Email) -> None:
        with pytest.raises(SendRetryable) as failure:
            await nobody.send(mail, "key-1")
        assert failure.value.sure


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class TestCapture(SenderContract):
    name = "capture"

    @pytest.fixture
    def sender(self, tmp_path: Path) -> Sender:
        return CaptureSender(tmp_path)

    @pytest.fixture
    def delivered(self, tmp_path: Path) -> Callable[[], list[str]]:
        def subjects() -> list[str]:
            lines = [line for file in tmp_path.glob("*.eml") for line in file.read_text().splitlines()]
            return [line.removeprefix("Subject: ") for line in lines if line.startswith("Subject: ")]

        return subjects


class TestResend(RefusingContract):
    name = "resend"

    @pytest.fixture
    async def sender(self, resend: ResendServer) -> AsyncIterator[Sender]:
        sender = ResendSender(API_KEY, resend.url, BRIEF)
        yield sender
        await sender.close()

    @pytest.fixture
    async def nobody(self) -> AsyncIterator[Sender]:
        sender = ResendSender(API_KEY, f"http://127.0.0.1:{_closed_port()}", BRIEF)
        yield sender
        await sender.close()

    @pytest.fixture
    def refuse(self, resend: ResendServer) -> Callable[[], None]:
        return lambda: resend.coming.append(refusal(422, "validation_error"))

    @pytest.fixture
    def delivered(self, resend: ResendServer) -> Callable[[], list[str]]:
        return lambda: [str(mail.fields["subject"]) for mail in resend.accepted]


class TestSmtp(RefusingContract):
    name = "smtp"

    @pytest.fixture
    async def server(self) -> AsyncIterator[SmtpServer]:
        async with running_smtp() as server:
            yield server

    @pytest.fixture
    def sender(self, server: SmtpServer) -> Sender:
        return SmtpSender(SmtpSettings(host="127.0.0.1", port=server.port, security="none", timeout=BRIEF))

    @pytest.fixture
    def nobody(self) -> Sender:
        return SmtpSender(SmtpSettings(host="127.0.0.1", port=_closed_port(), security="none", timeout=BRIEF))

    @pytest.fixture
    def refuse(self, server: SmtpServer) -> Callable[[], None]:
        return lambda: server.replies.update(RCPT="550 no such mailbox")

    @pytest.fixture
    def delivered(self, server: SmtpServer) -> Callable[[], list[str]]:
        return lambda: [str(mail["subject"]) for mail in server.mails]
