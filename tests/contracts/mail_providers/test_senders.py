"""Senders without an HTTP API: SMTP and what its replies mean (RFC 5321, 4.2.1), a folder, and
memory for tests.
"""

import asyncio
import socket
import stat
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.contracts.mail_providers.conftest import RefusingSenderContract, SenderContract
from tests.servers.serving import DISCARD
from tests.servers.smtp import PASSWORD, USERNAME, SmtpServer, authority, certificate, running_smtp

from keyturn.errors import SendFailed, SendRefused, SendRetryable, SendUnknown
from keyturn.mail.port.email import Email, Sender
from keyturn.mail.providers.smtp import Smtp, SmtpSender
from keyturn.service.sending.senders import CaptureSender
from keyturn.service.settings import SecretStr
from keyturn.testing import MemorySender

pytestmark = pytest.mark.slow


LONG = timedelta(seconds=20)


def sender_to(port: int, timeout: timedelta = LONG, **settings: Any) -> SmtpSender:
    defaults: dict[str, Any] = {"host": "127.0.0.1", "security": "none"}
    return SmtpSender(Smtp(port=port, **defaults | settings), timeout)


@pytest.fixture
async def server() -> AsyncIterator[SmtpServer]:
    async with running_smtp() as server:
        yield server


class TestSmtp(RefusingSenderContract):
    @pytest.fixture
    def sender(self, server: SmtpServer) -> Sender:
        return sender_to(server.port)

    @pytest.fixture
    def nobody(self) -> Sender:
        return sender_to(DISCARD)

    @pytest.fixture
    def refuse(self, server: SmtpServer) -> Callable[[], None]:
        return lambda: server.replies.update(RCPT="550 no such mailbox")

    @pytest.fixture
    def delivered(self, server: SmtpServer) -> Callable[[], list[str]]:
        """Return the mails as a mail program shows them that folds repeats: by their Message-ID."""
        return lambda: [
            str(one["subject"]) for one in {one["message-id"]: one for one in server.mails}.values()
        ]


async def test_the_mail_arrives_with_both_parts_under_bare_addresses(
    server: SmtpServer, mail: Email
) -> None:
    assert await sender_to(server.port).send(mail, "key-1") == "<key-1@northwind.example>"

    (message,) = server.mails
    (envelope,) = server.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == (
        "accounts@northwind.example",
        ["ada@pupils.test"],
    )
    assert (message["from"], message["to"], message["subject"]) == (
        mail.sender,
        mail.to,
        mail.subject,
    )
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    plain, html = (part.get_content().replace("\r\n", "\n") for part in message.iter_parts())
    assert (plain, html.strip()) == (mail.text, mail.html)


async def test_a_mail_whose_last_reply_is_lost_may_be_there_and_be_folded(
    server: SmtpServer, mail: Email
) -> None:
    sender = sender_to(server.port)
    server.drops_answers = True
    with pytest.raises(SendUnknown) as unknown:
        await sender.send(mail, "key-1")
    assert unknown.value.retry_after == 600
    server.drops_answers = False
    await sender.send(mail, "key-1")
    await sender.close()

    assert [message["message-id"] for message in server.mails] == ["<key-1@northwind.example>"] * 2


async def test_a_server_may_have_a_mail_that_it_takes_too_long_to_take(
    server: SmtpServer, mail: Email
) -> None:
    server.handle_DATA = lambda *_: asyncio.Event().wait()  # type: ignore[assignment,method-assign]
    settings = Smtp(host="127.0.0.1", port=server.port, security="none")
    with pytest.raises(SendUnknown, match="TimeoutError") as unknown:
        await SmtpSender(settings, LONG, last_answer=timedelta(milliseconds=500)).send(
            mail, "key-1"
        )
    assert unknown.value.retry_after == 600


async def test_session_before_the_mail_is_bounded(server: SmtpServer, mail: Email) -> None:
    """A server that takes too long before the mail is handed over does not have it."""
    server.handle_RCPT = lambda *_: asyncio.Event().wait()  # type: ignore[assignment,method-assign]
    settings = Smtp(host="127.0.0.1", port=server.port, security="none")
    with pytest.raises(SendRetryable, match="TimeoutError") as failure:
        await SmtpSender(settings, LONG, longest=timedelta(milliseconds=500)).send(mail, "key-1")
    assert failure.value.not_accepted


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    ("reply", "failure", "reason"),
    [
        ("451 4.7.1 Greylisted, ada@pupils.test, come back later", SendRetryable, "SMTP 451"),
        ("550 5.1.1 No such mailbox: ada@pupils.test", SendRefused, "SMTP 550"),
    ],
)
async def test_a_reply_in_the_four_hundreds_may_work_later_and_one_in_the_five_hundreds_is_for_good(
    server: SmtpServer,
    mail: Email,
    command: str,
    reply: str,
    failure: type[SendFailed],
    reason: str,
) -> None:
    server.replies[command] = reply

    with pytest.raises(failure) as error:
        await sender_to(server.port).send(mail, "key-1")
    assert (error.value.reason, error.value.__cause__, error.value.__suppress_context__) == (
        reason,
        None,
        True,
    )
    refuses_sender = isinstance(error.value, SendRefused) and error.value.account
    assert refuses_sender == (command == "MAIL" and failure is SendRefused), (
        "another provider may take the mail"
    )
    assert server.envelopes == []


async def test_a_server_that_refuses_this_client_is_missing_or_never_greets_is_tried_again_later(
    server: SmtpServer, mail: Email
) -> None:
    server.replies |= dict.fromkeys(("EHLO", "HELO"), "550 5.7.1 Access denied")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for sender, why in (
            (sender_to(server.port), "SMTP 550"),
            (sender_to(silent.getsockname()[1], timedelta(milliseconds=200)), "Timeout"),
            (sender_to(DISCARD, host="mx.invalid"), None),  # RFC 6761
        ):
            async with asyncio.timeout(20):
                with pytest.raises(SendRetryable, match=why) as error:
                    await sender.send(mail, "key-1")
            assert error.value.not_accepted


async def test_an_address_with_letters_beyond_ascii_arrives(
    server: SmtpServer, mail: Email
) -> None:
    await sender_to(server.port).send(
        msgspec.structs.replace(mail, to="jürgen@pupils.test"), "key-1"
    )

    (envelope,) = server.envelopes
    assert envelope.rcpt_tos == ["jürgen@pupils.test"]
    assert "SMTPUTF8" in envelope.mail_options
    assert "\r\nTo: jürgen@pupils.test\r\n".encode() in (envelope.original_content or b"")


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make OpenSSL trust the authority, as an operator does who runs one of their own."""
    authority().cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_nothing_is_said_before_it_is_encrypted(mail: Email, security: str) -> None:
    secured: dict[str, Any] = {security: certificate()}
    async with running_smtp(**secured) as server:
        await sender_to(server.port, security=security).send(mail, "key-1")

    assert server.encrypted == [True]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"security": "starttls"}, "no STARTTLS"),
        ({"security": "none", "username": USERNAME, "password": SecretStr(PASSWORD)}, "no AUTH"),
    ],
)
async def test_a_server_without_encryption_or_log_in_gets_nothing_and_the_reason_says_what_it_lacks(
    mail: Email, settings: dict[str, Any], reason: str
) -> None:
    async with running_smtp() as server:
        with pytest.raises(SendRetryable) as error:
            await sender_to(server.port, **settings).send(mail, "key-1")

    assert server.envelopes == []
    assert (error.value.reason, error.value.not_accepted) == (reason, True)


async def test_server_without_password_login(server: SmtpServer, mail: Email) -> None:
    """A server that takes no user name and password refuses this account, for good; the reason says
    what it takes.
    """
    server.replies["EHLO"] = "250-mx.test\r\n250 AUTH XOAUTH2 gssapi <b>"
    with pytest.raises(SendRefused) as error:
        await sender_to(server.port, username=USERNAME, password=SecretStr(PASSWORD)).send(
            mail, "key-1"
        )

    assert error.value.reason == "no password login, only XOAUTH2, GSSAPI"
    assert error.value.account
    assert server.envelopes == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize(
    "trusts_the_authority", [False, True], ids=["an unknown authority", "another name"]
)
async def test_a_certificate_of_an_unknown_authority_or_for_another_name_is_not_accepted(
    mail: Email, security: str, trusts_the_authority: bool, request: pytest.FixtureRequest
) -> None:
    if trusts_the_authority:
        request.getfixturevalue("trusted")
    secured: dict[str, Any] = {
        security: certificate("mx.elsewhere.test") if trusts_the_authority else certificate()
    }
    async with running_smtp(**secured) as server:
        with pytest.raises(SendRetryable, match="SSLCertVerificationError"):
            await sender_to(server.port, security=security).send(mail, "key-1")

    assert server.envelopes == []


@pytest.mark.usefixtures("trusted")
async def test_a_log_in_is_made_where_one_is_set_and_a_wrong_one_refused_and_not_repeated(
    mail: Email, caplog: pytest.LogCaptureFixture
) -> None:
    login: dict[str, Any] = {"security": "starttls", "username": USERNAME}
    wrong = "a loud harbour"
    async with running_smtp(starttls=certificate(), login=True) as server:
        await sender_to(server.port, **login, password=SecretStr(PASSWORD)).send(mail, "key-1")
        with pytest.raises(SendRefused) as error:
            await sender_to(server.port, **login, password=SecretStr(wrong)).send(mail, "key-1")

    assert len(server.mails) == 1
    assert (error.value.reason, error.value.account) == ("SMTP 535", True)
    assert wrong not in f"{error.value!r} {caplog.text}"


async def test_a_mail_is_one_file_under_its_key_that_nobody_else_here_can_read(
    tmp_path: Path, mail: Email
) -> None:
    await asyncio.to_thread(tmp_path.chmod, 0o750)
    made = tmp_path / "a" / "b"
    sender = CaptureSender(made)
    for _ in range(2):
        assert await sender.send(mail, "key-1") == "key-1"
    await sender.close()

    (file,) = await asyncio.to_thread(lambda: [*made.iterdir()])
    assert file.name == "key-1.eml"
    assert [rights(path) for path in (tmp_path / "a", made, file)] == [0o700, 0o700, 0o600]
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert (message["to"], message["subject"]) == (mail.to, mail.subject)
    await CaptureSender(tmp_path).send(mail, "key-1")
    assert rights(tmp_path) == 0o750, "a folder that is there keeps its rights"


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestMemory(SenderContract):
    @pytest.fixture
    def sender(self) -> MemorySender:
        return MemorySender()

    @pytest.fixture
    def delivered(self, sender: MemorySender) -> Callable[[], list[str]]:
        return lambda: [mail.subject for mail in sender.sent]


async def test_a_refusal_is_of_the_next_mail_alone(mail: Email) -> None:
    sender = MemorySender()
    sender.refuse(SendRetryable("down"))
    with pytest.raises(SendRetryable, match="down"):
        await sender.send(mail, "key-1")
    await sender.send(mail, "key-1")
    assert sender.sent == [mail]


async def test_smtp_waits_for_the_last_answer(mail: Email) -> None:
    """The reply to the end of a mail has the ten minutes of RFC 5321, 4.5.3.2.6, and other replies
    have a time-out.
    """
    async with running_smtp() as server:
        server.answers.clear()
        sender = sender_to(server.port, timeout=timedelta(seconds=0.2))
        sending = asyncio.create_task(sender.send(mail, "key-1"))
        async with asyncio.timeout(10):
            await server.taken.wait()
        done, _ = await asyncio.wait({sending}, timeout=1)
        assert not done
        server.answers.set()
        assert await sending

    assert len(server.mails) == 1
