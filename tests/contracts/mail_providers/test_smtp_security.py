"""Encryption and log-in: certificates are verified, and nothing is sent where they do not hold."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.servers.smtp import PASSWORD, USERNAME, authority, certificate, running_smtp

from keyturn.errors import SendRefused, SendRetryable
from keyturn.mail.port.email import Email
from keyturn.mail.providers.smtp import SmtpSender, SmtpSettings
from keyturn.service.settings import Secret

pytestmark = pytest.mark.slow


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make OpenSSL trust the authority, as an operator does who runs one of their own."""
    authority().cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


def sender_to(port: int, **settings: Any) -> SmtpSender:
    return SmtpSender(SmtpSettings(host="127.0.0.1", port=port, **settings), timedelta(seconds=10))


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
        ({"security": "none", "username": USERNAME, "password": Secret(PASSWORD)}, "no AUTH"),
    ],
)
async def test_a_server_without_encryption_or_log_in_gets_nothing_and_the_reason_names_what_it_lacks(
    mail: Email, settings: dict[str, Any], reason: str
) -> None:
    async with running_smtp() as server:
        with pytest.raises(SendRetryable) as error:
            await sender_to(server.port, **settings).send(mail, "key-1")

    assert server.envelopes == []
    assert (error.value.reason, error.value.not_accepted) == (reason, True)


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("trusts_the_authority", [False, True], ids=["an unknown authority", "another name"])
async def test_a_certificate_of_an_unknown_authority_or_for_another_name_is_not_accepted(
    mail: Email, security: str, trusts_the_authority: bool, request: pytest.FixtureRequest
) -> None:
    if trusts_the_authority:
        request.getfixturevalue("trusted")
    secured: dict[str, Any] = {security: certificate("mx.elsewhere.test") if trusts_the_authority else certificate()}
    async with running_smtp(**secured) as server:
        with pytest.raises(SendRetryable, match="SSLCertVerificationError"):
            await sender_to(server.port, security=security).send(mail, "key-1")

    assert server.envelopes == []


@pytest.mark.usefixtures("trusted")
async def test_a_log_in_is_made_where_one_is_set(mail: Email) -> None:
    async with running_smtp(starttls=certificate(), login=True) as server:
        await sender_to(server.port, username=USERNAME, password=Secret(PASSWORD)).send(mail, "key-1")

    assert len(server.mails) == 1


@pytest.mark.usefixtures("trusted")
async def test_a_wrong_log_in_is_refused_and_the_password_not_repeated(
    mail: Email, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = "a loud harbour"
    async with running_smtp(starttls=certificate(), login=True) as server:
        with pytest.raises(SendRefused) as error:
            await sender_to(server.port, username=USERNAME, password=Secret(wrong)).send(mail, "key-1")

    assert error.value.reason == "SMTP 535"
    assert wrong not in f"{error.value!r} {caplog.text}"
