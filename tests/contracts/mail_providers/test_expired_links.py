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


async def expire(service: Service) -> tuple[list[str], list[str], str | None]:
    """Let the links of waiting mails expire, and deliver; return which mails arrive, the trail, and the reason."""
    service.let_time_pass(days=3, minutes=1)
    await service.deliver()
    outcomes = [entry.outcome for entry in await service.trail() if entry.outcome != "accepted"]
    return [mail.tags["template"] for mail in service.inbox.mails], outcomes, (await service.messages())[0].reason


async def test_where_certainly_nobody_has_the_old_mail_a_fresh_link_is_sent_and_the_old_one_stays_dead(
    service: Service,
) -> None:
    service.inbox.failures.extend([AWAY, AWAY])
    await service.ask_and_deliver()
    assert (await expire(service))[0] == []
    assert await expire(service) == (["password_reset"], ["link_mailed"] * 3, None)

    assert [message.state for message in await service.messages()] == ["sent"]
    assert await service.works(token_in(service.inbox.mails[0]))
    assert not await service.works(token_in(service.inbox.tries[0][1]))


async def test_where_a_provider_may_have_it_nothing_more_is_sent_and_the_trail_says_expired(service: Service) -> None:
    service.inbox.failures.append(SendRetryable("503 down"))
    await service.ask_and_deliver()

    assert await expire(service) == ([], ["link_mailed", "expired"], "expired")


@pytest.mark.parametrize("has_chosen", [False, True])
async def test_who_was_invited_is_invited_again_unless_they_have_chosen_a_password_since(
    service: Service, has_chosen: bool
) -> None:
    await service.add(EVE, awaits_password=True)
    service.inbox.failures.append(AWAY)
    await service.parts.operators.invite_all([EVE])
    await service.deliver()
    if has_chosen:
        await service.change_account(EVE, password_hash="x")
        assert await expire(service) == ([], ["link_mailed", "needs_no_invitation"], "needs_no_invitation")
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
        lambda service: service.parts.ground.transact(lambda tx: tx.mailboxes.suppress(ADA)),
        [],
        "suppressed",
        "suppressed",
    ),
    "used the link": (use_the_link, ["password_changed"], "changed", "the link is used"),
    "signs in elsewhere": (
        lambda service: service.change_account(password_hash=None, provider="Google"),
        ["sign_in_with_provider"],
        "provider_mailed",
        None,
    ),
}


@pytest.mark.parametrize(("change", "mailed", "outcome", "reason"), CHANGES.values(), ids=CHANGES)
async def test_who_may_not_have_a_link_any_more_gets_none(
    service: Service, change: Callable[[Service], Awaitable[None]], mailed: list[str], outcome: str, reason: str | None
) -> None:
    service.inbox.failures.append(AWAY)
    await service.ask_and_deliver()
    await change(service)

    templates, outcomes, told = await expire(service)
    assert (templates, outcomes[-1], told) == (mailed, outcome, reason)
