"""Send me this: a preview as a real mail, through the transport that the team has."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.studio.web.fixtures import OURS, Client, opened

from keyturn.errors import QuotaExhausted, SendFailed, SendRefused, SendRetryable
from keyturn.mail.port.email import Email
from keyturn.service.sending.senders import CaptureSender
from keyturn.studio.web.app import Studio
from keyturn.studio.web.studio import MailProvider

PAGE = "/studio/send/greeting?sample=grace"


class Refusing:
    """A transport that keeps nothing."""

    name = "refusing"

    def __init__(self, failure: SendFailed) -> None:
        self._failure = failure
        self.closed = False

    async def send(self, email: Email, idempotency_key: str) -> str:  # noqa: ARG002 - it refuses all alike
        raise self._failure

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    return tmp_path / "sent"


@pytest.fixture
def client(studio: Studio, sent: Path) -> Iterator[Client]:
    with opened(studio, provider=MailProvider("capture", lambda: CaptureSender(sent))) as client:
        yield client


def test_it_is_sent_as_it_is_seen_and_says_that_it_is_a_preview(client: Client, sent: Path) -> None:
    headers = {"origin": "http://127.0.0.1:8001"}
    answer = client.post(
        PAGE, data={"to": " Ada@northwind.example "}, headers=headers, follow_redirects=False
    )
    assert answer.status_code == 303, "so a reload does not send it once more"
    assert "Sent to ada@northwind.example" in client.get(answer.headers["location"]).text
    (file,) = sent.glob("inbox-*.eml")  # deleted as the others are when there are too many
    mail = file.read_text()
    assert "To: ada@northwind.example" in mail
    assert "From: Northwind School <no-reply@northwind.example>" in mail
    assert re.search(r"^Subject: \[Preview\] Welcome, Grace", mail, re.MULTILINE)
    assert "https://account.northwind.example/open/two" in mail


@pytest.mark.parametrize(
    "to",
    ["", "ada", "ada@", "ada@northwind.example, eve@evil.example", "ada@x.example\nBcc: a@b.c"],
)
@pytest.mark.long
def test_what_is_no_address_is_said_at_the_field_and_nothing_is_sent(
    client: Client, sent: Path, to: str
) -> None:
    answer = client.post(PAGE, data={"to": to}, headers=OURS)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert (
        "is not an email address" if to else "Enter an email address, such as name@example.org."
    ) in answer.text
    assert not sent.exists()


def test_unclear_sender(studio: Studio, sent: Path) -> None:
    """A sender that mail programs read in several ways is told on the page, and no mail is sent."""
    unclear = "Northwind, Leeds <no-reply@northwind.example>"
    provider = MailProvider("capture", lambda: CaptureSender(sent))
    with opened(studio, provider=provider, sender=unclear) as client:
        answer = client.post(PAGE, data={"to": "ada@northwind.example"}, headers=OURS)
    assert answer.status_code == 422
    assert (
        "Correct the studio&#39;s setting `sender`: the name needs quotation marks" in answer.text
    )
    assert not sent.exists()


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (SendRefused("invalid_api_key", account=True), "refused the key or login"),
        (SendRefused("validation_error"), "Check the sender and the recipient"),
        (QuotaExhausted("daily_quota", datetime(2026, 11, 21, tzinfo=UTC)), "until 00:00 UTC"),
        (SendRetryable("ConnectTimeout"), "could not be reached: ConnectTimeout"),
    ],
)
def test_what_the_provider_says_is_told(studio: Studio, failure: SendFailed, words: str) -> None:
    refusing = Refusing(failure)
    with opened(studio, provider=MailProvider("Resend", lambda: refusing)) as client:
        answer = client.post(PAGE, data={"to": "ada@northwind.example"}, headers=OURS)
    assert answer.status_code == 422
    assert words in answer.text
    assert 'value="ada@northwind.example"' in answer.text
    assert refusing.closed


def test_without_a_transport_the_page_says_how_to_have_one(studio: Studio) -> None:
    with opened(studio) as client:
        assert "KEYTURN_MAIL_TRANSPORT" in client.get(PAGE).text
        assert client.post(PAGE, data={"to": "a@b.example"}, headers=OURS).status_code == 422


def test_a_broken_mail_is_not_sent(client: Client, folder: Path, sent: Path) -> None:
    (folder / "greeting/greeting.mjml").write_text("<mjml>{{ nmae }}</mjml>")
    assert "cannot be rendered yet" in client.get(PAGE).text
    assert client.post(PAGE, data={"to": "ada@northwind.example"}, headers=OURS).status_code == 422
    assert not sent.exists()
