"""doctor --send-to: a test email to the operator, through each provider of the settings."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace
from tests.commands.command import Keyturn
from tests.servers.mail_providers.answers import Trouble, refusal
from tests.servers.mail_providers.resend import ResendServer
from tests.servers.smtp import running_smtp

from keyturn.mail.port.check_result import CheckResult
from keyturn.mail.providers.smtp import Smtp
from keyturn.service.doctor import send_to
from keyturn.service.settings import Settings

pytestmark = pytest.mark.slow

OPERATOR = "operator@northwind.example"


async def test_each_provider_sends(production: Settings, resend: ResendServer) -> None:
    """The main provider and the fallback each send one email, and say under which id."""
    async with running_smtp() as server:
        smtp = Smtp(host="127.0.0.1", port=server.port, security="none")
        first, second = await send_to(
            _with(production, smtp=smtp, mail={"fallback": "smtp"}), OPERATOR
        )

    (sent,) = resend.accepted
    assert first == CheckResult(
        "resend", "ok", f"resend accepted the email to {OPERATOR} as {sent.id}"
    )
    assert second.verdict == "ok"
    (mail,) = server.mails
    assert mail["to"] == OPERATOR
    body = mail.get_body(("plain",))
    assert body
    assert "sent through smtp" in body.get_content()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (refusal(422, "validation_error"), "resend refused the email: 422 validation_error"),
        (refusal(429, "rate_limit_exceeded"), "resend did not take the email: "),
        (refusal(503, "down"), "resend may send the email, but did not say so: "),
        (Trouble.DROP_AFTER_ACCEPTING, "resend may send the email, but did not say so: "),
    ],
)
async def test_failure_is_a_sentence(
    production: Settings, resend: ResendServer, answer: Any, said: str
) -> None:
    """What a provider answers instead is one sentence with its remedy."""
    resend.coming.append(answer)
    (finding,) = await send_to(production, OPERATOR)

    assert finding.verdict == "fail"
    assert finding.message.startswith(said)
    assert finding.fix


def _with(settings: Settings, *, smtp: Smtp, mail: Mapping[str, Any]) -> Settings:
    return replace(settings, smtp=smtp, mail=replace(settings.mail, **mail))


DEVELOPMENT = {"KEYTURN_ENVIRONMENT": "development", "KEYTURN_MAIL_TRANSPORT": "capture"}


def test_command_sends_one_email(migrated: Keyturn) -> None:
    """The command prints the finding, ends with 0, and writes nothing into the outbox."""
    ended = migrated("doctor", "--send-to", OPERATOR, "--json", **DEVELOPMENT)
    (finding,) = json.loads(ended.out)

    assert ended.code == 0
    assert finding["check"] == "capture"
    assert finding["message"].startswith("the email was saved as ")
    assert "No messages yet" in migrated("outbox", "list", **DEVELOPMENT).out


def test_command_with_faulty_settings(migrated: Keyturn) -> None:
    """With a fault in the settings nothing is sent: the command names the fault, and ends
    with 1.
    """
    ended = migrated("doctor", "--send-to", OPERATOR, **DEVELOPMENT, KEYTURN_TOKEN_TTL="soon")
    assert ended.code == 1
    assert "KEYTURN_TOKEN_TTL" in ended.out


def test_command_with_a_wrong_address(keyturn: Keyturn) -> None:
    """An argument that is no address is refused."""
    assert keyturn("doctor", "--send-to", "operator", **DEVELOPMENT).code == 1
