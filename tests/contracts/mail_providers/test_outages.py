"""A provider that is away: a second is asked where the first cannot have the mail; another mail
replaces an old one.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from tests.contracts.mail_providers.conftest import Deploy, resend_at
from tests.driver.inbox import token_in
from tests.driver.service import ADA, GRACE, Service
from tests.servers.mail_providers.answers import Answer, Trouble, refusal
from tests.servers.mail_providers.resend import ResendServer
from tests.servers.serving import NOWHERE
from tests.servers.smtp import SmtpServer, running_smtp

from keyturn.errors import SendRetryable
from keyturn.mail.providers.smtp import Smtp
from keyturn.service.outbox.overview import retry
from keyturn.service.settings import MailSettings

pytestmark = [pytest.mark.parametrize("databases", ["sqlite"], indirect=True), pytest.mark.slow]

MAIL: dict[str, Any] = {"from_": "accounts@northwind.test"}


@pytest.fixture
async def second(deploy: Deploy) -> AsyncIterator[SmtpServer]:
    async with running_smtp() as server:
        smtp = Smtp(host="127.0.0.1", port=server.port, security="none")
        await deploy(mail=MailSettings(**MAIL, fallback="smtp"), smtp=smtp)
        yield server


async def work(service: Service, times: int = 1, minutes: int = 3) -> None:
    for _ in range(times):
        service.let_time_pass(minutes=minutes)
        await service.deliver()


async def states(service: Service) -> list[tuple[str, str | None]]:
    """Return the state of each message and the transport that has it, the oldest first."""
    return [(message.state, message.sender) for message in await service.messages()]


def sent_to(server: SmtpServer) -> list[str]:
    return [mail["to"] for mail in server.mails]


async def test_the_second_is_asked_at_once_if_the_first_refuses_our_key_not_if_it_refuses_the_mail(
    deploy: Deploy, resend: ResendServer, second: SmtpServer
) -> None:
    service = await deploy()
    resend.coming.append(refusal(422, "validation_error"))
    await service.ask_and_deliver()
    assert (sent_to(second), await states(service)) == ([], [("dead", "resend")])

    service = await deploy(resend=resend_at(resend.url, "re_wrong"))
    service.let_time_pass(minutes=3)
    await service.ask_and_deliver()
    assert (sent_to(second), (await states(service))[1]) == ([ADA], ("sent", "smtp"))


async def test_where_the_first_is_not_reached_the_second_is_asked_after_some_tries(
    deploy: Deploy, resend: ResendServer, second: SmtpServer
) -> None:
    service = await deploy(resend=resend_at(NOWHERE))
    await service.ask()
    await work(service, 4)
    assert second.mails == []

    await work(service)
    assert (sent_to(second), await states(service)) == ([ADA], [("sent", "smtp")])
    assert resend.requests == []


@pytest.mark.parametrize("trouble", [Trouble.DROP_AFTER_ACCEPTING, Trouble.STALL_AFTER_ACCEPTING])
@pytest.mark.long
async def test_where_the_first_may_have_the_mail_nobody_else_ever_gets_it(
    deploy: Deploy, resend: ResendServer, second: SmtpServer, trouble: Trouble
) -> None:
    is_silent = trouble == Trouble.STALL_AFTER_ACCEPTING
    service = await deploy(worker={"timeout": timedelta(seconds=1 if is_silent else 20)})
    resend.coming.append(trouble)
    await service.ask_and_deliver()
    await resend.idle()
    service = await deploy(resend=resend_at(NOWHERE))
    await work(service, 6)
    assert second.mails == []

    service = await deploy(resend=resend_at(resend.url))
    await work(service)
    assert (len(resend.accepted), len(second.mails)) == (1, 0)
    assert await states(service) == [("sent", "resend")]


async def test_a_provider_that_replaces_the_one_that_may_have_the_mail_does_not_get_it(
    deploy: Deploy, resend: ResendServer, second: SmtpServer
) -> None:
    service = await deploy(mail=MailSettings(**MAIL))
    resend.coming.append(Trouble.DROP_AFTER_ACCEPTING)
    await service.ask_and_deliver()
    service = await deploy(mail=MailSettings(**MAIL, transport="smtp"))
    await work(service)

    assert (len(resend.accepted), second.mails) == (1, [])
    (message,) = await service.messages()
    assert (message.state, message.reason) == (
        "dead",
        "resend may have it, and is no longer in the settings",
    )


@pytest.mark.parametrize(
    ("command", "reply", "state", "mails"),
    [("RCPT", "550 no such mailbox", "dead", 0), ("DATA", "451 later", "sent", 1)],
)
async def test_what_the_second_answers_counts_as_the_answer_of_the_first_would(
    deploy: Deploy,
    resend: ResendServer,
    second: SmtpServer,
    command: str,
    reply: str,
    state: str,
    mails: int,
) -> None:
    second.replies[command] = reply
    service = await deploy(resend=resend_at(resend.url, "re_wrong"))
    await service.ask_and_deliver()
    assert [message.reason for message in await service.messages()] == [f"SMTP {reply[:3]}"]

    second.replies.clear()
    await work(service)
    assert [ended for ended, _ in await states(service)] == [state]
    assert (len(resend.accepted), len(second.mails)) == (0, mails)


async def test_the_transport_noted_is_the_one_asked(
    deploy: Deploy, resend: ResendServer, second: SmtpServer
) -> None:
    """The first is known to be down, so a new mail goes to the second; its answer is lost.

    Nobody else ever gets it.
    """
    service = await deploy(resend=resend_at(NOWHERE))
    await service.ask()
    await work(service, 4)
    second.drops_answers = True
    await service.add(GRACE)
    await service.ask(GRACE)
    await work(service)
    assert [sender for _, sender in await states(service)] == ["smtp", "smtp"]

    service = await deploy(resend=resend_at(resend.url))
    second.drops_answers = False
    await work(service, minutes=11)
    assert resend.accepted == []
    assert await states(service) == [("sent", "smtp")] * 2


async def test_a_first_that_answers_all_with_a_fault_keeps_what_it_may_have_and_gets_nothing_new(
    deploy: Deploy, resend: ResendServer, second: SmtpServer
) -> None:
    service = await deploy()
    resend.coming.extend([refusal(503, "down")] * 5)
    await service.ask()
    await work(service, 4)
    await service.add(GRACE)
    await service.ask(GRACE)
    await work(service)
    assert (sent_to(second), resend.accepted) == ([GRACE], [])

    await work(service)
    assert [mail.fields["to"] for mail in resend.accepted] == [[ADA]]
    assert len(second.mails) == 1


@pytest.mark.parametrize(
    "refused", [refusal(429, "rate_limit_exceeded"), refusal(429, "daily_quota_exceeded")]
)
async def test_what_certainly_nobody_has_may_go_to_the_second_also_for_a_mail_whose_link_expired(
    deploy: Deploy, resend: ResendServer, second: SmtpServer, refused: Answer
) -> None:
    """The first takes neither the first mail, whose link expires, nor the one that replaces it."""
    service = await deploy(limits={"mailbox_cooldown": timedelta(0)})
    resend.coming.extend([refused] * 2)
    await service.ask_and_deliver()
    for key, expected in ((None, [("waiting", None)]), ("re_wrong", [("sent", "smtp")])):
        if key:
            service = await deploy(resend=resend_at(resend.url, key))
        # The links expire, and every pause is over, also one until a quota renews, by the clock of
        # this machine.
        await service.write(text("UPDATE keyturn_secrets SET expires_at = created_at"))
        await service.write(text("UPDATE keyturn_outbox SET available_at = created_at"))
        await service.deliver()
        assert await states(service) == expected
    assert (resend.accepted, sent_to(second)) == ([], [ADA])


EVE = "eve@northwind.test"
AWAY = SendRetryable("down", not_accepted=True)


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"limits": {"mailbox_cooldown": timedelta(0)}}


async def expire(service: Service) -> tuple[list[str], list[str], str | None]:
    """Let the links of waiting mails expire, and deliver; return which mails arrive, the trail, and
    the reason.
    """
    service.let_time_pass(days=3, minutes=1)
    await service.deliver()
    outcomes = [entry.outcome for entry in await service.trail() if entry.outcome != "accepted"]
    return (
        [mail.tags["template"] for mail in service.inbox.mails],
        outcomes,
        (await service.messages())[0].reason,
    )


async def test_where_certainly_nobody_has_the_old_mail_a_fresh_link_is_sent_and_the_old_stays_dead(
    service: Service,
) -> None:
    service.inbox.failures.extend([AWAY, AWAY])
    await service.ask_and_deliver()
    assert (await expire(service))[0] == []
    assert await expire(service) == (["password_reset"], ["link_mailed"] * 3, None)

    assert [message.state for message in await service.messages()] == ["sent"]
    assert await service.works(token_in(service.inbox.mails[0]))
    assert not await service.works(token_in(service.inbox.tries[0][1]))


async def test_retry_of_a_mail_of_yesterday(service: Service) -> None:
    """A mail that a provider may have is dead after a day, and an operator's retry sends another
    with a fresh link.
    """
    service.inbox.failures.append(SendRetryable("503 down"))
    await service.ask_and_deliver()
    templates, outcomes, reason = await expire(service)
    assert templates == []
    assert outcomes == ["link_mailed"]
    assert reason == "inbox may have it, and did not confirm it within a day"

    (message,) = await service.messages()
    await retry(service.container.database, [message.id])
    await service.deliver()
    assert await service.works(token_in(service.inbox.mails[0]))


@pytest.mark.parametrize("has_chosen", [False, True])
async def test_who_was_invited_is_invited_again_unless_they_have_chosen_a_password_since(
    service: Service, has_chosen: bool
) -> None:
    await service.add(EVE, awaits_password=True)
    service.inbox.failures.append(AWAY)
    await service.container.invitations.invite_all([EVE])
    await service.deliver()
    if has_chosen:
        await service.change_account(EVE, password_hash="x")
        assert await expire(service) == (
            [],
            ["link_mailed", "needs_no_invitation"],
            "needs_no_invitation",
        )
        return
    assert (await expire(service))[:2] == (["invitation"], ["link_mailed"] * 2)
    live = await service.check(token_in(service.inbox.mails[0]))
    assert datetime.fromisoformat(live["expiresAt"]) > service.now() + timedelta(days=2)


async def use_the_link(service: Service) -> None:
    assert (await service.reset(token_in(service.inbox.tries[0][1]))).is_success


CHANGES: dict[str, tuple[Callable[[Service], Awaitable[None]], list[str], str, str | None]] = {
    "disabled": (lambda service: service.change_account(active=False), [], "disabled", "disabled"),
    "moved": (lambda service: service.change_account(email=EVE), [], "no_account", "no_account"),
    "takes no mail": (
        lambda service: service.container.stores.transact(lambda tx: tx.mailboxes.suppress(ADA)),
        [], "suppressed", "suppressed",
    ),
    "used the link": (use_the_link, ["password_changed"], "changed", "the link is used"),
    "signs in elsewhere": (
        lambda service: service.change_account(password_hash=None, provider="Google"),
        ["sign_in_with_provider"], "provider_mailed", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "mailed", "outcome", "reason"), CHANGES.values(), ids=CHANGES)
async def test_who_may_not_have_a_link_any_more_gets_none(
    service: Service,
    change: Callable[[Service], Awaitable[None]],
    mailed: list[str],
    outcome: str,
    reason: str | None,
) -> None:
    service.inbox.failures.append(AWAY)
    await service.ask_and_deliver()
    await change(service)

    templates, outcomes, told = await expire(service)
    assert (templates, outcomes[-1], told) == (mailed, outcome, reason)
