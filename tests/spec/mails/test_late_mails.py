"""A mail that a provider takes after its link has expired: it is sent as it was written, and its
page offers a link.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.driver.inbox import code_in, token_in
from tests.driver.service import ADA, REPLACE, VERIFY, Service, Start, problem

from keyturn import SendRetryable

pytestmark = [pytest.mark.any_database, pytest.mark.long]

HINT = "a***@northwind.test"


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"limits": {"mailbox_daily": 20}}


async def delay(service: Service, **time: float) -> str:
    """Ask for a mail at whose first try the provider answers 503, let time pass, and return the
    token of its link.
    """
    service.inbox.failures.append(SendRetryable("503"))
    await service.ask_and_deliver()
    service.let_time_pass(**time)
    return token_in(service.inbox.tries[-1][1])


async def end_of(service: Service, message_id: int = -1) -> tuple[str, str | None]:
    """Return the state and the reason of a message, the newest if no other is named."""
    messages = await service.messages()
    message = (
        messages[-1] if message_id < 0 else next(one for one in messages if one.id == message_id)
    )
    return message.state, message.reason


async def test_mail_after_a_long_outage(service: Service) -> None:
    """A provider that answers 503 for longer than the link lives gets the same mail under the same
    key, once.
    """
    service.inbox.failures.extend([SendRetryable("503")] * 5)
    await service.ask()
    for _ in range(6):
        await service.deliver()
        service.let_time_pass(minutes=11)

    assert [mail.to for mail in service.inbox.mails] == [ADA]
    assert service.inbox.tries == [service.inbox.tries[0]] * 6
    assert await service.outcomes("reset_request") == ["link_mailed"]


async def test_late_link_offers_a_new_one(service: Service) -> None:
    """The link of a late mail is told to have expired, with the masked address, and one press sends
    a new link.
    """
    token = await delay(service, hours=2)
    await service.deliver()

    assert [token_in(mail) for mail in service.inbox.mails] == [token]
    assert await service.check(token) == {"valid": False, "reason": "expired", "emailHint": HINT}
    assert problem(await service.anywhere().post(REPLACE, json={"token": token})) == "202"
    assert await service.works(await service.newest())


async def test_code_of_a_late_mail(start: Start) -> None:
    """The code of a late mail has expired with its link."""
    service = await start(token={"code": True})
    token = await delay(service, hours=2)
    await service.deliver()

    (mail,) = service.inbox.mails
    answer = await service.anywhere().post(VERIFY, json={"email": ADA, "code": code_in(mail)})
    assert problem(answer) == "400 code-refused"
    assert (await service.check(token))["emailHint"] == HINT


async def revoke(service: Service, _token: str) -> None:
    """Revoke the link before it expires: another link sets a password."""
    service.let_time_pass(minutes=2)
    await service.reset(await service.link())


async def use(service: Service, token: str) -> None:
    """Use the link: the mail has arrived, although its provider did not say so."""
    await service.reset(token)


async def replace(service: Service, token: str) -> None:
    service.let_time_pass(hours=1)
    await service.anywhere().post(REPLACE, json={"token": token})


async def use_another(service: Service, _token: str) -> None:
    """Set a password by another link, after the late one has expired."""
    service.let_time_pass(hours=1)
    await service.reset(await service.link())


ENDS: dict[str, tuple[Callable[[Service, str], Awaitable[None]], str]] = {
    "used": (use, "the link is used"),
    "revoked": (revoke, "the link is invalid"),
    "replaced": (replace, "the link is replaced"),
    "another used": (use_another, "the link is replaced"),
}


@pytest.mark.parametrize(("end", "reason"), ENDS.values(), ids=ENDS)
async def test_ended_link_is_not_mailed(
    service: Service, end: Callable[[Service, str], Awaitable[None]], reason: str
) -> None:
    """A waiting mail is not sent if its link was used, revoked or replaced, also after the link's
    end.
    """
    service.inbox.failures.append(SendRetryable("503", 7_200))
    await service.ask_and_deliver()
    (late,) = await service.messages()
    key, mail = service.inbox.tries[0]
    await end(service, token_in(mail))
    service.let_time_pass(hours=2, minutes=1)
    await service.deliver()

    assert [tried for tried, _ in service.inbox.tries].count(key) == 1
    assert await end_of(service, late.id) == ("dropped", reason)


async def test_mail_of_yesterday(service: Service) -> None:
    """A day after a mail was written, its provider may have forgotten the key, so the mail is
    dead.
    """
    await delay(service, hours=24, minutes=1)
    await service.deliver()
    assert service.inbox.mails == []
    assert await end_of(service) == (
        "dead",
        "inbox may have it, and did not confirm it within a day",
    )


async def test_late_link_is_kept(service: Service) -> None:
    """A link is kept for as long as a server may hold back the mail of a late try, so that its page
    still knows it.
    """
    token = await delay(service, hours=23)
    await service.deliver()
    assert [token_in(mail) for mail in service.inbox.mails] == [token]
    service.let_time_pass(days=5)
    await service.purge()

    assert (await service.check(token))["emailHint"] == HINT
