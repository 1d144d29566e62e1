"""A provider is away for longer than a link lives: the user is told, and once for each link."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.driver.inbox import token_in
from tests.driver.service import ADA, Service

from keyturn.errors import SendRetryable

pytestmark = [pytest.mark.parametrize("databases", ["sqlite"], indirect=True), pytest.mark.slow]

EVE = "eve@northwind.test"
AWAY = SendRetryable("down", not_accepted=True)


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"limits": {"mailbox_cooldown": timedelta(0)}}


async def templates(service: Service) -> list[str]:
    """Let the links of the mails that wait expire, and deliver; return which mails arrive."""
    service.let_time_pass(days=3, minutes=1)
    await service.deliver()
    return [mail.tags["template"] for mail in service.inbox.mails]


async def outcomes(service: Service) -> list[str]:
    return [entry.outcome for entry in await service.trail() if entry.outcome != "accepted"]


async def ends(service: Service) -> list[tuple[str, str | None]]:
    return [(message.state, message.reason) for message in await service.messages()]


async def test_where_certainly_nobody_has_the_old_mail_a_fresh_link_is_sent_and_the_old_one_stays_dead(
    service: Service,
) -> None:
    service.inbox.failures.extend([AWAY, AWAY])
    await service.ask_and_deliver()
    assert await templates(service) == []
    assert await templates(service) == ["password_reset"]

    assert await ends(service) == [("sent", None)]
    assert await outcomes(service) == ["link_mailed"] * 3
    assert await service.works(token_in(service.inbox.mails[0]))
    assert not await service.works(token_in(service.inbox.tries[0][1]))


async def test_where_a_provider_may_have_it_nothing_more_is_sent_and_the_trail_says_expired(service: Service) -> None:
    service.inbox.failures.append(SendRetryable("503 down"))
    await service.ask_and_deliver()

    assert await templates(service) == []
    assert await outcomes(service) == ["link_mailed", "expired"]
    assert await ends(service) == [("dropped", "expired")]


@pytest.fixture
async def inviting(service: Service) -> Service:
    """Let an invitation for Eve wait until the provider is back."""
    await service.add(EVE, awaits_password=True)
    service.inbox.failures.append(AWAY)
    await service.parts.operators.invite_all([EVE])
    await service.deliver()
    return service


async def test_who_was_invited_is_invited_again(inviting: Service) -> None:
    assert await templates(inviting) == ["invitation"]
    live = await inviting.check(token_in(inviting.inbox.mails[0]))
    assert datetime.fromisoformat(live["expiresAt"]) > inviting.now() + timedelta(days=2)
    assert await outcomes(inviting) == ["link_mailed"] * 2


async def test_who_has_chosen_a_password_since_is_not_invited_again(inviting: Service) -> None:
    await inviting.change_account(EVE, password_hash="x")

    assert await templates(inviting) == []
    assert await outcomes(inviting) == ["link_mailed", "needs_no_invitation"]


async def use_the_link(service: Service) -> None:
    assert (await service.reset(token_in(service.inbox.tries[0][1]))).is_success


async def suppress(service: Service) -> None:
    await service.parts.ground.transact(lambda tx: tx.mailboxes.suppress(ADA))


@pytest.mark.parametrize(
    ("change", "outcome", "reason"),
    [
        (lambda service: service.change_account(active=False), "disabled", "disabled"),
        (lambda service: service.change_account(email="other@northwind.test"), "no_account", "no_account"),
        (suppress, "suppressed", "suppressed"),
        (use_the_link, "changed", "the link is used"),
    ],
    ids=["who is disabled", "who has another address", "who takes no mail", "who has used the link"],
)
async def test_who_may_not_have_a_link_any_more_gets_none(
    service: Service, change: Callable[[Service], Awaitable[None]], outcome: str, reason: str
) -> None:
    service.inbox.failures.append(AWAY)
    await service.ask_and_deliver()
    await change(service)

    assert "password_reset" not in await templates(service)
    assert (await ends(service))[0] == ("dropped", reason)
    assert (await outcomes(service))[-1] == outcome


async def test_who_has_no_password_any_more_is_told_how_to_sign_in(service: Service) -> None:
    service.inbox.failures.append(AWAY)
    await service.ask_and_deliver()
    await service.change_account(password_hash=None, provider="Google")

    assert await templates(service) == ["sign_in_with_provider"]
