"""What Resend reports of a mail lands on its message: once, in any order, and no more of it than may be kept."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.driver.reporting import (
    HARD,
    NO_COOLDOWN,
    SOFT,
    WITH_WEBHOOK,
    Report,
    deliver,
    deliver_all,
    history,
    is_mailed,
    outcomes,
    provider_id,
    report,
    state,
)
from tests.driver.service import ADA, Service, Start

pytestmark = [pytest.mark.any_database, pytest.mark.long]

MINUTE = timedelta(minutes=1)


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"resend": WITH_WEBHOOK, "limits": NO_COOLDOWN}


@pytest.mark.parametrize(
    ("event", "data", "shown", "detail"),
    [
        ("sent", {}, "sent", ""),
        ("scheduled", {}, "sent", ""),
        ("delivery_delayed", {}, "delayed", ""),
        ("delivered", {}, "delivered", ""),
        ("opened", {}, "delivered", ""),
        ("bounced", HARD, "bounced", "Permanent Suppressed"),
        ("bounced", SOFT, "bounced", "Transient MailboxFull"),
        ("complained", {}, "complained", ""),
        ("failed", {"failed": {"reason": "reached_daily_quota"}}, "failed", "reached_daily_quota"),
        (
            "suppressed",
            {"suppressed": {"type": "OnAccountSuppressionList", "message": f"{ADA} is on the list"}},
            "suppressed",
            "OnAccountSuppressionList",
        ),
    ],
)
async def test_a_report_lands_on_its_message(
    service: Service, mailed: str, event: str, data: dict[str, Any], shown: str, detail: str
) -> None:
    answer = await deliver(service, report(event, mailed, **data))
    assert answer.status_code == 200
    assert answer.json()["success"] is True
    assert await state(service) == shown
    assert await history(service) == [(event, detail)]


async def test_reports_that_arrive_in_any_order_tell_the_same(service: Service, mailed: str) -> None:
    await deliver_all(
        service,
        report("complained", mailed, age=timedelta(seconds=1)),
        report("delivered", mailed, age=timedelta(seconds=3)),
        report("delivery_delayed", mailed, age=timedelta(seconds=4)),
        report("sent", mailed, age=timedelta(seconds=5)),
        report("opened", mailed, age=timedelta(seconds=2)),
    )
    assert [event for event, _ in await history(service)] == [
        "sent",
        "delivery_delayed",
        "delivered",
        "opened",
        "complained",
    ]
    assert await state(service) == "complained"


@pytest.mark.parametrize(
    ("first", "later"),
    [("delivered", "delivery_delayed"), ("delivered", "sent"), ("complained", "delivered"), ("complained", "opened")],
)
async def test_a_late_report_moves_no_state_back(service: Service, mailed: str, first: str, later: str) -> None:
    await deliver_all(service, report(first, mailed))
    reached = await state(service)
    await deliver_all(service, report(later, mailed, age=MINUTE))
    assert await state(service) == reached


async def test_a_repeated_report_changes_nothing(service: Service, mailed: str) -> None:
    bounce = report("bounced", mailed, **HARD)
    await deliver_all(service, bounce)
    entries = await service.trail()
    service.let_time_pass(days=7)
    await deliver_all(service, bounce, msgspec.structs.replace(bounce, timestamp=bounce.timestamp - 60))
    assert len(await history(service)) == 1
    assert await service.trail() == entries
    service.let_time_pass(days=7, minutes=1)
    assert await is_mailed(service), "the mailbox gets no mail for two weeks from the first report"


async def test_a_report_that_is_delivered_many_times_at_once_is_noted_once(service: Service, mailed: str) -> None:
    bounce = report("bounced", mailed, **HARD)
    answers = await asyncio.gather(*(deliver(service, bounce) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(await history(service)) == 1
    assert await outcomes(service, "mail_report") == ["bounced"]


async def test_what_people_and_servers_wrote_is_not_kept(service: Service, mailed: str) -> None:
    await deliver_all(
        service,
        report("bounced", mailed, bounce={"type": f"for {ADA}", "subType": f"{ADA}", "message": ADA}),
        report("failed", mailed, failed={"reason": f"no {ADA}"}),
        report("suppressed", mailed, suppressed={"type": ADA, "message": ADA}),
    )
    assert {detail for _, detail in await history(service)} == {""}


@pytest.mark.usefixtures("mailed")
@pytest.mark.parametrize(
    "sent",
    [
        report("bounced", "another-service-of-the-team", **HARD),
        report("delivered", "another-service-of-the-team", tags=[{"name": "key", "value": "x"}]),
        report("delivered", "another-service-of-the-team", tags={"key": 5}),
        Report("msg_contact", b'{"type": "contact.created", "created_at": "?", "data": {"id": "1"}}', int(time.time())),
        Report("msg_test", b'{"test": 2432232314}', int(time.time())),
        Report("msg_list", b"[]", int(time.time())),
    ],
    ids=["bounced", "tags as a list", "tags of another kind", "no mail", "no type", "no object"],
)
async def test_what_is_about_no_mail_of_ours_is_answered_and_left(service: Service, sent: Report) -> None:
    sent = msgspec.structs.replace(sent, timestamp=int(time.time()))
    assert (await deliver(service, sent)).status_code == 200
    assert await history(service) == []
    assert await service.trail("mail_report") == []
    assert await is_mailed(service)


async def test_a_new_kind_of_event_is_kept_as_history_and_moves_nothing(service: Service, mailed: str) -> None:
    await deliver_all(service, report("delivered", mailed, age=MINUTE), report("teleported", mailed))
    assert [event for event, _ in await history(service)] == ["delivered", "teleported"]
    assert await state(service) == "delivered"


async def test_a_report_about_a_message_that_was_purged_is_answered(service: Service, mailed: str) -> None:
    service.let_time_pass(days=31)
    await service.purge()
    assert await service.messages() == []
    assert (await deliver(service, report("bounced", mailed, **HARD))).status_code == 200
    assert await history(service) == []


async def test_reports_leave_with_their_message(start: Start) -> None:
    service = await start(resend=WITH_WEBHOOK)
    await service.link()
    await deliver_all(service, report("delivered", await provider_id(service)))
    assert await history(service) == [("delivered", "")]
    service.let_time_pass(days=31)
    await service.purge()
    assert await service.messages() == []
    assert await history(service) == []
