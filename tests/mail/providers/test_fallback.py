"""A second transport: asked where the first cannot have the mail, and never where it may."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.driver.builtin_accounts import builtin_accounts
from tests.mail.providers.deployment import ADA, GRACE, NOWHERE, Deployment
from tests.mail.providers.smtp_server import SmtpServer, running_smtp
from tests.resend_server.answers import Answer, Trouble, refusal
from tests.resend_server.server import API_KEY, ResendServer

from keyturn.mail.providers.resend import ResendSettings
from keyturn.mail.providers.smtp import SmtpSettings
from keyturn.service.accounts.port import Account
from keyturn.service.settings import LimitSettings, MailSettings, Secret, WorkerSettings

pytestmark = [pytest.mark.parametrize("databases", ["sqlite"], indirect=True), pytest.mark.slow]


def resend_at(url: str, api_key: str = API_KEY) -> ResendSettings:
    return ResendSettings(api_key=Secret(api_key), api_url=url, rate=1000)


@pytest.fixture
async def second(deployment: Deployment) -> AsyncIterator[SmtpServer]:
    """Give the service an SMTP server to fall back to, after four tries."""
    async with running_smtp() as server:
        await deployment.deploy(
            mail=MailSettings(from_="accounts@northwind.test", fallback="smtp"),
            smtp=SmtpSettings(host="127.0.0.1", port=server.port, security="none"),
        )
        yield server


async def test_where_the_first_refuses_our_key_the_second_is_asked_at_once(
    deployment: Deployment, resend: ResendServer, second: SmtpServer
) -> None:
    await deployment.deploy(resend=resend_at(resend.url, "re_wrong"))
    await deployment.ask()
    await deployment.work()

    assert [mail["to"] for mail in second.mails] == [ADA]
    row = await deployment.message()
    assert (row.state, row.sender) == ("sent", "smtp")


async def test_where_the_first_is_not_reached_the_second_is_asked_after_some_tries(
    deployment: Deployment, resend: ResendServer, second: SmtpServer
) -> None:
    await deployment.deploy(resend=resend_at(NOWHERE))
    await deployment.ask()
    for _ in range(4):
        await deployment.work()
    assert second.mails == []

    await deployment.work()
    assert [mail["to"] for mail in second.mails] == [ADA]
    assert (await deployment.message()).sender == "smtp"
    assert resend.requests == []


@pytest.mark.parametrize("trouble", [Trouble.DROP_AFTER_ACCEPTING, Trouble.STALL_AFTER_ACCEPTING])
@pytest.mark.long
async def test_where_the_first_may_have_the_mail_nobody_else_ever_gets_it(
    deployment: Deployment, resend: ResendServer, second: SmtpServer, trouble: Trouble
) -> None:
    await deployment.deploy(
        resend=resend_at(resend.url),
        mail=MailSettings(from_="accounts@northwind.test", fallback="smtp"),
        worker=WorkerSettings(timeout=timedelta(seconds=1)),
    )
    resend.coming.append(trouble)
    await deployment.ask()
    await deployment.work()
    await resend.idle()
    await deployment.deploy(resend=resend_at(NOWHERE))
    for _ in range(6):
        await deployment.work()
    assert second.mails == []

    await deployment.deploy(resend=resend_at(resend.url))
    await deployment.work()
    assert (len(resend.accepted), len(second.mails)) == (1, 0)
    assert (await deployment.message()).state == "sent"


async def test_a_provider_that_replaces_the_one_that_may_have_the_mail_does_not_get_it(
    deployment: Deployment, resend: ResendServer, second: SmtpServer
) -> None:
    await deployment.deploy(mail=MailSettings(from_="accounts@northwind.test"))
    resend.coming.append(Trouble.DROP_AFTER_ACCEPTING)
    await deployment.ask()
    await deployment.work()
    await deployment.deploy(mail=MailSettings(from_="accounts@northwind.test", transport="smtp"))
    await deployment.work()

    assert (len(resend.accepted), second.mails) == (1, [])
    message = await deployment.message()
    assert (message.state, message.reason) == ("dead", "resend may have it, and is no longer in the settings")


async def test_a_mail_that_the_first_refuses_is_refused(
    deployment: Deployment, resend: ResendServer, second: SmtpServer
) -> None:
    resend.coming.append(refusal(422, "validation_error"))
    await deployment.ask()
    await deployment.work()

    assert second.mails == []
    assert (await deployment.message()).state == "dead"


@pytest.mark.parametrize(
    ("command", "reply", "state", "mails"),
    [("RCPT", "550 no such mailbox", "dead", 0), ("DATA", "451 later", "sent", 1)],
)
async def test_what_the_second_answers_counts_as_the_answer_of_the_first_would(
    deployment: Deployment,
    resend: ResendServer,
    second: SmtpServer,
    command: str,
    reply: str,
    state: str,
    mails: int,
) -> None:
    second.replies[command] = reply
    await deployment.deploy(resend=resend_at(resend.url, "re_wrong"))
    await deployment.ask()
    await deployment.work()
    assert (await deployment.message()).reason == f"SMTP {reply[:3]}"

    second.replies.clear()
    await deployment.work()
    assert (await deployment.message()).state == state
    assert (len(resend.accepted), len(second.mails)) == (0, mails)


async def test_the_transport_that_is_noted_is_the_one_that_is_asked(
    deployment: Deployment, resend: ResendServer, second: SmtpServer
) -> None:
    """The first is known to be down, so a new mail goes to the second; its answer is lost. Nobody else ever gets it."""
    await deployment.deploy(resend=resend_at(NOWHERE))
    await deployment.ask()
    for _ in range(4):
        await deployment.work()
    second.drops_answers = True
    await builtin_accounts(deployment.parts).add(Account(id="", email=GRACE, name="Grace"), "$2b$12$hash")
    await deployment.ask(GRACE)
    await deployment.work()
    assert [row.sender for row in await deployment.messages()] == ["smtp", "smtp"]

    await deployment.deploy(resend=resend_at(resend.url))
    second.drops_answers = False
    await deployment.work()
    assert resend.accepted == []
    assert [(row.state, row.sender) for row in await deployment.messages()] == [("sent", "smtp"), ("sent", "smtp")]


async def test_a_first_that_answers_everything_with_a_fault_keeps_what_it_may_have_and_gets_nothing_new(
    deployment: Deployment, resend: ResendServer, second: SmtpServer
) -> None:
    resend.coming.extend([refusal(503, "down")] * 5)
    await deployment.ask()
    for _ in range(4):
        await deployment.work()
    await builtin_accounts(deployment.parts).add(Account(id="", email=GRACE, name="Grace"), "$2b$12$hash")
    await deployment.ask(GRACE)
    await deployment.work()

    assert [mail["to"] for mail in second.mails] == [GRACE]
    assert resend.accepted == []

    await deployment.work()
    assert [mail.fields["to"] for mail in resend.accepted] == [[ADA]]
    assert len(second.mails) == 1


@pytest.mark.parametrize("refused", [refusal(429, "rate_limit_exceeded"), refusal(429, "daily_quota_exceeded")])
async def test_what_certainly_nobody_has_may_go_to_the_second_also_in_the_place_of_a_mail_whose_link_expired(
    deployment: Deployment, resend: ResendServer, second: SmtpServer, refused: Answer
) -> None:
    """The first takes neither the first mail, whose link expires, nor the one that replaces it."""
    await deployment.deploy(limits=LimitSettings(mailbox_cooldown=timedelta(0)))
    resend.coming.extend([refused] * 2)
    await deployment.ask()
    await deployment.work()
    await deployment.parts.database.execute(text("UPDATE keyturn_secrets SET expires_at = created_at"))
    await deployment.work()
    assert (await deployment.message()).sender is None

    await deployment.deploy(resend=resend_at(resend.url, "re_wrong"))
    await deployment.work()
    assert (resend.accepted, [mail["to"] for mail in second.mails]) == ([], [ADA])
