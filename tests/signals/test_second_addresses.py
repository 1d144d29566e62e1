"""A report about a mailbox that is only the second address of an account blocks it, too."""

from typing import Any

import pytest
from tests.signals.test_reports import HIJACKED, is_blocked, push, reported
from tests.signals.transmitter import ENABLED, Transmitter
from tests.spec.proofs.test_second_address import NO_COOLDOWN, ON, SERVICE_KEY, added, second_link, trail, want
from tests.spec.service import NOBODY, Service, problem

pytestmark = pytest.mark.any_database

BY_EMAIL = {"format": "email", "email": NOBODY}


@pytest.fixture
def service_options(transmitter: Transmitter) -> dict[str, Any]:
    options = {"second_address": ON, "limits": NO_COOLDOWN, "invitations": SERVICE_KEY}
    return options | {"signals": transmitter.settings()}


async def test_a_hijacked_second_mailbox_gets_no_link_and_its_link_stops_working(
    service: Service, transmitter: Transmitter
) -> None:
    await added(service, NOBODY)
    link = await second_link(service, NOBODY)
    await push(service, transmitter.sign(transmitter.event(ago=60, **HIJACKED | {"subject": BY_EMAIL})))

    assert await is_blocked(service, NOBODY)
    assert not await is_blocked(service)
    assert not await service.works(link)
    assert problem(await service.reset(link)) == "400 link-dead"
    await want(service)
    assert (await trail(service))[-1] == "second_address_request blocked"

    await push(service, transmitter.sign(transmitter.event(ENABLED, subject=BY_EMAIL)))
    assert not await is_blocked(service, NOBODY)
    assert [outcome for outcome, *_ in await reported(service)] == ["hijacked", "enabled"]


async def test_an_older_report_about_a_second_mailbox_blocks_nothing(
    service: Service, transmitter: Transmitter
) -> None:
    await added(service, NOBODY)
    late = transmitter.sign(transmitter.event(ago=60, **HIJACKED | {"subject": BY_EMAIL}))
    await push(service, transmitter.sign(transmitter.event(ENABLED, subject=BY_EMAIL)))
    await push(service, late)
    assert not await is_blocked(service, NOBODY)


async def test_a_mailbox_that_nobody_has_is_not_blocked(service: Service, transmitter: Transmitter) -> None:
    await push(service, transmitter.sign(transmitter.event(**HIJACKED | {"subject": BY_EMAIL})))
    assert not await is_blocked(service, NOBODY)
    assert [outcome for outcome, *_ in await reported(service)] == ["no_account"]
