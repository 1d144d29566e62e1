"""Apps that insist on TLS: STARTTLS, and TLS at once, with the certificate that the inbox makes."""

import smtplib
import ssl

import pytest
from tests.studio.inbox.mails import mail, secure_port

from keyturn.studio.inbox.smtp_server import SmtpServer, SmtpTls
from keyturn.studio.inbox.store import CapturedMails

HERE = "127.0.0.1"


def trusting(tls: SmtpTls) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=tls.pem)


def test_starttls_and_tls_at_once(
    tls_server: SmtpServer, tls: SmtpTls, captured: CapturedMails
) -> None:
    with smtplib.SMTP("localhost", tls_server.address[1], timeout=10) as client:
        client.starttls(context=trusting(tls))
        client.login("the-app", "whatever")
        client.send_message(mail("One"))
        client.send_message(mail("Two"))
    with smtplib.SMTP_SSL(HERE, secure_port(tls), timeout=10, context=trusting(tls)) as client:
        client.send_message(mail("At once"))
    assert [kept.subject for kept in captured.newest()] == ["At once", "Two", "One"]
    assert captured.newest()[1].username == "the-app"


def test_a_client_that_does_not_know_the_certificate_sends_nothing(
    tls_server: SmtpServer, tls: SmtpTls, captured: CapturedMails, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        smtplib.SMTP(*tls_server.address, timeout=10) as client,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        client.starttls(context=ssl.create_default_context())
    assert "Traceback" not in caplog.text
    with pytest.raises(ssl.SSLCertVerificationError):
        smtplib.SMTP_SSL(HERE, secure_port(tls), timeout=10, context=ssl.create_default_context())
    with smtplib.SMTP(*tls_server.address, timeout=10) as plain:
        plain.send_message(mail())
    assert captured.count() == 1


def test_what_a_client_sends_before_tls_begins_is_thrown_away(
    tls_server: SmtpServer, tls: SmtpTls
) -> None:
    with smtplib.SMTP(*tls_server.address, timeout=10) as client:
        client.ehlo()
        client.send(
            "STARTTLS\r\nMAIL FROM:<evil@a.example>\r\n"
        )  # CVE-2011-0411: a command of a man in the middle
        assert client.getreply()[0] == 220
        assert client.sock
        client.sock = trusting(tls).wrap_socket(client.sock, server_hostname=HERE)
        client.file = None
        assert client.docmd("EHLO", "a.example")[0] == 250
        assert client.docmd("RCPT", "TO:<b@b.example>")[0] == 503  # no MAIL was kept
