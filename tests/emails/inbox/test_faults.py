"""What goes wrong on request: the app meets it over SMTP, as it would with a provider."""

import smtplib
import threading

import msgspec
import pytest
from tests.emails.inbox.mails import mail

from keyturn.emails.inbox.faults import SmtpFault, SmtpFaults, Step
from keyturn.emails.inbox.smtp_server import SmtpServer
from keyturn.emails.inbox.store import CapturedMails


@pytest.mark.parametrize(
    ("step", "code"), [("connect", 421), ("auth", 535), ("mail", 451), ("rcpt", 450), ("data", 554)]
)
def test_each_step_is_refused_with_the_reply_that_was_asked_for_and_works_after_it(
    server: SmtpServer, captured: CapturedMails, step: Step, code: int
) -> None:
    def send() -> None:
        with smtplib.SMTP(*server.address, timeout=10) as client:
            client.login("app", "secret")
            client.send_message(mail())

    server.faults.set(SmtpFault(at=step, code=code))
    with pytest.raises(smtplib.SMTPException, match=f"{code}.*as requested"):
        send()
    assert captured.count() == 0
    server.faults.set()
    send()
    assert captured.count() == 1


def test_one_recipient_is_refused_and_the_others_get_the_mail(
    server: SmtpServer, client: smtplib.SMTP, captured: CapturedMails
) -> None:
    server.faults.set(SmtpFault(at="rcpt", code=550, to="GONE@"))
    refused = client.send_message(mail(), to_addrs=["ada@northwind.example", "gone@northwind.example"])
    assert list(refused) == ["gone@northwind.example"]
    assert list(captured.newest()[0].summary.recipients) == ["ada@northwind.example"]


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
def test_the_connection_is_dropped_without_a_reply(
    server: SmtpServer, client: smtplib.SMTP, captured: CapturedMails, step: Step
) -> None:
    server.faults.set(SmtpFault(at=step, drop=True))
    with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
        client.send_message(mail())
    assert captured.count() == 0


def test_a_delay_keeps_one_client_waiting_and_nobody_else(server: SmtpServer, captured: CapturedMails) -> None:
    server.faults.set(SmtpFault(to="slow@", delay=60))
    slow = threading.Thread(target=_send_and_give_up, args=[server], daemon=True)
    slow.start()
    with smtplib.SMTP(*server.address, timeout=10) as client:
        client.send_message(mail())
    assert [kept.to for kept in captured.newest()] == ["ada@northwind.example"]
    slow.join(30)
    assert not slow.is_alive()


def _send_and_give_up(server: SmtpServer) -> None:
    with smtplib.SMTP(*server.address, timeout=10) as client:
        assert client.sock
        client.sock.settimeout(0.2)
        with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
            client.send_message(mail(to="slow@northwind.example"))


def test_a_delay_alone_only_delays(server: SmtpServer, client: smtplib.SMTP, captured: CapturedMails) -> None:
    server.faults.set(SmtpFault(delay=0.01))
    client.send_message(mail())
    assert captured.count() == 1


def test_a_fault_happens_as_often_as_was_asked_for_and_the_next_one_after_it() -> None:
    faults = SmtpFaults()
    faults.set(SmtpFault(code=451, times=2), SmtpFault(code=550))
    happened = [faults.happening("data") for _ in range(4)]
    assert [fault and fault.code for fault in happened] == [451, 451, 550, 550]
    faults.set()
    assert faults.happening("data") is None


def test_a_fault_of_no_probability_never_happens() -> None:
    faults = SmtpFaults()
    faults.set(SmtpFault(code=451, probability=0))
    assert [faults.happening("data") for _ in range(50)] == [None] * 50


@pytest.mark.parametrize(
    "given", [{"code": 250}, {"delay": 61}, {"times": 0}, {"at": "bye"}, {"probability": 101}, {"what": 1}]
)
def test_a_fault_that_cannot_be_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, SmtpFault)
