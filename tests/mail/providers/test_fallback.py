"""A second transport: asked where the first cannot have the mail, and never where it may."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.builtin_accounts import builtin_accounts
from tests.mail.providers.service import ADA, GRACE, Service
from tests.mail.providers.smtp_server import SmtpServer, running_smtp
from tests.resend_server.answers import Answer, Trouble, refusal
from tests.resend_server.server import API_KEY, ResendServer

from keyturn.accounts.port import Account
from keyturn.mail.providers.resend import ResendSettings
from keyturn.mail.providers.smtp import SmtpSettings
from keyturn.problems.requests import AccountsUnready
from keyturn.settings import MailSettings, Secret

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

NOWHERE = "http://127.0.0.1:9"
"""The discard service (RFC 863), which nobody runs: a port that refuses."""


def resend_at(url: str, api_key: str = API_KEY) -> ResendSettings:
    return ResendSettings(api_key=Secret(api_key), api_url=url, timeout=timedelta(milliseconds=300), rate=1000)


@pytest.fixture
async def second(service: Service) -> AsyncIterator[SmtpServer]:
    """Give the service an SMTP server to fall back to, after two tries."""
    async with running_smtp() as server:
        await service.deploy(
            mail=MailSettings(from_="accounts@northwind.test", fallback="smtp", fallback_after=2),
            smtp=SmtpSettings(host="127.0.0.1", port=server.port, security="none"),
        )
        yield server


async def test_the_first_is_enough_where_it_works(service: Service, resend: ResendServer, second: SmtpServer) -> None:
    await service.ask()
    await service.work()

    assert (len(resend.accepted), len(second.mails)) == (1, 0)
    assert (await service.message()).sender == "resend"


async def test_where_the_first_refuses_our_key_the_second_is_asked_at_once(
    service: Service, resend: ResendServer, second: SmtpServer
) -> None:
    await service.deploy(resend=resend_at(resend.url, "re_wrong"))
    await service.ask()
    await service.work()

    assert [mail["to"] for mail in second.mails] == [ADA]
    row = await service.message()
    assert (row.state, row.sender) == ("sent", "smtp")


async def test_where_the_first_is_not_reached_the_second_is_asked_after_some_tries(
    service: Service, resend: ResendServer, second: SmtpServer
) -> None:
    await service.deploy(resend=resend_at(NOWHERE))
    await service.ask()
    for _ in range(2):
        await service.work()
    assert second.mails == []

    await service.work()
    assert [mail["to"] for mail in second.mails] == [ADA]
    assert (await service.message()).sender == "smtp"
    assert resend.requests == []


@pytest.mark.parametrize("trouble", [Trouble.DROP_AFTER_ACCEPTING, Trouble.STALL_AFTER_ACCEPTING])
async def test_where_the_first_may_have_the_mail_nobody_else_ever_gets_it(
    service: Service, resend: ResendServer, second: SmtpServer, trouble: Trouble
) -> None:
    resend.coming.append(trouble)
    await service.ask()
    await service.work()
    await resend.idle()
    await service.deploy(resend=resend_at(NOWHERE))
    for _ in range(4):
        await service.work()
    assert second.mails == []

    await service.deploy(resend=resend_at(resend.url))
    await service.work()
    assert (len(resend.accepted), len(second.mails)) == (1, 0)
    assert (await service.message()).state == "sent"


async def test_a_mail_that_the_first_refuses_is_refused(
    service: Service, resend: ResendServer, second: SmtpServer
) -> None:
    resend.coming.append(refusal(422, "validation_error"))
    await service.ask()
    await service.work()

    assert second.mails == []
    assert (await service.message()).state == "dead"


async def test_where_the_second_refuses_too_the_message_is_dead(
    service: Service, resend: ResendServer, second: SmtpServer
) -> None:
    second.replies["RCPT"] = "550 no such mailbox"
    await service.deploy(resend=resend_at(resend.url, "re_wrong"))
    await service.ask()
    await service.work()

    row = await service.message()
    assert (row.state, row.reason) == ("dead", "SMTP 550")


async def test_where_the_second_asks_for_patience_it_is_asked_again(
    service: Service, resend: ResendServer, second: SmtpServer
) -> None:
    second.replies["DATA"] = "451 try again"
    await service.deploy(resend=resend_at(resend.url, "re_wrong"))
    await service.ask()
    await service.work()
    assert (await service.message()).reason == "SMTP 451"

    second.replies.clear()
    await service.work()
    assert (len(resend.accepted), len(second.mails)) == (0, 1)


async def test_tries_while_the_accounts_are_away_are_not_the_first_ones_fault(
    service: Service, resend: ResendServer, second: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setattr(service.parts.accounts, "find", _unready)
        await service.ask()
        for _ in range(4):
            await service.work()
    await service.work()

    assert (len(resend.accepted), len(second.mails)) == (1, 0)


async def test_the_transport_that_is_noted_is_the_one_that_is_asked(
    service: Service, resend: ResendServer, second: SmtpServer
) -> None:
    """The first is known to be down, so a new mail goes to the second; its answer is lost. Nobody else ever gets it."""
    await service.deploy(resend=resend_at(NOWHERE))
    await service.ask()
    for _ in range(2):
        await service.work()
    second.drops_answers = True
    await builtin_accounts(service.parts).add(Account(id="", email=GRACE, name="Grace"), "$2b$12$hash")
    await service.ask(GRACE)
    await service.work()
    assert [row.sender for row in await service.messages()] == ["smtp", "smtp"]

    await service.deploy(resend=resend_at(resend.url))
    second.drops_answers = False
    await service.work()
    assert resend.accepted == []
    assert [(row.state, row.sender) for row in await service.messages()] == [("sent", "smtp"), ("sent", "smtp")]


async def test_a_first_that_answers_everything_with_a_fault_keeps_what_it_may_have_and_gets_nothing_new(
    service: Service, resend: ResendServer, second: SmtpServer
) -> None:
    resend.coming.extend([refusal(503, "down")] * 3)
    await service.ask()
    for _ in range(2):
        await service.work()
    await builtin_accounts(service.parts).add(Account(id="", email=GRACE, name="Grace"), "$2b$12$hash")
    await service.ask(GRACE)
    await service.work()

    assert [mail["to"] for mail in second.mails] == [GRACE]
    assert resend.accepted == []

    await service.work()
    assert [mail.fields["to"] for mail in resend.accepted] == [[ADA]]
    assert len(second.mails) == 1


@pytest.mark.parametrize("refused", [refusal(429, "rate_limit_exceeded"), refusal(429, "daily_quota_exceeded")])
async def test_what_certainly_nobody_has_may_go_to_the_second_also_in_the_place_of_what_the_first_may_have(
    service: Service, resend: ResendServer, second: SmtpServer, refused: Answer
) -> None:
    """The answer for the first mail is lost, its link expires, and the first does not take what is said instead."""
    resend.coming.extend([Trouble.DROP_AFTER_ACCEPTING, refused])
    await service.ask()
    await service.work()
    await resend.idle()
    await service.parts.database.execute(text("UPDATE keyturn_reset_tokens SET expires_at = created_at"))
    await service.work()
    assert (await service.message()).sender is None

    await service.deploy(resend=resend_at(resend.url, "re_wrong"))
    await service.work()
    assert (len(resend.accepted), [mail["to"] for mail in second.mails]) == (1, [ADA])


async def _unready(_: str) -> None:
    raise AccountsUnready("they are away")
