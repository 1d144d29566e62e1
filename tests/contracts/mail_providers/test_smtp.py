"""Handing mails to an SMTP server, and what its replies mean (RFC 5321, 4.2.1)."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.contracts.mail_providers.sender_contract import RefusingSenderContract
from tests.servers.serving import DISCARD
from tests.servers.smtp import SmtpServer, running_smtp

from keyturn.errors import SendFailed, SendRefused, SendRetryable, SendUnknown
from keyturn.mail.port.email import Email, Sender
from keyturn.mail.providers.smtp import SmtpSender, SmtpSettings

pytestmark = pytest.mark.slow


def sender_to(port: int, timeout: timedelta = timedelta(seconds=20), **settings: Any) -> SmtpSender:
    defaults: dict[str, Any] = {"security": "none"}
    return SmtpSender(SmtpSettings(host="127.0.0.1", port=port, **defaults | settings), timeout)


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
        return lambda: [str(mail["subject"]) for mail in server.mails]


async def test_the_mail_arrives_with_both_parts_under_bare_addresses(server: SmtpServer, mail: Email) -> None:
    await sender_to(server.port).send(mail, "key-1")

    (message,) = server.mails
    (envelope,) = server.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("accounts@northwind.example", ["ada@pupils.test"])
    assert (message["from"], message["to"], message["subject"]) == (mail.sender, mail.to, mail.subject)
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    plain, html = (part.get_content().replace("\r\n", "\n") for part in message.iter_parts())
    assert (plain, html.strip()) == (mail.text, mail.html)


async def test_every_try_has_the_same_message_id_so_that_a_repeat_can_be_folded(
    server: SmtpServer, mail: Email
) -> None:
    sender = sender_to(server.port)
    answers = [await sender.send(mail, "key-1"), await sender.send(mail, "key-1")]
    await sender.close()

    assert answers == ["<key-1@northwind.example>"] * 2
    assert [message["message-id"] for message in server.mails] == answers


async def test_a_mail_whose_last_reply_is_lost_may_be_there_and_its_repeat_can_be_folded(
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


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    ("reply", "failure", "reason"),
    [
        ("451 4.7.1 Greylisted, ada@pupils.test, come back later", SendRetryable, "SMTP 451"),
        ("550 5.1.1 No such mailbox: ada@pupils.test", SendRefused, "SMTP 550"),
    ],
)
async def test_a_reply_in_the_four_hundreds_may_work_later_and_one_in_the_five_hundreds_is_for_good(
    server: SmtpServer, mail: Email, command: str, reply: str, failure: type[SendFailed], reason: str
) -> None:
    server.replies[command] = reply

    with pytest.raises(failure) as error:
        await sender_to(server.port).send(mail, "key-1")
    assert error.value.reason == reason
    assert server.envelopes == []


async def test_a_server_that_refuses_this_client_is_tried_again_later(server: SmtpServer, mail: Email) -> None:
    server.replies |= dict.fromkeys(("EHLO", "HELO"), "550 5.7.1 Access denied")

    with pytest.raises(SendRetryable, match="SMTP 550") as error:
        await sender_to(server.port).send(mail, "key-1")
    assert error.value.not_accepted


async def test_a_host_that_does_not_exist_is_tried_again_later(mail: Email) -> None:
    settings = SmtpSettings(host="mx.invalid", security="none")  # RFC 6761

    with pytest.raises(SendRetryable):
        await SmtpSender(settings, timedelta(seconds=2)).send(mail, "key-1")


async def test_a_server_that_never_greets_is_given_up_after_the_time_out(mail: Email) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sender = sender_to(silent.getsockname()[1], timeout=timedelta(milliseconds=200))
        async with asyncio.timeout(20):
            with pytest.raises(SendRetryable, match="Timeout"):
                await sender.send(mail, "key-1")


async def test_an_address_with_letters_beyond_ascii_arrives(server: SmtpServer, mail: Email) -> None:
    await sender_to(server.port).send(msgspec.structs.replace(mail, to="jürgen@pupils.test"), "key-1")

    (envelope,) = server.envelopes
    assert envelope.rcpt_tos == ["jürgen@pupils.test"]
    assert "SMTPUTF8" in envelope.mail_options
    assert "\r\nTo: jürgen@pupils.test\r\n".encode() in (envelope.original_content or b"")
