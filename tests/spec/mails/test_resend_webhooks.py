"""What Resend reports of a mail lands on its message: once, in any order, and no more of it than
may be kept.
"""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.driver.reporting import (
    HARD,
    WITH_WEBHOOK,
    deliver,
    deliver_all,
    history,
    is_mailed,
    report,
    signature,
    state,
)
from tests.driver.service import ADA, NO_COOLDOWN, Service, problem

pytestmark = [pytest.mark.any_database, pytest.mark.long]


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"resend": WITH_WEBHOOK, "limits": NO_COOLDOWN}


@pytest.mark.parametrize(("event", "shown"), [
    ("sent", "sent"), ("scheduled", "sent"), ("delivery_delayed", "delayed"),
    ("opened", "delivered"), *((event, event) for event in ("complained", "failed", "suppressed")),
])  # fmt: skip
async def test_a_report_lands_on_its_message(
    service: Service, mailed: str, event: str, shown: str
) -> None:
    answer = await deliver(service, report(event, mailed))
    assert (answer.status_code, answer.json()["success"]) == (200, True)
    assert await state(service) == shown
    assert await history(service) == [(event, "")]


async def test_reports_that_arrive_in_any_order_tell_the_same(
    service: Service, mailed: str
) -> None:
    events = ["sent", "delivery_delayed", "delivered", "opened", "complained", "teleported"]
    for number in (4, 2, 5, 1, 0, 3):
        await deliver_all(
            service, report(events[number], mailed, age=timedelta(seconds=6 - number))
        )
    assert [event for event, _ in await history(service)] == events
    assert await state(service) == "complained", "a new kind of event moves nothing"
    service.let_time_pass(days=31)
    await service.purge()
    assert await service.messages() == []
    await deliver_all(service, report("bounced", mailed, **HARD))
    assert await history(service) == [], "a report about a message that was purged is answered"


async def test_a_repeated_report_prolongs_nothing(service: Service, mailed: str) -> None:
    bounce = report("bounced", mailed, **HARD)
    await deliver_all(service, bounce)
    service.let_time_pass(days=7)
    await deliver_all(
        service, bounce, msgspec.structs.replace(bounce, timestamp=bounce.timestamp - 60)
    )
    service.let_time_pass(days=7, minutes=1)
    assert await is_mailed(service), "the mailbox gets no mail for two weeks from the first report"


async def test_a_report_that_is_delivered_many_times_at_once_is_noted_once(
    service: Service, mailed: str
) -> None:
    bounce = report("bounced", mailed, **HARD)
    answers = await asyncio.gather(*(deliver(service, bounce) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(await history(service)) == 1
    assert await service.outcomes("mail_report") == ["bounced"]


async def test_words_of_people_and_servers_are_not_kept(service: Service, mailed: str) -> None:
    await deliver_all(
        service,
        report(
            "bounced", mailed, bounce={"type": f"for {ADA}", "subType": f"{ADA}", "message": ADA}
        ),
        report("failed", mailed, failed={"reason": f"no {ADA}"}),
        report("suppressed", mailed, suppressed={"type": ADA, "message": ADA}),
    )
    assert {detail for _, detail in await history(service)} == {""}


async def test_one_of_several_signatures_is_enough_and_no_id_is_too_long_to_keep(
    service: Service, mailed: str
) -> None:
    sent = report("delivered", mailed)
    too_long = msgspec.structs.replace(sent, id="msg_" + "x" * 77)
    assert problem(await deliver(service, too_long)) == "400 webhook-refused"
    assert await history(service) == []
    other = "whsec_b3RoZXIgc2VjcmV0cyBvdGhlciBob3VzZXM="
    signatures = f"v1a,bm9uZQ== v1,{signature(sent, other)} v1,{signature(sent)}"
    assert (await deliver(service, sent, **{"svix-signature": signatures})).status_code == 200
    assert await state(service) == "delivered"
