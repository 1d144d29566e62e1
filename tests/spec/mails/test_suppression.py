"""A mailbox that bounced for good, or whose owner complained, gets no mail for a while, and the
trail says so.
"""

from hashlib import sha256
from typing import Any

import pytest
from tests.driver.reporting import (
    HARD,
    SOFT,
    WITH_WEBHOOK,
    deliver_all,
    is_mailed,
    provider_id,
    report,
    state,
)
from tests.driver.service import ADA, GRACE, NO_COOLDOWN, NOBODY, REQUEST, Service, change

from keyturn import SendRetryable

pytestmark = [pytest.mark.any_database, pytest.mark.long]


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"resend": WITH_WEBHOOK, "limits": NO_COOLDOWN}


ENDINGS: dict[str, dict[str, Any]] = {"bounced": HARD, "complained": {}, "suppressed": {}}


@pytest.mark.parametrize("event", ENDINGS)
async def test_a_mailbox_gets_none_for_a_while_and_the_trail_says_so(
    service: Service, mailed: str, event: str
) -> None:
    await deliver_all(service, report(event, mailed, **ENDINGS[event]))
    assert not await is_mailed(service)
    asked, reported, refused = await service.trail()
    assert (asked.event, asked.outcome, asked.mail) == ("reset_request", "link_mailed", event)
    assert (reported.event, reported.outcome, reported.email) == ("mail_report", event, ADA)
    assert (reported.message_id, reported.account_id) == (asked.message_id, asked.account_id)
    assert (refused.event, refused.outcome, refused.email) == ("reset_request", "suppressed", ADA)
    assert (refused.mail, refused.mail_reason) == ("dropped", "suppressed")
    assert refused.ip_address.startswith("198.18.")
    assert await is_mailed(service, GRACE)
    answers = [
        await service.anywhere().post(REQUEST, json={"email": email}) for email in (ADA, NOBODY)
    ]
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    await service.deliver()
    service.let_time_pass(days=14, minutes=1)
    assert await is_mailed(service)


@pytest.mark.parametrize(
    "bounce", [SOFT, {}, {"bounce": None}, {"bounce": {"type": "Undetermined"}}]
)
async def test_a_bounce_that_may_pass_stops_no_mail(
    service: Service, mailed: str, bounce: dict[str, Any]
) -> None:
    await deliver_all(service, report("bounced", mailed, **bounce))
    assert await state(service) == "bounced"
    assert await service.trail("mail_report") == []
    assert await is_mailed(service)


async def test_no_confirmation_is_sent_either_and_the_trail_says_who_is_not_told(
    service: Service,
) -> None:
    token = await service.link()
    await deliver_all(service, report("complained", await provider_id(service)))
    assert (await service.reset(token)).status_code == 200
    await service.deliver()
    assert service.inbox.sent_to(ADA, "password_changed") == []
    (entry,) = await service.trail("confirmation")
    (changed,) = await service.trail("password_reset")
    assert (entry.outcome, entry.email, entry.message_id) == ("suppressed", ADA, changed.message_id)
    assert changed.mail_reason == "suppressed"
    zoe = (await service.add("zoe@northwind.test")).email
    assert await change(await service.sign_in(zoe)) == "200"
    await service.deliver()
    await deliver_all(service, report("delivered", await provider_id(service), to=zoe))
    (changed,) = await service.trail("password_change")
    assert changed.mail == "delivered", "the trail shows where a confirmation is"


async def test_a_mail_that_waits_for_another_try_is_not_sent_after_all(service: Service) -> None:
    await service.link()
    sent = await provider_id(service)
    service.inbox.failures.append(SendRetryable("busy"))
    await service.ask_and_deliver()
    await deliver_all(service, report("complained", sent))
    service.let_time_pass(minutes=1)
    await service.deliver()
    assert len(service.inbox.mails) == 1
    message = (await service.messages())[-1]
    assert (message.state, message.reason) == ("dropped", "suppressed")


async def is_remembered(service: Service) -> bool:
    """Tell whether the database still has something of Ada's mailbox, which it knows by a
    digest.
    """
    mailbox = sha256(ADA.encode()).digest()
    return any(mailbox in value for _, value in await service.dump())


async def test_other_requests_and_the_purge_of_mailboxes_neither_end_nor_prolong_it(
    service: Service, mailed: str
) -> None:
    await deliver_all(service, report("complained", mailed))
    for _ in range(3):
        service.let_time_pass(days=4, hours=15)
        await service.purge()
        assert not await is_mailed(service)
    service.let_time_pass(hours=3, minutes=1)  # after 14 days and a minute
    assert await is_mailed(service)
    service.let_time_pass(days=9)
    await service.purge()
    assert not await is_remembered(service)


async def test_a_report_of_an_address_in_any_case_without_an_account_or_purged_is_heeded(
    service: Service, mailed: str
) -> None:
    service.let_time_pass(days=8)  # the link of the mail is kept for a week
    await service.purge()
    assert not await is_remembered(service)
    for to in (NOBODY, "Ada@Northwind.TEST"):
        await deliver_all(service, report("complained", mailed, to=to))
    found = [
        (entry.outcome, bool(entry.account_id), entry.email)
        for entry in await service.trail("mail_report")
    ]
    assert found == [("complained", False, NOBODY), ("complained", True, ADA)]
    assert not await is_mailed(service)
