"""A captured mail is released, unchanged, to an allowed address and to no other."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from litestar.testing import TestClient
from tests.emails.inbox.mails import mail
from tests.emails.studio.fixtures import Client

from keyturn.emails.inbox.boxes import Boxes
from keyturn.emails.inbox.faults import SmtpFault
from keyturn.emails.inbox.mail import MailContent
from keyturn.emails.inbox.smtp_server import SmtpServer
from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.studio import Studio, create_studio_app
from keyturn.emails.studio.sending import Release
from keyturn.mail.providers.smtp import SmtpSettings, hand_over

OWN = {"sec-fetch-site": "same-origin"}
SENDER = "Northwind School <no-reply@northwind.example>"


@pytest.fixture
def real() -> Iterator[SmtpServer]:
    """Stand in for the team's mail server."""
    server = SmtpServer(socket.create_server(("127.0.0.1", 0)), Boxes(CapturedMails()))
    with server.running():
        yield server


@pytest.fixture
def client(studio: Studio, real: SmtpServer) -> Iterator[Client]:
    host, port = real.address
    settings = SmtpSettings(host=host, port=port, security="none", timeout=timedelta(seconds=10))
    release = Release(("*@northwind.example",), SENDER, lambda raw, sender, to: hand_over(raw, settings, sender, to))
    with TestClient(create_studio_app(replace(studio, release=release)), base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def captured(studio: Studio) -> CapturedMails:
    assert studio.captured
    return studio.captured


def received(real: SmtpServer) -> list[MailContent]:
    return [MailContent(real.boxes.usual.raw(each)) for each in real.boxes.usual.newest()]


def test_it_is_sent_as_it_was_received_without_bcc_and_with_who_sends_it_on(
    client: Client, captured: CapturedMails, real: SmtpServer
) -> None:
    raw = (
        b"From: App <app@northwind.example>\r\nBcc: hidden@a.example,\r\n other@a.example\r\n"
        b"DKIM-Signature: v=1; d=northwind.example\r\nSubject: Hi\r\nBCC: more@a.example\r\n\r\nBcc: no header\r\n"
    )
    mail_id = captured.add(raw)
    answer = client.post(f"/studio/inbox/{mail_id}/release", data={"to": "ada@northwind.example"}, headers=OWN)
    assert "Released to ada@northwind.example" in answer.text
    (sent,) = received(real)
    resent, _, rest = sent.raw.partition(b"From: App")
    assert [line.partition(b":")[0] for line in resent.splitlines()] == [
        b"Resent-From",
        b"Resent-To",
        b"Resent-Date",
        b"Resent-Message-ID",
    ]
    assert b"From: App" + rest == (
        b"From: App <app@northwind.example>\r\nDKIM-Signature: v=1; d=northwind.example\r\nSubject: Hi\r\n"
        b"\r\nBcc: no header\r\n"
    )
    (envelope,) = real.boxes.usual.newest()
    assert envelope.summary.return_path == "no-reply@northwind.example"
    assert [each.address for each in envelope.summary.bcc] == ["ada@northwind.example"]


@pytest.mark.parametrize(
    "to",
    [
        "ada@elsewhere.example",
        "ada@northwind.example.evil.example",
        "",
        "nobody",
        "ada@northwind.example, eve@evil.example",
        "ada@northwind.example\r\nBcc: eve@evil.example",
    ],
)
@pytest.mark.long
def test_nobody_else_gets_it(client: Client, captured: CapturedMails, real: SmtpServer, to: str) -> None:
    mail_id = captured.add(bytes(mail()))
    answer = client.post(f"/studio/inbox/{mail_id}/release", data={"to": to}, headers=OWN)
    assert answer.status_code == 422
    for asked in ([to], ["ada@northwind.example", to]):
        assert client.post(f"/api/v1/message/{mail_id}/release", json={"To": asked}).status_code == 400
    assert received(real) == []


def test_programs_release_too(client: Client, captured: CapturedMails, real: SmtpServer) -> None:
    captured.add(bytes(mail()))
    to = ["ada@northwind.example", "grace@northwind.example"]
    assert client.post("/api/v1/message/latest/release", json={"To": to}).text == "ok"
    assert len(received(real)) == 2
    assert client.post("/api/v1/message/latest/release", json={"To": []}).status_code == 400


def test_what_the_mail_server_says_is_told(client: Client, captured: CapturedMails, real: SmtpServer) -> None:
    mail_id = captured.add(bytes(mail()))
    real.faults.set(SmtpFault(at="rcpt", code=550))
    answer = client.post(f"/studio/inbox/{mail_id}/release", data={"to": "ada@northwind.example"}, headers=OWN)
    assert answer.status_code == 422
    assert "smtp refused the mail: SMTP 550" in answer.text
    told = client.post(f"/api/message/{mail_id}/release", json={"To": ["ada@northwind.example"]})
    assert (told.status_code, "SMTP 550" in told.json()["detail"]) == (502, True)


def test_another_site_releases_nothing(client: Client, captured: CapturedMails, real: SmtpServer) -> None:
    mail_id = captured.add(bytes(mail()))
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    to = "ada@northwind.example"
    assert client.post(f"/studio/inbox/{mail_id}/release", data={"to": to}, headers=foreign).status_code == 403
    assert client.post(f"/api/message/{mail_id}/release", json={"To": [to]}, headers=foreign).status_code == 403
    assert received(real) == []


def test_where_nobody_may_get_it_the_page_says_how(studio: Studio, captured: CapturedMails) -> None:
    mail_id = captured.add(bytes(mail()))
    with TestClient(create_studio_app(studio), base_url="http://127.0.0.1") as client:
        assert "release_to" in client.get(f"/studio/inbox/{mail_id}/release").text
        refused = client.post(f"/api/message/{mail_id}/release", json={"To": ["ada@northwind.example"]})
    assert refused.status_code == 400
