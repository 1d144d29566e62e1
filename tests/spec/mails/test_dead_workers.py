"""A worker that dies after it has decided about a message leaves nothing to decide again."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from tests.driver.service import ADA, DAN, NOBODY, Service

from keyturn.service.outbox.models import OutboxRow
from keyturn.service.reset.records.models import AuditRow

pytestmark = pytest.mark.any_database


async def die_after_deciding(service: Service) -> None:
    """Decide about all messages as a worker does, and do nothing of what a worker does next."""
    (requests, *_) = service.parts.relay._lanes
    claimed = await service.parts.outbox.claim(10, timedelta(0))
    await requests.prepare_all(claimed, 60)


async def outcomes(service: Service) -> list[str]:
    return [row["outcome"] for row in await service.rows(select(AuditRow.outcome).order_by(AuditRow.id))]


@pytest.mark.parametrize(("email", "outcome"), [(NOBODY, "no_account"), (DAN, "disabled")])
async def test_a_request_without_a_mail_has_one_outcome_though_its_worker_died(
    service: Service, email: str, outcome: str
) -> None:
    await service.ask(email)
    await die_after_deciding(service)
    (message,) = await service.rows(select(OutboxRow.state, OutboxRow.reason))
    assert message == {"state": "dropped", "reason": outcome}
    await service.deliver()
    assert await outcomes(service) == [outcome]


async def test_a_request_with_a_mail_is_sent_once_though_its_worker_died(service: Service) -> None:
    await service.ask(ADA)
    await die_after_deciding(service)
    await service.deliver()
    assert len(service.inbox.sent_to(ADA)) == 1
    assert await outcomes(service) == ["link_mailed"]


async def test_a_request_in_other_hands_is_not_dropped(service: Service) -> None:
    await service.ask(NOBODY)
    (claimed,) = await service.parts.outbox.claim(10, timedelta(0))
    await service.parts.outbox.claim(10, timedelta(0))
    (requests, *_) = service.parts.relay._lanes
    await requests.prepare_all([claimed], 60)
    (message,) = await service.rows(select(OutboxRow.state))
    assert message["state"] == "waiting"
    assert await outcomes(service) == []
