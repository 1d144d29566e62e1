"""What apps hand over by SMTP is kept, and what is too much is refused with a reply that says
so.
"""

import smtplib
import socket
import threading
from collections import deque
from itertools import repeat

import pytest
from tests.studio.inbox.mails import LIMITS, mail

from keyturn.studio.inbox.mail import MailContent
from keyturn.studio.inbox.smtp_server import SmtpLimits, SmtpServer
from keyturn.studio.inbox.store import CapturedMails


def test_a_mail_is_kept_as_it_was_sent_with_its_envelope(
    client: smtplib.SMTP, captured: CapturedMails
) -> None:
    client.login("the-app", "whatever")  # any name and password, without TLS
    client.send_message(
        mail(to="Ada <ada+signup@northwind.example>"),
        "bounces@northwind.example",
        ["ada+signup@northwind.example", "hidden@northwind.example"],
    )
    (kept,) = captured.newest()
    assert captured.raw(kept).endswith(b"\r\n\r\nHello Ada\r\n")
    assert (kept.subject, kept.username) == ("Welcome", "the-app")
    assert kept.return_path == "bounces@northwind.example"
    assert [each.address for each in kept.bcc] == ["hidden@northwind.example"]


def test_what_is_in_a_mail_comes_through_whatever_it_is(
    client: smtplib.SMTP, captured: CapturedMails
) -> None:
    client.send_message(mail("Grüße aus 東京", "jürgen@northwind.example", "Schöne Grüße"))
    kept = captured.newest()[0]
    assert (kept.subject, kept.to_line) == ("Grüße aus 東京", "jürgen@northwind.example")
    assert MailContent(captured.raw(kept)).text == "Schöne Grüße\n"
    text = b"\r\n.one\r\n..two\r\n" + b"x" * 30_000 + b"\r\n"
    client.sendmail("a@a.example", ["b@b.example"], b"Subject: x\r\n" + text)
    assert captured.raw(captured.newest()[0]).endswith(text)


def test_a_mail_over_the_limit_is_refused_and_the_next_one_taken(
    client: smtplib.SMTP, captured: CapturedMails
) -> None:
    with pytest.raises(smtplib.SMTPSenderRefused) as refused:  # by the size that the client tells
        client.sendmail("a@a.example", ["b@b.example"], b"x" * (LIMITS.size + 1))
    assert refused.value.smtp_code == 552
    client.ehlo_resp = b""  # one that tells none
    client.esmtp_features.pop("size")
    with pytest.raises(smtplib.SMTPDataError) as too_big:
        client.sendmail(
            "a@a.example", ["b@b.example"], b"x" * 70 + (b"\r\n" + b"x" * 70) * (LIMITS.size // 70)
        )
    assert too_big.value.smtp_code == 552
    client.send_message(mail())
    assert captured.count() == 1


def test_addresses_of_any_bytes_and_a_submitter_are_accepted(
    client: smtplib.SMTP, captured: CapturedMails
) -> None:
    client.ehlo()
    client.send(
        "MAIL FROM:<josé@b.example> AUTH=<> SIZE=9\r\nRCPT TO:<bärbel@b.example>\r\n".encode(
            "latin-1"
        )
    )
    assert [client.getreply()[0], client.getreply()[0]] == [250, 250]
    assert client.data("Hello")[0] == 250
    (kept,) = captured.newest()
    assert (kept.return_path, kept.to_line) == ("josé@b.example", "bärbel@b.example")


def test_a_line_without_end_is_cut_off(client: smtplib.SMTP, captured: CapturedMails) -> None:
    client.helo()
    client.mail("a@a.example")
    client.rcpt("b@b.example")
    assert client.docmd("DATA")[0] == 354
    with pytest.raises((OSError, smtplib.SMTPServerDisconnected)):
        client.send(b"x" * 64 * 1024**2)
    assert captured.count() == 0


def test_more_recipients_than_the_limit_are_refused_for_now(
    client: smtplib.SMTP, captured: CapturedMails
) -> None:
    refused = client.send_message(
        mail(), to_addrs=[f"{number}@northwind.example" for number in range(5)]
    )
    assert {code for code, _ in refused.values()} == {452}
    assert len(list(captured.newest()[0].recipients)) == 1 + LIMITS.recipients


def test_more_connections_than_the_limit_are_told_to_come_back(server: SmtpServer) -> None:
    with (
        smtplib.SMTP(*server.address, timeout=10) as one,
        smtplib.SMTP(*server.address, timeout=10) as two,
    ):
        assert one.noop()[0] == two.noop()[0] == 250
        with pytest.raises(smtplib.SMTPConnectError) as refused:
            smtplib.SMTP(*server.address, timeout=10)
        assert refused.value.smtp_code == 421
    with smtplib.SMTP(*server.address, timeout=10) as later:
        assert later.noop()[0] == 250


def test_clients_that_say_nothing_or_never_end_are_let_go_and_so_is_each_when_it_ends(
    captured: CapturedMails,
) -> None:
    def started(limits: SmtpLimits) -> SmtpServer:
        return SmtpServer(socket.create_server(("127.0.0.1", 0)), captured, limits=limits)

    silent = started(SmtpLimits(idle=0.05))
    with silent.running(), socket.create_connection(silent.address, timeout=10) as connection:
        assert connection.recv(100).startswith(b"220 ")
        assert connection.recv(100) == b""
    endless = started(SmtpLimits(session=0.05))
    with endless.running(), smtplib.SMTP(*endless.address, timeout=10) as client:
        with pytest.raises((OSError, smtplib.SMTPServerDisconnected)):
            deque((client.noop() for _ in repeat(None)), maxlen=0)
        client.close()
    server = started(SmtpLimits())
    with socket.create_connection(("127.0.0.1", server.address[1]), timeout=10) as connection:
        with server.running():
            assert connection.recv(100).startswith(b"220 ")
        assert connection.recv(100) == b""


def test_mails_of_many_clients_at_once_all_arrive(captured: CapturedMails) -> None:
    server = SmtpServer(socket.create_server(("127.0.0.1", 0)), captured)

    def send(number: int) -> None:
        with smtplib.SMTP(*server.address, timeout=30) as client:
            for each in range(5):
                client.send_message(mail(f"{number}/{each}"))

    with server.running():
        threads = [threading.Thread(target=send, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {kept.subject for kept in captured.newest()} == {
        f"{one}/{two}" for one in range(8) for two in range(5)
    }
